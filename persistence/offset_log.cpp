#include "persistence/offset_log.hpp"

#include "persistence/big_endian.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace troupe {

namespace {

/// So many offsets are reserved at a time.
constexpr log_offset reserve = 1 << 20;

/// After damage the ceiling itself may be an old one: nobody has handed out so many
/// offsets since.
constexpr log_offset jump_after_damage = log_offset{1} << 40;

/// Topics whose numbers are kept in memory.
constexpr std::size_t cached_topics = 1 << 16;

/// A number that `store`, a database or a scan, keeps under `key`; 0 if it has none or a damaged
/// one.
template <class Source>
storage_result<std::uint64_t> kept_number(const Source& store, std::string_view key) {
  const auto kept = store.get(key);
  if (!kept) return kept.error();
  return *kept ? whole_big_endian<std::uint64_t>(**kept).value_or(0) : 0;
}

struct usage {
  bool is_pinned = false;
  std::size_t needed = 0;  ///< messages
};

usage usage_of(const record_view& record, needed_topics& needed) {
  usage found;
  for (std::uint32_t i = 0; i != record.size(); ++i) {
    const log_offset offset = record.first() + i;
    found.is_pinned |= needed.is_pinned(offset);
    found.needed += needed.needs(record.topic(record[i]), offset) ? 1 : 0;
  }
  return found;
}

void keep_number(database& store, std::string_view key, std::uint64_t number) {
  std::string value;
  append_big_endian(number, value);
  store.put(key, value);
}

}  // namespace

storage_result<std::unique_ptr<offset_log>>
offset_log::open(database& store, const std::vector<stream_config>& streams) {
  std::unique_ptr<offset_log> log(new offset_log(store));
  const auto ceiling = kept_number(store, keys::ceiling);
  if (!ceiling) return ceiling.error();
  const auto next_topic = kept_number(store, keys::next_topic);
  if (!next_topic) return next_topic.error();
  if (const auto loaded = log->streams_.load(store); !loaded) return loaded.error();
  const auto last = log->last_record();
  if (!last) return last.error();

  log->next_ = std::max(*ceiling, *last + 1);
  for (const stream_number each : log->streams_.all())
    log->next_ = std::max(log->next_, log->streams_.kept(each).trimmed + 1);
  log->next_topic_ = std::max<topic_id>(*next_topic, 1);
  const recovery_report& recovered = store.recovered();
  const log_offset jumps = recovered.stores_lost + (recovered.is_damage() ? 1 : 0);
  log->next_ = std::max(log->next_, jumps * jump_after_damage);
  if (recovered.is_damage()) {
    log->next_ += jump_after_damage;
    log->next_topic_ += jump_after_damage;
  }
  log->ceiling_ = log->staged_ceiling_ = log->next_;
  log->head_ = log->next_ - 1;
  log->streams_.declare(streams, log->next_ - 1);
  return log;
}

storage_result<log_offset> offset_log::last_record() const {
  log_offset last = 0;
  const store_scan scan = store_.scan();
  for (const stream_number each : streams_.all())
    last = std::max(last, seek_to_last_record(scan, each));
  return last;
}

log_offset offset_log::append(const message_block& block, std::span<const std::uint32_t> which,
                              const record_origin& origin) {
  const log_offset first = next_;
  reserve_offsets(which.size());
  std::string_view previous;
  stream_number stream = 0;
  std::size_t begin = 0;  // of the record, in `which`
  for (std::size_t at = 0; at != which.size(); ++at) {
    const std::string_view name = block.topic(block[which[at]]);
    if (name == previous) continue;
    previous = name;
    const known_topic topic = look_up(name);
    if (at != begin && topic.stream != stream) {
      put_record(stream, block, which.subspan(begin, at - begin), origin);
      begin = at;
    }
    stream = topic.stream;
    indexed_.push_back(topic.number);
  }
  put_record(stream, block, which.subspan(begin), origin);
  return first;
}

log_offset offset_log::append_loan(const message_block& block, std::span<const std::uint32_t> which,
                                   const record_origin& origin) {
  const log_offset first = next_;
  reserve_offsets(which.size());
  put_record(loan_part, block, which, origin);
  return first;
}

void offset_log::reserve_offsets(std::size_t count) {
  if (next_ + count <= staged_ceiling_) return;
  staged_ceiling_ = next_ + count + reserve;
  keep_number(store_, keys::ceiling, staged_ceiling_);
}

void offset_log::put_record(stream_number stream, const message_block& block,
                            std::span<const std::uint32_t> which, const record_origin& origin) {
  record_.clear();
  encode_record(block, which, next_, origin, record_);
  next_ += which.size();
  store_.put(keys::record(stream, next_ - 1), record_);
  streams_.added(stream, which.size(), record_.size());

  std::string place;
  append_big_endian(stream, place);
  std::sort(indexed_.begin(), indexed_.end());
  indexed_.erase(std::unique(indexed_.begin(), indexed_.end()), indexed_.end());
  for (const topic_id topic : indexed_)
    store_.put(keys::index(topic, next_ - 1), place);
  indexed_.clear();
}

offset_log::known_topic offset_log::look_up(std::string_view topic) {
  if (const auto known = topics_.find(topic); known != topics_.end()) return known->second;
  if (topics_.size() >= cached_topics) topics_.clear();
  const auto kept = kept_number(store_, keys::topic(topic));
  known_topic found{.number = kept ? *kept : 0, .stream = streams_.of(topic)};
  // A damaged number is as good as none; else the topic may have one.
  is_unsure_ |= !kept && kept.error().failure != storage_error::kind::damaged;
  if (found.number == 0) {
    found.number = next_topic_++;
    keep_number(store_, keys::topic(topic), found.number);
    keep_number(store_, keys::next_topic, next_topic_);
  }
  topics_.emplace(topic, found);
  return found;
}

void offset_log::committed() noexcept {
  ceiling_ = staged_ceiling_;
  going_.clear();
  streams_.committed();
  // What failed before may lie above all that a restart would know of.
  head_.store(std::min(next_, ceiling_) - 1, std::memory_order_release);
}

void offset_log::stage_figures() {
  if (has_failed_) {
    store_.open_again();
    has_failed_ = !streams_.reload(store_);
  }
  streams_.stage(store_);
}

void offset_log::failed() {
  has_failed_ = true;
  is_unsure_ = false;
  staged_ceiling_ = ceiling_;
  going_.clear();
  streams_.failed();
  topics_.clear();  // some of them are not on disk
}

storage_result<offset_log::trim_figures> offset_log::trim(stream_number part,
                                                          const trim_limits& limits) {
  trim_figures gone;
  bool leaves_gap = false;
  bool reaches_end = true;
  std::uint64_t pinned = 0;  // bytes that stay though they are over a limit
  const store_scan scan = store_.scan();
  for (scan->Seek(keys::record(part, streams_.staged(part).trimmed + 1));
       scan->Valid() && gone.records != limits.records; scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    const auto last = keys::last_of_record(key, part);
    if (!last) break;
    const auto record = record_view::parse({scan->value().data(), scan->value().size()});
    const bool is_needed = *last > limits.passed;
    const bool is_over =
        (limits.bytes != 0 && streams_.staged(part).bytes - pinned > limits.bytes) ||
        (limits.overdue && (!record || record->origin().received_at < *limits.overdue));
    reaches_end = is_over || !(is_needed || limits.keeps_passed);
    if (!reaches_end) break;
    const std::size_t messages = record ? record->size() : 0;
    if (record && is_needed) {
      const usage of =
          limits.needed != nullptr ? usage_of(*record, *limits.needed) : usage{.needed = messages};
      leaves_gap |= of.is_pinned;  // the mark stays before it
      if (of.is_pinned) {
        pinned += std::min(scan->value().size(), streams_.staged(part).bytes - pinned);
        continue;
      }
      gone.messages_needed += of.needed;
    }
    if (record && part != loan_part) remove_index(scan, *record);
    store_.remove(key);
    streams_.removed(part, leaves_gap ? streams_.staged(part).trimmed : *last, messages,
                     scan->value().size());
    ++gone.records;
  }
  // Damaged blocks are passed over.
  if (!scan->status().ok() && !scan->status().IsCorruption())
    return storage_error_of(scan->status());
  // What was damaged is counted no more.
  reaches_end &= gone.records != limits.records && !leaves_gap;
  if (reaches_end) streams_.emptied(part);
  return gone;
}

storage_result<void> offset_log::remove(std::span<const log_offset> last) {
  const store_scan scan = store_.scan();
  for (const log_offset each : last) {
    const std::string key = keys::record(0, each);
    const auto bytes = scan.get(key);
    if (!bytes) return bytes.error();
    if (!*bytes) continue;  // trimmed meanwhile
    const auto record = record_view::parse(**bytes);
    if (record) remove_index(scan, *record);
    store_.remove(key);
    streams_.removed(0, streams_.staged(0).trimmed, record ? record->size() : 0, (*bytes)->size());
  }
  return {};
}

void offset_log::remove_index(const store_scan& scan, const record_view& record) {
  const std::unique_ptr<leveldb::Iterator> index = scan.another();
  going_.insert(record.last());
  std::string_view previous;
  for (std::uint32_t i = 0; i != record.size(); ++i) {
    const std::string_view topic = record.topic(record[i]);
    if (topic == std::exchange(previous, topic)) continue;
    const auto number = kept_number(scan, keys::topic(topic));
    if (!number || *number == 0) continue;
    store_.remove(keys::index(*number, record.last()));
    if (has_others(*index, topic, *number, record.last())) continue;
    store_.remove(keys::topic(topic));
    if (const auto known = topics_.find(topic); known != topics_.end()) topics_.erase(known);
  }
}

bool offset_log::has_others(leveldb::Iterator& index, std::string_view topic, topic_id number,
                            log_offset gone) const {
  const auto is_left = [&](log_offset from) {
    for (index.Seek(keys::index(number, from)); index.Valid(); index.Next()) {
      const auto last = keys::record_of_index({index.key().data(), index.key().size()}, number);
      if (!last) break;
      if (!going_.contains(*last)) return true;
    }
    return !index.status().ok();
  };
  if (is_left(gone + 1)) return true;
  // Earlier ones may be in other parts, or were needed. LevelDB is slow to pass over what was
  // removed.
  log_offset trimmed = gone;
  for (const stream_number part : streams_.holding(std::array{std::string(topic)}, 0))
    trimmed = std::min(trimmed, streams_.kept(part).trimmed);
  return is_left(trimmed + 1);
}

}  // namespace troupe
