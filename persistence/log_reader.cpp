#include "persistence/log_reader.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/log_record.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace troupe {

namespace {

/// Beyond so many topics one pass over everything is cheaper than a look-up for each.
constexpr std::size_t most_topics_by_index = 16;

/// Messages get their offsets a moment after they were received, which differs.
constexpr std::chrono::seconds longest_append{1};

/// Of a search for records that can go: how many are looked at, and found, at a time.
constexpr std::size_t most_looked_at = 4096;
constexpr std::size_t most_unneeded = 256;

std::string_view text(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

bool is_wanted(const log_query& what, std::string_view topic) {
  return what.filters.empty() ||
         std::any_of(what.filters.begin(), what.filters.end(),
                     [&](const std::string& filter) { return matches(filter, topic); });
}

bool is_full(const log_query& what, const log_page& page, std::size_t bytes) {
  return page.messages >= what.most_messages || bytes >= what.most_bytes ||
         page.records >= what.most_records;
}

/// Adds what is wanted of the record at `last`, which is `bytes`, to the page, as far as
/// there is room, and moves `page.reached` to where it stopped. Returns whether that is
/// the record's end or the end of what was asked for.
bool take(log_offset last, std::string_view bytes, const log_query& what, log_page& page,
          std::size_t& page_bytes) {
  const auto record = record_view::parse(bytes);
  if (!record || record->last() != last) {
    ++page.damaged_records;
    page.reached = std::min(last, what.up_to);
    return true;
  }
  message_block_builder found;
  const log_offset begin = std::max(record->first(), what.after + 1);
  const log_offset end = std::min(last, what.up_to);
  page.reached = std::max(page.reached, std::min(begin - 1, what.up_to));
  for (log_offset at = begin;
       at <= end && page.messages != what.most_messages && page_bytes < what.most_bytes;
       page.reached = at++) {
    const auto index = static_cast<std::uint32_t>(at - record->first());
    const message_entry entry = (*record)[index];
    if (!is_wanted(what, record->topic(entry))) continue;
    found.add(entry, record->wire(entry), record->version(), record->stamp(index),
              record->identity(index));
    ++page.messages;
    page_bytes += entry.size;
  }
  if (!found.empty())
    page.runs.push_back(
        {.publisher = std::string(record->origin().publisher),
         .received_at = record->origin().received_at,
         .block =
             found.seal({.received_at = what.now.to_monotonic(record->origin().received_at)})});
  return page.reached >= end;
}

/// Damaged blocks are passed over. Any other error says nothing about what is there.
storage_result<void> count_damage(const leveldb::Status& status, log_page& page) {
  if (status.ok()) return {};
  if (!status.IsCorruption()) return storage_error_of(status);
  ++page.damaged_records;
  return {};
}

/// The records of several parts of the log in the order of their offsets.
class part_merge {
public:
  part_merge(const store_scan& scan, const log_streams& streams, const log_query& what) {
    for (const stream_number part : streams.holding(what.filters, what.after)) {
      // LevelDB is slow to pass over what was removed.
      const log_offset after = std::max(what.after, streams.kept(part).trimmed);
      parts_.push_back({.number = part, .at = scan.another(), .last = {}});
      parts_.back().at->Seek(keys::record(part, after + 1));
      look(parts_.back());
    }
    find_next();
  }

  /// The last offset of the next record; nothing if there is none.
  [[nodiscard]] std::optional<log_offset> last() const { return parts_[next_].last; }
  /// REQUIRES: last().
  [[nodiscard]] std::string_view record() const { return text(parts_[next_].at->value()); }
  void advance() {
    parts_[next_].at->Next();
    look(parts_[next_]);
    find_next();
  }

  /// Damaged blocks are passed over. Any other error says nothing about what is there.
  [[nodiscard]] storage_result<void> count_damage(log_page& page) const {
    for (const part& each : parts_)
      if (auto counted = troupe::count_damage(each.at->status(), page); !counted) return counted;
    return {};
  }

private:
  struct part {
    stream_number number = 0;
    std::unique_ptr<leveldb::Iterator> at;
    std::optional<log_offset> last;
  };

  static void look(part& at) {
    at.last.reset();
    if (at.at->Valid()) at.last = keys::last_of_record(text(at.at->key()), at.number);
  }
  void find_next() {
    for (std::size_t i = 0; i != parts_.size(); ++i)
      if (parts_[i].last && (!parts_[next_].last || *parts_[i].last < *parts_[next_].last))
        next_ = i;
  }

  std::vector<part> parts_;  ///< one at least: the common one
  std::size_t next_ = 0;
};

/// Nothing is left of what was asked for.
log_page complete(const log_query& what, log_page page) {
  page.reached = std::max(page.reached, what.up_to);
  return page;
}

}  // namespace

storage_result<std::optional<log_run>> log_reader::get(log_offset offset,
                                                       const clock_reading& now) const {
  if (offset == 0) return std::optional<log_run>();
  log_query one;
  one.after = offset - 1;
  one.up_to = offset;
  one.most_records = 1;
  one.now = now;
  auto page = read_in_order(one);
  if (!page) return page.error();
  if (page->runs.empty()) return std::optional<log_run>();
  return std::optional<log_run>(std::move(page->runs.front()));
}

storage_result<log_page> log_reader::read(const log_query& what) const {
  const bool by_topic =
      !what.filters.empty() && what.filters.size() <= most_topics_by_index &&
      std::all_of(what.filters.begin(), what.filters.end(), [](const std::string& filter) {
        return filter.find_first_of("+#") == std::string::npos;
      });
  if (!by_topic) return read_in_order(what);
  const auto topics = numbers_of(what.filters);
  if (!topics) return topics.error();
  return read_by_topic(what, *topics);
}

storage_result<log_page> log_reader::read_in_order(const log_query& what) const {
  log_page page;
  page.reached = what.after;
  std::size_t bytes = 0;
  const store_scan scan = store_->scan();
  part_merge next(scan, *streams_, what);
  for (; next.last(); next.advance()) {
    if (is_full(what, page, bytes) || !take(*next.last(), next.record(), what, page, bytes))
      return page;
    ++page.records;
    if (page.reached >= what.up_to) break;
  }
  if (const auto failed = next.count_damage(page); !failed) return failed.error();
  return complete(what, std::move(page));
}

storage_result<std::vector<topic_id>>
log_reader::numbers_of(const std::vector<std::string>& topics) const {
  std::vector<topic_id> numbers;
  for (const std::string& topic : topics) {
    const auto kept = store_->get(keys::topic(topic));
    if (!kept) return kept.error();
    if (const auto number = *kept ? whole_big_endian<topic_id>(**kept) : std::nullopt)
      numbers.push_back(*number);
  }
  return numbers;
}

storage_result<log_page> log_reader::read_by_topic(const log_query& what,
                                                   const std::vector<topic_id>& topics) const {
  constexpr log_offset none = std::numeric_limits<log_offset>::max();
  log_page page;
  page.reached = what.after;
  std::size_t bytes = 0;
  const store_scan scan = store_->scan();
  log_offset trimmed = std::numeric_limits<log_offset>::max();
  for (const stream_number part : streams_->holding(what.filters, what.after))
    trimmed = std::min(trimmed, streams_->kept(part).trimmed);
  struct place {
    topic_id topic = 0;
    log_offset last = none;  ///< of the next record
    stream_number part = 0;
  };
  std::vector<place> places;
  const auto find_next = [&](place& at, log_offset from) {
    scan->Seek(keys::index(at.topic, from));
    const auto found =
        scan->Valid() ? keys::record_of_index(text(scan->key()), at.topic) : std::nullopt;
    at.last = found.value_or(none);
    if (found) at.part = whole_big_endian<stream_number>(text(scan->value())).value_or(0);
  };
  for (const topic_id each : topics)
    find_next(places.emplace_back(place{.topic = each}), std::max(what.after, trimmed) + 1);

  while (!is_full(what, page, bytes)) {
    const auto nearest = std::ranges::min_element(places, {}, &place::last);
    if (nearest == places.end() || nearest->last == none) {
      if (const auto failed = count_damage(scan->status(), page); !failed) return failed.error();
      return complete(what, std::move(page));
    }
    const log_offset last = nearest->last;
    ++page.records;
    const auto record = scan.get(keys::record(nearest->part, last));
    if (!record)
      ++page.damaged_records;
    else if (*record && !take(last, **record, what, page, bytes))
      break;
    // Without a record it was trimmed meanwhile.
    page.reached = std::max(page.reached, std::min(last, what.up_to));
    if (page.reached >= what.up_to) return complete(what, std::move(page));
    for (place& each : places)
      if (each.last == last) find_next(each, last + 1);
  }
  return page;
}

// -- retention ----------------------------------------------------------------------

storage_result<log_reader::unneeded> log_reader::find_unneeded(log_offset after, log_offset up_to,
                                                               needed_topics& needed) const {
  unneeded found{.records = {}, .reached = up_to};
  const store_scan scan = store_->scan();
  std::size_t looked_at = 0;
  scan->Seek(keys::record(0, std::max(after, streams_->kept(0).trimmed) + 1));
  for (; scan->Valid(); scan->Next()) {
    const auto last = keys::last_of_record(text(scan->key()), 0);
    if (!last || *last > up_to) break;
    const auto record = record_view::parse(text(scan->value()));
    bool is_needed = false;
    for (std::uint32_t i = 0; record && !is_needed && i != record->size(); ++i)
      is_needed = needed.needs(record->topic((*record)[i]), (*record)[i].log_offset);
    if (!is_needed) found.records.push_back(*last);
    if (++looked_at == most_looked_at || found.records.size() == most_unneeded) {
      found.reached = *last;
      return found;
    }
  }
  if (!scan->status().ok() && !scan->status().IsCorruption())
    return storage_error_of(scan->status());
  return found;
}

// -- replays ------------------------------------------------------------------------

storage_result<log_reader::beginning> log_reader::find(const replay_start& start,
                                                       std::span<const std::string> filters,
                                                       wall_time now) const {
  const std::vector<stream_number> parts = streams_->holding(filters, 0);
  beginning found{.oldest = std::numeric_limits<log_offset>::max()};
  for (const stream_number each : parts)
    found.oldest = std::min(found.oldest, streams_->kept(each).trimmed);
  if (const auto* const offset = std::get_if<log_offset>(&start)) {
    found.after = *offset == 0 ? 0 : *offset - 1;
    return found;
  }
  const auto* const ago = std::get_if<std::chrono::seconds>(&start);
  const wall_time time = ago != nullptr ? now - *ago : std::get<wall_time>(start);
  log_offset first = std::numeric_limits<log_offset>::max();
  for (const stream_number each : parts) {
    const auto place = find(time, each);
    if (!place) return place.error();
    first = std::min(first, place->first.value_or(first));
    found.after = std::max(found.after, place->last);
  }
  // Offsets rise with time, more or less: rather a few too many than one too few.
  if (first != std::numeric_limits<log_offset>::max()) found.after = first - 1;
  return found;
}

storage_result<log_reader::moment> log_reader::find(wall_time time, stream_number part) const {
  const store_scan scan = store_->scan();
  const auto place = [&] {
    return scan->Valid() ? keys::last_of_record(text(scan->key()), part) : std::nullopt;
  };
  moment found{.first = {}, .last = seek_to_last_record(scan, part)};
  log_offset earlier = streams_->kept(part).trimmed;  // records up to here are
  log_offset end = found.last;                        // those behind it are not
  while (earlier < end) {
    const log_offset middle = earlier + (end - earlier) / 2;
    scan->Seek(keys::record(part, middle + 1));
    const auto last = place();
    const auto record = last ? record_view::parse(text(scan->value())) : std::nullopt;
    if (record && record->origin().received_at < time - longest_append)
      earlier = *last;
    else
      end = middle;
  }
  for (scan->Seek(keys::record(part, earlier + 1)); place() && !found.first; scan->Next()) {
    const auto record = record_view::parse(text(scan->value()));
    if (record && record->origin().received_at >= time) found.first = record->first();
  }
  if (!scan->status().ok() && !scan->status().IsCorruption())
    return storage_error_of(scan->status());
  return found;
}

}  // namespace troupe
