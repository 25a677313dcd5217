#include "persistence/offset_log.hpp"

#include "persistence/big_endian.hpp"

#include <algorithm>

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
  if (!*kept || (*kept)->size() != sizeof(std::uint64_t)) return std::uint64_t{0};
  return get_big_endian<std::uint64_t>(**kept);
}

void keep_number(database& store, std::string_view key, std::uint64_t number) {
  std::string value;
  append_big_endian(number, value);
  store.put(key, value);
}

}  // namespace

storage_result<std::unique_ptr<offset_log>> offset_log::open(database& store) {
  std::unique_ptr<offset_log> log(new offset_log(store));
  const auto ceiling = kept_number(store, keys::ceiling);
  if (!ceiling) return ceiling.error();
  const auto trimmed = kept_number(store, keys::trimmed);
  if (!trimmed) return trimmed.error();
  const auto next_topic = kept_number(store, keys::next_topic);
  if (!next_topic) return next_topic.error();
  const auto last = log->last_record();
  if (!last) return last.error();

  log->next_ = std::max({*ceiling, *last + 1, *trimmed + 1});
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
  log->trimmed_ = log->staged_trimmed_ = *trimmed;
  return log;
}

storage_result<log_offset> offset_log::last_record() const {
  const store_scan scan = store_.scan();
  scan->Seek(std::string(1, keys::record_table + 1));
  if (scan->Valid())
    scan->Prev();
  else
    scan->SeekToLast();
  if (!scan->Valid()) return log_offset{0};
  const leveldb::Slice key = scan->key();
  return keys::last_of_record({key.data(), key.size()}).value_or(0);
}

log_offset offset_log::append(const message_block& block, std::span<const std::uint32_t> which,
                              const record_origin& origin) {
  const log_offset first = next_;
  next_ += which.size();
  if (next_ > staged_ceiling_) {
    staged_ceiling_ = next_ + reserve;
    keep_number(store_, keys::ceiling, staged_ceiling_);
  }
  record_.clear();
  encode_record(block, which, first, origin, record_);
  store_.put(keys::record(next_ - 1), record_);

  indexed_.clear();
  std::string_view previous;
  for (const std::uint32_t index : which) {
    const std::string_view topic = block.topic(block[index]);
    if (topic != previous) indexed_.push_back(topic);
    previous = topic;
  }
  std::sort(indexed_.begin(), indexed_.end());
  indexed_.erase(std::unique(indexed_.begin(), indexed_.end()), indexed_.end());
  for (const std::string_view topic : indexed_)
    put_index(topic, next_ - 1);
  return first;
}

void offset_log::put_index(std::string_view topic, log_offset last) {
  store_.put(keys::index(number_of(topic), last), {});
}

topic_id offset_log::number_of(std::string_view topic) {
  if (const auto known = topics_.find(topic); known != topics_.end()) return known->second;
  if (topics_.size() >= cached_topics) topics_.clear();
  const auto kept = kept_number(store_, keys::topic(topic));
  topic_id number = kept ? *kept : 0;
  // A damaged number is as good as none; else the topic may have one.
  is_unsure_ |= !kept && kept.error().failure != storage_error::kind::damaged;
  if (number == 0) {
    number = next_topic_++;
    keep_number(store_, keys::topic(topic), number);
    keep_number(store_, keys::next_topic, next_topic_);
  }
  topics_.emplace(topic, number);
  return number;
}

void offset_log::committed() noexcept {
  ceiling_ = staged_ceiling_;
  head_.store(next_ - 1, std::memory_order_release);
  trimmed_.store(staged_trimmed_, std::memory_order_release);
}

void offset_log::failed() {
  is_unsure_ = false;
  staged_ceiling_ = ceiling_;
  staged_trimmed_ = trimmed_;
  topics_.clear();  // some of them are not on disk
}

storage_result<offset_log::trim_figures> offset_log::trim(const trim_limits& limits) {
  trim_figures gone;
  const store_scan scan = store_.scan();
  for (scan->Seek(keys::record(staged_trimmed_ + 1));
       scan->Valid() && gone.records != limits.records; scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    const auto last = keys::last_of_record(key);
    if (!last) break;
    const auto record = record_view::parse({scan->value().data(), scan->value().size()});
    if (*last > limits.passed) {
      if (!record || !limits.overdue || record->origin().received_at >= *limits.overdue) break;
      gone.messages_overdue += record->size();
    }
    if (record) remove_index(scan, *record);
    store_.remove(key);
    staged_trimmed_ = *last;
    ++gone.records;
  }
  if (!scan->status().ok()) return storage_error_of(scan->status());
  if (gone.records != 0) keep_number(store_, keys::trimmed, staged_trimmed_);
  return gone;
}

void offset_log::remove_index(const store_scan& scan, const record_view& record) {
  for (std::uint32_t i = 0; i != record.size(); ++i) {
    const auto number = kept_number(scan, keys::topic(record.topic(record[i])));
    if (number && *number != 0) store_.remove(keys::index(*number, record.last()));
  }
}

}  // namespace troupe
