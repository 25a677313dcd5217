#include "apps/troupectl/presentation.hpp"

#include "apps/troupectl/table.hpp"
#include "persistence/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace troupe {

namespace {

volatile std::sig_atomic_t gave_up = 0;

/// The only line whose first member is this is the last one.
constexpr std::string_view last_line = R"({"ok":)";

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string bytes(std::uint64_t count) {
  constexpr std::array units = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(count);
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 != units.size(); ++unit)
    amount /= 1024;
  return fmt::format("{:.{}f} {}", amount, unit == 0 ? 0 : 1, units[unit]);
}

/// Of the log; streams are called by their filters.
std::string name_of_part(const json_object& part) {
  if (!part["filter"].is_null()) return cell(part["filter"]);
  return part["stream"] == 0 ? "(for sessions)" : "(lent by nodes)";
}

std::string show_status(const json_object& status) {
  std::string text = fmt::format(
      "head {}, oldest {}: {} messages, {} ({} on disk)\nretained messages {}, sessions {}\n",
      cell(status["head"]), cell(status["oldest"]), cell(status["messages"]),
      bytes(status["bytes"].get<std::uint64_t>()),
      bytes(status["bytes_on_disk"].get<std::uint64_t>()), cell(status["retained"]),
      cell(status["sessions"]));
  if (const auto lost = status["stores_set_aside"].get<std::uint64_t>(); lost != 0)
    text += fmt::format("{} whole stores were damaged and set aside: damaged-1, ...\n", lost);
  table_rows<7> rows = {
      {"STREAM", "MESSAGES", "SIZE", "OLDEST", "NEWEST", "OLDEST TIME", "NEWEST TIME"}};
  for (const json_object& each : status["streams"])
    rows.push_back({name_of_part(each), cell(each["messages"]),
                    bytes(each["bytes"].get<std::uint64_t>()), cell(each["oldest"]),
                    cell(each["newest"]), cell(each["oldest_time"]), cell(each["newest_time"])});
  return text + '\n' + table(rows);
}

std::string show_verification(const json_object& line) {
  if (line.contains("problem")) return cell(line["problem"]) + '\n';
  return fmt::format("{} messages in {} records ({}), {} topics, {} index entries, {} retained, "
                     "{} sessions: {}\n",
                     cell(line["messages"]), cell(line["records"]),
                     bytes(line["bytes"].get<std::uint64_t>()), cell(line["topics"]),
                     cell(line["index_entries"]), cell(line["retained"]), cell(line["sessions"]),
                     line["problems"] == 0 ? "good" : "not good");
}

std::string show_backup(const json_object& line) {
  return fmt::format("{}: {} in {} keys\n", cell(line["target"]),
                     bytes(line["bytes"].get<std::uint64_t>()), cell(line["keys"]));
}

std::string show_cluster(const json_object& status) {
  std::size_t others = 0;
  std::size_t linked = 0;
  table_rows<10> rows = {{"NODE", "STATE", "SINCE", "ADDRESS", "LIFE", "ROUTES", "FORWARDED",
                          "RECEIVED", "DROPPED", "UNHANDLED"}};
  for (const json_object& each : status["members"]) {
    others += each["state"] != "self" ? 1 : 0;
    linked += each["state"] == "linked" ? 1 : 0;
    const std::string state =
        cell(each["state"]) + (each["draining"].get<bool>() ? ", draining" : "");
    rows.push_back({cell(each["name"]), state, cell(each["since"]), cell(each["address"]),
                    cell(each["incarnation"])});
    const json_object& link = each["link"];
    if (link.is_null()) {
      std::fill(rows.back().begin() + 5, rows.back().end(), "-");
      continue;
    }
    rows.back()[5] = cell(link["routes"]);
    rows.back()[6] = cell(link["messages_forwarded"]);
    rows.back()[7] = cell(link["messages_received"]);
    rows.back()[8] = cell(link["messages_dropped"]);
    rows.back()[9] = bytes(link["unhandled_bytes"].get<std::uint64_t>());
  }
  const bool has_left = status["left"].get<bool>();
  const bool is_draining = status["draining"].get<bool>();
  return fmt::format("node {}: {} other members, {} linked{}{}\n\n", cell(status["node"]), others,
                     linked, has_left ? "; it has left the cluster" : "",
                     is_draining
                         ? fmt::format("; it is drained, and has {} clients and {} "
                                       "sessions that other nodes have not read",
                                       cell(status["clients"]), cell(status["unread_sessions"]))
                         : "") +
         table(rows);
}

}  // namespace

void presenter::give_up() noexcept { gave_up = 1; }

bool presenter::is_wanted() { return gave_up == 0 && std::ferror(stdout) == 0; }

bool presenter::put(std::string_view line) {
  if (line.starts_with(last_line)) {
    end(line);
  } else if (how_ == presentation::as_they_are) {
    print(line);
    print("\n");
  } else {
    const auto parsed = json_object::parse(line);
    print(how_ == presentation::status         ? show_status(parsed)
          : how_ == presentation::verification ? show_verification(parsed)
          : how_ == presentation::cluster      ? show_cluster(parsed)
                                               : show_backup(parsed));
  }
  return is_wanted();
}

void presenter::end(std::string_view line) {
  const auto last = json_object::parse(line);
  has_end_ = true;
  failed_ = !last["ok"].get<bool>();
  std::fflush(stdout);
  if (failed_) fmt::print(stderr, "troupectl: {}\n", cell(last["error"]));
  if (last.contains("damaged_records"))
    fmt::print(stderr, "troupectl: {} damaged records were left out; see troupectl log verify\n",
               cell(last["damaged_records"]));
}

int presenter::finish() {
  if (!has_end_) fmt::print(stderr, "troupectl: the broker ended the connection too early\n");
  if (std::fflush(stdout) != 0) std::perror("troupectl: cannot write");
  return has_end_ && !failed_ && std::ferror(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace troupe
