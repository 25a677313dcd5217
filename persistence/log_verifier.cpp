#include "persistence/log_verifier.hpp"

#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"
#include "persistence/log_streams.hpp"
#include "persistence/member_list.hpp"
#include "persistence/node_table.hpp"
#include "persistence/session_table.hpp"
#include "persistence/share_table.hpp"
#include "persistence/snapshot_walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <vector>

namespace troupe {

namespace {

constexpr std::uint64_t most_reports = 100;

/// Topics whose numbers are kept in memory.
constexpr std::size_t cached_topics = 1 << 16;

class verifier {
public:
  verifier(const store_snapshot& snapshot, const verify_steps& steps)
      : snapshot_(snapshot), steps_(steps) {}

  storage_result<verify_figures> run() {
    if (auto failed = take_limits()) return *failed;
    if (auto failed = check_members()) return *failed;
    for (const auto& [table, check] : tables())
      if (auto walked = look_at(table, check); !walked) return walked.error();
    check_figures();
    // Each entry that belongs there was found: if there are as many, there are no others.
    if (figures_.index_entries != indexed_)
      if (auto walked = look_at(keys::index_table, &verifier::check_index_entry); !walked)
        return walked.error();
    if (auto failed = report()) return *failed;
    return figures_;
  }

private:
  using check = void (verifier::*)(std::string_view key, std::string_view value,
                                   const store_scan& scan);

  /// One part of the log, as its figures say and as it was found.
  struct part {
    bool is_known = false;
    log_offset trimmed = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::uint64_t messages_found = 0;
    std::uint64_t bytes_found = 0;
    log_offset last = 0;  ///< of the record before
  };

  /// In the order in which they have to be looked at.
  static std::vector<std::pair<char, check>> tables() {
    return {{keys::stream_table, &verifier::take_figures},
            {keys::topic_table, &verifier::check_topic},
            {keys::record_table, &verifier::check_record},
            {keys::index_table, &verifier::count_index_entry},
            {keys::retained_table, &verifier::check_retained},
            {keys::session_table, &verifier::check_session},
            {keys::share_table, &verifier::check_share},
            {keys::loan_table, &verifier::check_loan},
            {keys::node_table, &verifier::check_node},
            {keys::origin_table, &verifier::check_mark}};
  }

  storage_result<void> look_at(char table, check each) {
    return walk(snapshot_, std::string(1, table),
                {.take = [&](std::string_view key, std::string_view value,
                             const store_scan& scan) { (this->*each)(key, value, scan); },
                 .rest = [&](const std::optional<storage_error>& damage) -> storage_result<void> {
                   if (damage) fail_to_read(table, *damage);
                   if (auto failed = report()) return *failed;
                   return {};
                 }});
  }

  template <class... Arguments>
  void fail(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    ++figures_.problems;
    if (++others_ <= most_reports)
      reports_.push_back(fmt::format(text, std::forward<Arguments>(arguments)...));
    else if (others_ == most_reports + 1)
      reports_.emplace_back("there is more; it is counted only");
  }

  /// Has reports of its own: what is missed because of it may have used up the others.
  void fail_to_read(char table, const storage_error& damage) {
    ++figures_.problems;
    if (++unreadable_ <= most_reports)
      reports_.push_back(
          fmt::format("a part of table {} is left out, it cannot be read: {}", table, damage.what));
  }

  std::optional<storage_error> report() {
    for (const std::string& each : reports_)
      steps_.report(each);
    reports_.clear();
    if (steps_.is_wanted()) return std::nullopt;
    return storage_error{storage_error::kind::io, "given up"};
  }

  // -- limits and figures -----------------------------------------------------------

  std::optional<storage_error> take_limits() {
    const auto scan = snapshot_.scan();
    if (!scan) return scan.error();
    ceiling_ = number_under(*scan, keys::ceiling);
    next_topic_ = number_under(*scan, keys::next_topic);
    return std::nullopt;
  }

  std::uint64_t number_under(const store_scan& scan, std::string_view key) {
    const auto kept = scan.get(key);
    if (!kept)
      fail("{} cannot be read: {}", key.substr(1), kept.error().what);
    else if (*kept && !whole_big_endian<std::uint64_t>(**kept))
      fail("{} is no number", key.substr(1));
    return kept && *kept ? whole_big_endian<std::uint64_t>(**kept).value_or(0) : 0;
  }

  void take_figures(std::string_view key, std::string_view value, const store_scan&) {
    const auto number = keys::stream_of(key);
    const auto state = parse_stream_state(value);
    if (!number || !state) return fail("figures of a stream cannot be read");
    parts_[*number] = {.is_known = true,
                       .trimmed = state->trimmed,
                       .messages = state->messages,
                       .bytes = state->bytes};
  }

  void check_figures() {
    for (const auto& [number, each] : parts_) {
      if (!each.is_known)
        fail("stream {} has records, but no figures", number);
      else if (each.messages != each.messages_found || each.bytes != each.bytes_found)
        fail("figures of stream {}: {} messages and {} bytes, but it has {} and {}", number,
             each.messages, each.bytes, each.messages_found, each.bytes_found);
    }
  }

  // -- records and their index ------------------------------------------------------

  void check_topic(std::string_view key, std::string_view value, const store_scan&) {
    ++figures_.topics;
    const auto number = whole_big_endian<std::uint64_t>(value);
    if (!number || *number == 0)
      fail("the number of topic {} cannot be read", key.substr(1));
    else if (*number >= next_topic_)
      fail("topic {} has number {}, which will be given to another", key.substr(1), *number);
  }

  void check_record(std::string_view key, std::string_view value, const store_scan& scan) {
    ++figures_.records;
    figures_.bytes += value.size();
    const auto place = keys::parse_record(key);
    if (!place) return fail("a key among the records is none of theirs");
    part& in = parts_[place->stream];
    in.bytes_found += value.size();
    const auto record = record_view::parse(value);
    if (!record) return fail("the record at {} is damaged", place->last);
    figures_.messages += record->size();
    in.messages_found += record->size();
    if (record->last() != place->last)
      return fail("the record at {} belongs to {}", place->last, record->last());
    if (record->first() <= in.last)
      fail("the record at {} begins within the one before, at {}", place->last, record->first());
    if (place->last <= in.trimmed)
      fail("the record at {} of stream {} should have been trimmed", place->last, place->stream);
    if (place->last >= ceiling_)
      fail("the record at {} lies above the ceiling {}", place->last, ceiling_);
    in.last = place->last;
    if (place->stream != loan_part) check_topics(*record, place->stream, scan);
  }

  void check_topics(const record_view& record, stream_number stream, const store_scan& scan) {
    std::vector<std::pair<topic_id, std::string_view>> topics;
    for (std::uint32_t i = 0; i != record.size(); ++i) {
      const std::string_view name = record.topic(record[i]);
      if (!topics.empty() && topics.back().second == name) continue;
      if (const topic_id number = number_of(name, scan))
        topics.emplace_back(number, name);
      else
        fail("topic {} of the record at {} has no number", name, record.last());
    }
    std::ranges::sort(topics);
    topics.erase(std::ranges::unique(topics).begin(), topics.end());
    for (const auto& [number, name] : topics) {
      const auto entry = scan.get(keys::index(number, record.last()));
      if (!entry || !*entry) {
        fail("topic {} does not lead to the record at {}", name, record.last());
        continue;
      }
      ++indexed_;
      if (!is_stream(**entry, stream))
        fail("topic {} looks for the record at {} in another stream than {}", name, record.last(),
             stream);
    }
  }

  static bool is_stream(std::string_view value, stream_number stream) {
    return whole_big_endian<stream_number>(value) == stream;
  }

  /// 0: it has none.
  topic_id number_of(std::string_view topic, const store_scan& scan) {
    std::string name(topic);
    if (const auto known = topics_.find(name); known != topics_.end()) return known->second;
    const auto kept = scan.get(keys::topic(topic));
    const topic_id number = kept && *kept ? whole_big_endian<std::uint64_t>(**kept).value_or(0) : 0;
    if (topics_.size() >= cached_topics) topics_.clear();
    topics_.emplace(std::move(name), number);
    return number;
  }

  void count_index_entry(std::string_view, std::string_view, const store_scan&) {
    ++figures_.index_entries;
  }

  void check_index_entry(std::string_view key, std::string_view value, const store_scan& scan) {
    const topic_id topic = key.size() == keys::index(0, 0).size()
                               ? get_big_endian<topic_id>(key.substr(1))
                               : topic_id{0};
    const auto last = keys::record_of_index(key, topic);
    const auto stream = whole_big_endian<stream_number>(value);
    if (!last || !stream) return fail("an index entry cannot be read");
    const auto kept = scan.get(keys::record(*stream, *last));
    if (!kept || !*kept)
      return fail("the index leads to {} of stream {}, where no record is", *last, *stream);
    const auto record = record_view::parse(**kept);
    if (!record) return;  // was told
    for (std::uint32_t i = 0; i != record->size(); ++i)
      if (number_of(record->topic((*record)[i]), scan) == topic) return;
    fail("the index leads from topic number {} to the record at {}, which has none of it", topic,
         *last);
  }

  // -- what else is kept ------------------------------------------------------------

  void check_retained(std::string_view key, std::string_view value, const store_scan&) {
    const auto record = record_view::parse(value);
    const bool is_cleared = record && (*record)[0].payload_size() == 0;
    ++(is_cleared ? figures_.cleared : figures_.retained);
    if (!record || record->size() != 1)
      fail("the retained message of {} is damaged", key.substr(1));
    else if (record->topic((*record)[0]) != key.substr(1))
      fail("the retained message of {} is one of {}", key.substr(1), record->topic((*record)[0]));
    else if (is_cleared && record->stamp(0) == retained_stamp())
      fail("nothing says when {} was cleared", key.substr(1));
  }

  void check_session(std::string_view key, std::string_view value, const store_scan&) {
    const keys::session_part part = keys::parse_session(key);
    if (part.part == keys::login_part) ++figures_.sessions;
    if (!is_whole_session_part(key, value))
      fail("what is kept of the session of {} is damaged", part.client_id);
  }

  void check_share(std::string_view key, std::string_view value, const store_scan&) {
    if (!is_whole_share(key, value)) fail("what is kept of the group {} is damaged", key.substr(1));
  }

  void check_loan(std::string_view key, std::string_view value, const store_scan&) {
    if (!is_whole_loan(key, value))
      fail("what is kept of a loan is damaged: {} bytes", value.size());
  }

  void check_node(std::string_view key, std::string_view value, const store_scan&) {
    if (!is_whole_node_part(key, value))
      fail("what is kept of the node {} is damaged", keys::parse_node(key).name);
  }

  std::optional<storage_error> check_members() {
    const auto scan = snapshot_.scan();
    if (!scan) return scan.error();
    const auto kept = scan->get(keys::members);
    if (!kept)
      fail("the list of members cannot be read: {}", kept.error().what);
    else if (*kept && !is_whole_member_list(**kept))
      fail("the list of members is damaged");
    return std::nullopt;
  }

  void check_mark(std::string_view key, std::string_view value, const store_scan&) {
    if (!keys::parse_origin_mark(key) || value.size() != sizeof(log_offset))
      fail("a mark of what a node has forwarded is damaged: {} bytes", key.size() + value.size());
  }

  const store_snapshot& snapshot_;
  const verify_steps& steps_;
  verify_figures figures_;
  std::vector<std::string> reports_;  ///< not told yet
  std::uint64_t unreadable_ = 0;      ///< parts that could not be read
  std::uint64_t others_ = 0;          ///< problems
  log_offset ceiling_ = 0;
  topic_id next_topic_ = 0;
  std::map<stream_number, part> parts_;
  std::unordered_map<std::string, topic_id> topics_;  ///< as far as there is room
  std::uint64_t indexed_ = 0;                         ///< entries that records have
};

}  // namespace

storage_result<verify_figures> verify(const database& store, const verify_steps& steps) {
  const auto snapshot = store.snapshot();
  if (!snapshot) return snapshot.error();
  return verifier(*snapshot, steps).run();
}

}  // namespace troupe
