#include "persistence/log_inspector.hpp"

#include "libbroker/rfc3339.hpp"
#include "persistence/json_text.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"
#include "persistence/log_verifier.hpp"
#include "persistence/message_json.hpp"
#include "persistence/snapshot_walk.hpp"
#include "persistence/store_backup.hpp"

#include <limits>

namespace troupe {

namespace {

/// What a last line says besides that it went well, or one sentence about why it did not.
using outcome = result<json_object, std::string>;

/// A page of a read. Few records, whether they match or not: nothing waits for long.
constexpr std::size_t records_per_page = 64;

struct inspection {
  const database& store;
  const log_streams& streams;
  const log_reader& reader;
  const nlohmann::json& request;
  wall_time now;
  line_sink& to;

  [[nodiscard]] std::string text(const char* name, std::string otherwise = {}) const {
    const auto found = request.find(name);
    return found != request.end() && found->is_string() ? found->get<std::string>() : otherwise;
  }
  [[nodiscard]] std::optional<std::uint64_t> number(const char* name) const {
    const auto found = request.find(name);
    if (found == request.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  }
};

// -- log status -------------------------------------------------------------------

/// The first or last message of a part of the log.
struct edge {
  log_offset offset = 0;  ///< 0: the part is empty
  std::optional<wall_time> time;
};

edge oldest_of(const store_scan& scan, stream_number part, log_offset trimmed) {
  scan->Seek(keys::record(part, trimmed + 1));
  if (!scan->Valid()) return {};
  const auto last = keys::last_of_record({scan->key().data(), scan->key().size()}, part);
  if (!last) return {};
  const auto record = record_view::parse({scan->value().data(), scan->value().size()});
  return record ? edge{record->first(), record->origin().received_at} : edge{*last, std::nullopt};
}

edge newest_of(const store_scan& scan, stream_number part) {
  const log_offset last = seek_to_last_record(scan, part);
  if (last == 0) return {};
  const auto record = record_view::parse({scan->value().data(), scan->value().size()});
  return {last, record ? std::optional(record->origin().received_at) : std::nullopt};
}

/// The last message of the log; 0: there is none.
log_offset head_of(const database& store, const log_streams& streams) {
  const store_scan scan = store.scan();
  log_offset head = 0;
  for (const stream_number each : streams.all())
    head = std::max(head, newest_of(scan, each).offset);
  return head;
}

json_object or_null(log_offset offset) { return offset == 0 ? json_object() : json_object(offset); }
json_object or_null(std::optional<wall_time> time) {
  return time ? json_object(to_rfc3339(*time)) : json_object();
}

json_object status_of_streams(const inspection& of) {
  json_object all = json_object::array();
  const store_scan scan = of.store.scan();
  for (const stream_number each : of.streams.all()) {
    const log_streams::figures kept = of.streams.kept(each);
    if (each == loan_part && kept.messages == 0) continue;  // in most logs, always
    const edge oldest = oldest_of(scan, each, kept.trimmed);
    const edge newest = newest_of(scan, each);
    all.push_back(
        {{"stream", each},
         {"filter",
          of.streams.filter(each).empty() ? json_object() : json_object(of.streams.filter(each))},
         {"messages", kept.messages},
         {"bytes", kept.bytes},
         {"oldest", or_null(oldest.offset)},
         {"newest", or_null(newest.offset)},
         {"oldest_time", or_null(oldest.time)},
         {"newest_time", or_null(newest.time)}});
  }
  return all;
}

storage_result<std::uint64_t> count(const inspection& of, const store_snapshot& in, char table,
                                    bool (*counts)(std::string_view key, std::string_view value)) {
  std::uint64_t found = 0;
  const auto walked = walk(in, std::string(1, table),
                           {.take = [&](std::string_view key, std::string_view value,
                                        const store_scan&) { found += counts(key, value) ? 1 : 0; },
                            .rest = [&](const auto&) -> storage_result<void> {
                              if (of.to.is_wanted()) return {};
                              return storage_error{storage_error::kind::io, "given up"};
                            }});
  if (!walked) return walked.error();
  return found;
}

outcome log_status(const inspection& asked) {
  const auto snapshot = asked.store.snapshot();
  if (!snapshot) return snapshot.error().what;
  const auto retained =
      count(asked, *snapshot, keys::retained_table, [](std::string_view, std::string_view value) {
        const auto record = record_view::parse(value);
        return !record || (*record)[0].payload_size() != 0;
      });
  if (!retained) return retained.error().what;
  const auto sessions =
      count(asked, *snapshot, keys::session_table, [](std::string_view key, std::string_view) {
        return keys::parse_session(key).part == keys::login_part;
      });
  if (!sessions) return sessions.error().what;

  json_object streams = status_of_streams(asked);
  log_offset head = 0;
  log_offset oldest = std::numeric_limits<log_offset>::max();
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  for (const json_object& each : streams) {
    messages += each["messages"].get<std::uint64_t>();
    bytes += each["bytes"].get<std::uint64_t>();
    if (each["newest"].is_null()) continue;
    head = std::max(head, each["newest"].get<log_offset>());
    oldest = std::min(oldest, each["oldest"].get<log_offset>());
  }
  asked.to.put(to_text({{"head", or_null(head)},
                        {"oldest", or_null(head == 0 ? 0 : oldest)},
                        {"messages", messages},
                        {"bytes", bytes},
                        {"bytes_on_disk", asked.store.bytes_on_disk()},
                        {"streams", std::move(streams)},
                        {"retained", *retained},
                        {"sessions", *sessions},
                        {"stores_set_aside", asked.store.recovered().stores_lost}}));
  return json_object::object();
}

// -- log get, log read ------------------------------------------------------------

outcome log_get(const inspection& asked) {
  const auto offset = asked.number("offset");
  if (!offset) return std::string("log get takes an offset");
  const auto found = asked.reader.get(*offset);
  if (!found) return found.error().what;
  if (!*found) return "there is no message at offset " + std::to_string(*offset);
  asked.to.put(to_json_line(**found, 0));
  return json_object::object();
}

/// Takes `start` and `filter` as a replay does. `keeps` is what views point into.
result<replay_filter> parse_place(const std::string& start, const std::string& filter,
                                  std::string& keeps) {
  const bool is_one_level = start.find('/') == std::string::npos;
  keeps = std::string(replay_prefix) + (is_one_level ? start : "") + '/' + filter;
  return parse_replay_filter(keeps);
}

/// The last offset that `to` includes: an offset itself, what was received before a time.
storage_result<log_offset> end_of(const inspection& asked, const replay_start& to,
                                  const std::vector<std::string>& filters) {
  if (const auto* const offset = std::get_if<log_offset>(&to)) return *offset;
  const auto found = asked.reader.find(to, filters, asked.now);
  if (!found) return found.error();
  return found->after;
}

outcome log_read(const inspection& asked) {
  std::string kept_from;
  std::string kept_to;
  const std::string filter = asked.text("filter", "#");
  const auto from = parse_place(asked.text("from", "earliest"), filter, kept_from);
  if (!from) return std::string(from.error().what);
  const auto to = parse_place(
      asked.text("to", std::to_string(std::numeric_limits<log_offset>::max())), "#", kept_to);
  if (!to) return std::string("what is read ends at an offset, -1h ago or at 2026-11-23T14:00:00Z");

  log_query what{.filters = {filter}, .most_records = records_per_page};
  const auto begin = asked.reader.find(from->start, what.filters, asked.now);
  if (!begin) return begin.error().what;
  what.after = std::max(begin->after, begin->oldest);
  const auto end = end_of(asked, to->start, what.filters);
  if (!end) return end.error().what;
  // What is appended from now on would never end.
  what.up_to = std::min(*end, head_of(asked.store, asked.streams));

  std::uint64_t left = asked.number("limit").value_or(std::numeric_limits<std::uint64_t>::max());
  std::uint64_t damaged = 0;
  while (what.after < what.up_to && left != 0 && asked.to.is_wanted()) {
    what.most_messages = std::min<std::uint64_t>(left, 1000);
    const auto page = asked.reader.read(what);
    if (!page) return page.error().what;
    for (const log_run& run : page->runs)
      for (std::uint32_t i = 0; i != run.block->size(); ++i)
        asked.to.put(to_json_line(run, i));
    left -= page->messages;
    damaged += page->damaged_records;
    what.after = page->reached;
  }
  return damaged == 0 ? json_object::object() : json_object{{"damaged_records", damaged}};
}

// -- log verify, log backup -------------------------------------------------------

outcome log_verify(const inspection& asked) {
  const auto found = verify(asked.store, {.report =
                                              [&](const std::string& problem) {
                                                asked.to.put(to_text({{"problem", problem}}));
                                              },
                                          .is_wanted = [&] { return asked.to.is_wanted(); }});
  if (!found) return found.error().what;
  asked.to.put(to_text({{"records", found->records},
                        {"messages", found->messages},
                        {"bytes", found->bytes},
                        {"topics", found->topics},
                        {"index_entries", found->index_entries},
                        {"retained", found->retained},
                        {"cleared", found->cleared},
                        {"sessions", found->sessions},
                        {"problems", found->problems}}));
  if (found->problems == 0) return json_object::object();
  return std::to_string(found->problems) + (found->problems == 1 ? " problem" : " problems");
}

outcome log_backup(const inspection& asked) {
  const std::string target = asked.text("target");
  const auto done = back_up(asked.store, target, [&] { return asked.to.is_wanted(); });
  if (!done) return done.error().what;
  asked.to.put(to_text({{"target", target}, {"keys", done->keys}, {"bytes", done->bytes}}));
  return json_object::object();
}

struct command {
  std::string_view name;
  outcome (*answer)(const inspection& asked);
};

constexpr command commands[] = {{"log status", log_status},
                                {"log get", log_get},
                                {"log read", log_read},
                                {"log verify", log_verify},
                                {"log backup", log_backup}};

outcome answer_one(const inspection& asked) {
  const std::string name = asked.text("command");
  for (const command& each : commands)
    if (each.name == name) return each.answer(asked);
  return std::string("there is no such command");
}

}  // namespace

void log_inspector::answer(std::string_view request, wall_time now, line_sink& to) const {
  const auto parsed = nlohmann::json::parse(request, nullptr, false);
  const outcome done = parsed.is_object()
                           ? answer_one({store_, streams_, reader_, parsed, now, to})
                           : outcome(std::string("a request is one line with an object in JSON"));
  json_object last{{"ok", done.has_value()}};
  if (done)
    last.update(*done);
  else
    last["error"] = done.error();
  to.put(to_text(last));
}

}  // namespace troupe
