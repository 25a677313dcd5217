#include "apps/troupectl/inspection.hpp"

#include "apps/troupectl/table.hpp"
#include "libbroker/config/host_port.hpp"
#include "libbroker/config/load.hpp"
#include "net/cluster_secret.hpp"
#include "net/control_client.hpp"
#include "net/inspection_client.hpp"
#include "persistence/json_text.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace troupe {

namespace {

using failure = std::runtime_error;

/// As the broker reads it, with what was said here in front.
config settings_of(const inspection_command& asked) {
  std::string text;
  if (!asked.config_file.empty()) {
    std::ifstream file(asked.config_file);
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) throw failure("cannot read " + asked.config_file + ": " + std::strerror(errno));
  }
  std::vector<std::string> environment;
  for (char** at = environ; *at != nullptr; ++at)
    environment.emplace_back(*at);
  loaded_config loaded = load_config({.file_text = text,
                                      .file_name = asked.config_file,
                                      .environment = environment,
                                      .overrides = asked.overrides});
  if (!loaded.errors.empty()) throw failure(to_string(loaded.errors.front()));
  config settings = std::move(loaded.values);
  if (!asked.secret_file.empty()) settings.cluster.secret_file = asked.secret_file;
  if (!asked.data_dir.empty()) settings.node.data_dir = asked.data_dir;
  return settings;
}

/// Where the broker that runs on the data directory says that its cluster port is.
std::string ask_broker(const std::string& data_dir) {
  auto broker = control_client::connect(data_dir);
  if (!broker) throw failure(broker.error());
  if (*broker == nullptr) throw failure("no broker runs on " + data_dir);
  std::string address;
  std::string refusal;
  (*broker)->ask(to_text({{"command", "cluster status"}}), [&](std::string_view line) {
    const auto said = json_object::parse(line);
    if (said.contains("error")) refusal = said["error"].get<std::string>();
    if (!said.contains("members")) return;
    for (const json_object& each : said["members"])
      if (each["state"] == "self") address = each["address"].get<std::string>();
  });
  if (!refusal.empty()) throw failure(refusal);
  if (address.empty()) throw failure("the broker does not say where its cluster port is");
  return address;
}

std::string address_of(const inspection_command& asked, const config& settings) {
  if (!asked.address.empty()) return asked.address;
  if (!settings.cluster.listen.empty()) {
    host_port listen = std::get<host_port>(parse_host_port(settings.cluster.listen));
    if (is_wildcard_host(listen.host))
      listen.host = listen.host.find(':') == std::string::npos ? "127.0.0.1" : "::1";
    if (listen.port != 0) return to_string(listen);
  }
  if (!settings.node.data_dir.empty()) return ask_broker(settings.node.data_dir);
  throw failure("say where the node is: --config, --address or --data-dir");
}

/// A connection to one node after the other.
class asker {
public:
  asker(const config& settings, std::string address)
      : client_(settings.cluster, read_cluster_key(settings.cluster)) {
    go_to(std::move(address), {});
  }

  /// Its cluster port is asked like this one: who can look into one node can into all.
  void go_to_member(const std::string& name) {
    if (name == node_) return;
    go_to(ask<node_location>(locate_node{name}).address, name);
  }

  /// The name of the node that answers.
  [[nodiscard]] const std::string& node() const noexcept { return node_; }

  template <class Answer>
  Answer ask(const inspection_question& question) {
    auto answer = client_.ask(question);
    if (!answer) throw failure(answer.error());
    if (const auto* const refusal = std::get_if<inspection_refusal>(&*answer))
      throw failure(refusal->what);
    auto* const wanted = std::get_if<Answer>(&*answer);
    if (wanted == nullptr) throw failure("the node answers something else than it was asked");
    return std::move(*wanted);
  }

private:
  void go_to(std::string address, const std::string& expected) {
    auto reached = client_.connect(address, expected);
    if (!reached) throw failure(address + ": " + reached.error());
    node_ = std::move(reached->name);
  }

  inspection_client client_;
  std::string node_;
};

/// Page by page.
actor_page all_pages(asker& node, list_actors list, std::uint64_t limit) {
  actor_page all;
  for (;;) {
    const std::uint64_t left = limit == 0 ? most_rows : limit - all.rows.size();
    list.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, most_rows));
    actor_page page = node.ask<actor_page>(list);
    const bool is_last = page.rows.empty() || page.behind == 0;
    all.total = page.total;
    all.behind = page.behind;
    std::ranges::move(page.rows, std::back_inserter(all.rows));
    if (is_last || (limit != 0 && all.rows.size() >= limit)) return all;
    list.after = place_in(list.order, all.rows.back());
  }
}

// -- how it is shown ------------------------------------------------------------------

std::string duration(std::uint64_t nanoseconds) {
  const auto amount = static_cast<double>(nanoseconds);
  if (nanoseconds < 1'000'000) return fmt::format("{:.1f} us", amount / 1e3);
  if (nanoseconds < 1'000'000'000) return fmt::format("{:.1f} ms", amount / 1e6);
  return fmt::format("{:.2f} s", amount / 1e9);
}

json_object to_json(const actor_row& row) {
  return {{"id", row.id},           {"kind", row.kind},         {"name", row.name},
          {"mailbox", row.mailbox}, {"messages", row.messages}, {"nanoseconds", row.nanoseconds}};
}

json_object to_json(const fact_value& value) {
  struct visitor {
    json_object operator()(std::monostate) const { return nullptr; }
    json_object operator()(bool flag) const { return flag; }
    json_object operator()(std::uint64_t number) const { return number; }
    json_object operator()(const std::string& text) const { return text; }
    json_object operator()(const std::vector<std::uint64_t>& numbers) const { return numbers; }
  };
  return std::visit(visitor{}, value);
}

void show(const actor_page& page, const std::string& node, bool json) {
  if (json) {
    json_object rows = json_object::array();
    for (const actor_row& each : page.rows)
      rows.push_back(to_json(each));
    fmt::print("{}\n", to_text({{"node", node},
                                {"total", page.total},
                                {"more", page.behind},
                                {"actors", std::move(rows)}}));
    return;
  }
  table_rows<6> rows = {{"ID", "KIND", "NAME", "MAILBOX", "MESSAGES", "TIME"}};
  for (const actor_row& each : page.rows)
    rows.push_back({std::to_string(each.id), each.kind, each.name.empty() ? "-" : cell(each.name),
                    std::to_string(each.mailbox), std::to_string(each.messages),
                    duration(each.nanoseconds)});
  fmt::print("node {}: {} actors\n\n{}", cell(node), page.total, table(rows, 3));
  if (page.behind != 0) fmt::print("(+{} more)\n", page.behind);
}

void show(const actor_detail& detail, const std::string& node, bool json) {
  const actor_row& actor = detail.actor;
  if (json) {
    json_object all = to_json(actor);
    all["node"] = node;
    all["answered"] = detail.has_answered;
    for (const fact_group& group : detail.groups) {
      json_object& facts = all[group.name];
      for (const fact& each : group.facts)
        facts[each.name] = to_json(each.value);
    }
    fmt::print("{}\n", to_text(all));
    return;
  }
  fmt::print("{}{}{} (actor {}) at node {}: {} messages wait, {} handled in {}\n", cell(actor.kind),
             actor.name.empty() ? "" : " ", cell(actor.name), actor.id, cell(node), actor.mailbox,
             actor.messages, duration(actor.nanoseconds));
  if (!detail.has_answered) fmt::print("it does not answer: it is stuck, or has just ended\n");
  for (const fact_group& group : detail.groups) {
    std::size_t width = 0;
    for (const fact& each : group.facts)
      width = std::max(width, each.name.size());
    fmt::print("\n{}{}\n", cell(group.name), group.facts.empty() ? ": none" : "");
    for (const fact& each : group.facts)
      fmt::print("  {:<{}}  {}\n", cell(each.name), width, cell(to_json(each.value)));
  }
}

}  // namespace

int inspect(const inspection_command& asked) {
  spdlog::set_level(spdlog::level::off);  // what goes wrong is said in a sentence
  const config settings = settings_of(asked);
  asker node(settings, address_of(asked, settings));
  if (!asked.node.empty()) node.go_to_member(asked.node);
  if (const auto* const list = std::get_if<list_actors>(&asked.question))
    show(all_pages(node, *list, asked.limit), node.node(), asked.json);
  else
    show(node.ask<actor_detail>(asked.question), node.node(), asked.json);
  return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace troupe
