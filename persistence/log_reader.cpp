#include "persistence/log_reader.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"

#include <algorithm>
#include <limits>

namespace troupe {

namespace {

/// Beyond so many topics one pass over everything is cheaper than a look-up for each.
constexpr std::size_t most_topics_by_index = 16;

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
    const message_entry entry = (*record)[static_cast<std::uint32_t>(at - record->first())];
    if (!is_wanted(what, record->topic(entry))) continue;
    found.add(entry, record->wire(entry), record->version());
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

/// Damaged parts are passed over. Any other error says nothing about what is there.
storage_result<void> count_damage(const store_scan& scan, log_page& page) {
  const leveldb::Status status = scan->status();
  if (status.ok()) return {};
  if (!status.IsCorruption()) return storage_error_of(status);
  ++page.damaged_records;
  return {};
}

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
  for (scan->Seek(keys::record(what.after + 1));; scan->Next()) {
    const auto last =
        scan->Valid() ? keys::last_of_record(text(scan->key())) : std::optional<log_offset>();
    if (!last) break;
    if (is_full(what, page, bytes) || !take(*last, text(scan->value()), what, page, bytes))
      return page;
    ++page.records;
    if (page.reached >= what.up_to) break;
  }
  if (const auto failed = count_damage(scan, page); !failed) return failed.error();
  return complete(what, std::move(page));
}

storage_result<std::vector<topic_id>>
log_reader::numbers_of(const std::vector<std::string>& topics) const {
  std::vector<topic_id> numbers;
  for (const std::string& topic : topics) {
    const auto kept = store_->get(keys::topic(topic));
    if (!kept) return kept.error();
    if (*kept && (*kept)->size() == sizeof(topic_id))
      numbers.push_back(get_big_endian<topic_id>(**kept));
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
  // The next record of each topic.
  std::vector<log_offset> next(topics.size());
  const auto find_next = [&](std::size_t i, log_offset from) {
    scan->Seek(keys::index(topics[i], from));
    next[i] =
        scan->Valid() ? keys::record_of_index(text(scan->key()), topics[i]).value_or(none) : none;
  };
  for (std::size_t i = 0; i != topics.size(); ++i)
    find_next(i, what.after + 1);

  while (!is_full(what, page, bytes)) {
    const auto nearest = std::min_element(next.begin(), next.end());
    if (nearest == next.end() || *nearest == none) {
      if (const auto failed = count_damage(scan, page); !failed) return failed.error();
      return complete(what, std::move(page));
    }
    const log_offset last = *nearest;
    ++page.records;
    const auto record = scan.get(keys::record(last));
    if (!record)
      ++page.damaged_records;
    else if (*record && !take(last, **record, what, page, bytes))
      break;
    // Without a record it was trimmed meanwhile.
    page.reached = std::max(page.reached, std::min(last, what.up_to));
    if (page.reached >= what.up_to) return complete(what, std::move(page));
    for (std::size_t i = 0; i != topics.size(); ++i)
      if (next[i] == last) find_next(i, last + 1);
  }
  return page;
}

}  // namespace troupe
