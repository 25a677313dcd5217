#include "persistence/log_streams.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/log_record.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe {

namespace {

constexpr std::uint8_t state_format = 1;

// Places in the state of a part.
constexpr std::size_t trimmed_at = 1;
constexpr std::size_t since_at = 9;
constexpr std::size_t messages_at = 17;
constexpr std::size_t bytes_at = 25;
constexpr std::size_t filter_at = 33;

}  // namespace

std::optional<stream_state> parse_stream_state(std::string_view value) noexcept {
  if (value.size() < filter_at || static_cast<std::uint8_t>(value[0]) != state_format)
    return std::nullopt;
  return stream_state{.trimmed = get_big_endian<log_offset>(value.substr(trimmed_at)),
                      .since = get_big_endian<log_offset>(value.substr(since_at)),
                      .messages = get_big_endian<std::uint64_t>(value.substr(messages_at)),
                      .bytes = get_big_endian<std::uint64_t>(value.substr(bytes_at)),
                      .filter = value.substr(filter_at)};
}

log_offset seek_to_last_record(const store_scan& scan, stream_number part) {
  scan->Seek(keys::record(part, std::numeric_limits<log_offset>::max()));
  if (scan->Valid())
    scan->Prev();
  else
    scan->SeekToLast();
  if (!scan->Valid()) return 0;
  return keys::last_of_record({scan->key().data(), scan->key().size()}, part).value_or(0);
}

// -- an earlier life ----------------------------------------------------------------

storage_result<void> log_streams::load(const database& store) {
  make(0, {});
  make(loan_part, {});
  const auto declared = store.get(keys::declared_streams);
  if (!declared) return declared.error();
  if (auto read = load_figures(store); !read) return read;
  if (store.recovered().repaired)
    if (auto counted = count_anew(store); !counted) return counted;
  committed();
  std::vector<stream_number> numbers;
  if (*declared)
    for (std::string_view rest = **declared; rest.size() >= sizeof(stream_number);
         rest.remove_prefix(sizeof(stream_number)))
      numbers.push_back(get_big_endian<stream_number>(rest));
  put_in_order(numbers);
  return {};
}

storage_result<void> log_streams::load_figures(const database& store) {
  const store_scan scan = store.scan();
  for (scan->Seek(std::string(1, keys::stream_table)); scan->Valid(); scan->Next()) {
    const auto number = keys::stream_of({scan->key().data(), scan->key().size()});
    if (!number) break;
    const auto state = parse_stream_state({scan->value().data(), scan->value().size()});
    if (!state) continue;
    const bool is_made = *number == 0 || *number == loan_part;
    part& found = is_made ? find(*number) : make(*number, std::string(state->filter));
    found.since = state->since;
    found.staged = {.trimmed = state->trimmed, .messages = state->messages, .bytes = state->bytes};
    found.is_changed = true;
  }
  if (!scan->status().ok()) return storage_error_of(scan->status());
  return {};
}

storage_result<void> log_streams::count_anew(const database& store) {
  for (part& each : parts_) {
    each.staged.messages = each.staged.bytes = 0;
    each.is_changed = true;
  }
  const store_scan scan = store.scan();
  for (scan->Seek(std::string(1, keys::record_table)); scan->Valid(); scan->Next()) {
    const auto place = keys::parse_record({scan->key().data(), scan->key().size()});
    if (!place) break;
    const auto record = record_view::parse({scan->value().data(), scan->value().size()});
    // Of a part whose state is lost nobody knows what it may hold.
    if (std::ranges::find(parts_, place->stream, &part::number) == parts_.end())
      make(place->stream, "#");
    added(place->stream, record ? record->size() : 0, scan->value().size());
  }
  if (!scan->status().ok() && !scan->status().IsCorruption())
    return storage_error_of(scan->status());
  return {};
}

log_streams::part& log_streams::make(stream_number number, std::string filter) {
  part& made = parts_.emplace_back();
  made.number = number;
  made.filter = std::move(filter);
  return made;
}

void log_streams::put_in_order(const std::vector<stream_number>& declared) {
  declared_.clear();
  order_.clear();
  for (part& each : parts_)
    each.is_declared = false;
  for (const stream_number number : declared) {
    const auto found = std::ranges::find(parts_, number, &part::number);
    if (number == 0 || found == parts_.end()) continue;  // its state was damaged
    found->is_declared = true;
    declared_.push_back(number);
    order_.push_back(&*found);
  }
  for (part& each : parts_)
    if (!each.is_declared && each.number != 0 && each.number != loan_part)
      order_.insert(order_.begin(), &each);
  order_.push_back(&parts_.front());
  order_.push_back(&find(loan_part));
}

void log_streams::declare(std::vector<stream_config> streams, log_offset head) {
  declarations_ = std::move(streams);
  stream_number highest = 0;
  for (const part& each : parts_)
    if (each.number != loan_part) highest = std::max(highest, each.number);
  std::vector<stream_number> wanted;
  for (const stream_config& each : declarations_) {
    const auto known = std::ranges::find(parts_, each.filter, &part::filter);
    wanted.push_back(known == parts_.end() ? ++highest : known->number);
    if (known == parts_.end()) make(highest, each.filter).staged.trimmed = head;
  }
  is_redeclared_ = wanted != declared_;
  put_in_order(wanted);
  if (!is_redeclared_) return;
  for (part* const each : order_) {
    each->since = head;
    each->is_changed = true;
  }
}

// -- looking up ---------------------------------------------------------------------

stream_number log_streams::of(std::string_view topic) const noexcept {
  for (const part* const each : order_)
    if (each->is_declared && matches(each->filter, topic)) return each->number;
  return 0;
}

std::vector<stream_number> log_streams::holding(std::span<const std::string> filters,
                                                log_offset after) const {
  std::vector<stream_number> found;
  std::vector<std::string_view> left(filters.begin(), filters.end());
  for (const part* const each : order_) {
    if (!filters.empty() && left.empty()) break;
    const auto overlaps_it = [&](std::string_view filter) {
      return each->number != loan_part && overlaps(each->filter, filter);
    };
    const bool may_hold =
        filters.empty() || each->number == 0 || std::any_of(left.begin(), left.end(), overlaps_it);
    if (may_hold) found.push_back(each->number);
    if (each->is_declared && after >= each->since)
      std::erase_if(left, [&](std::string_view filter) { return covers(each->filter, filter); });
  }
  return found;
}

const log_streams::part& log_streams::find(stream_number number) const {
  return *std::ranges::find(parts_, number, &part::number);
}

const stream_config* log_streams::declaration(stream_number of) const {
  const part& asked = find(of);
  if (!asked.is_declared) return nullptr;
  const auto found = std::ranges::find(declarations_, asked.filter, &stream_config::filter);
  return found == declarations_.end() ? nullptr : &*found;
}

log_streams::figures log_streams::kept(stream_number of) const {
  const part& asked = find(of);
  return {.trimmed = asked.trimmed.load(std::memory_order_acquire),
          .messages = asked.messages.load(std::memory_order_relaxed),
          .bytes = asked.bytes.load(std::memory_order_relaxed)};
}

// -- changes ------------------------------------------------------------------------

void log_streams::added(stream_number to, std::uint64_t messages, std::uint64_t bytes) {
  part& changed = find(to);
  changed.staged.messages += messages;
  changed.staged.bytes += bytes;
  changed.is_changed = true;
}

void log_streams::removed(stream_number from, log_offset trimmed, std::uint64_t messages,
                          std::uint64_t bytes) {
  part& changed = find(from);
  changed.staged.trimmed = trimmed;
  changed.staged.messages -= std::min(messages, changed.staged.messages);
  changed.staged.bytes -= std::min(bytes, changed.staged.bytes);
  changed.is_changed = true;
}

void log_streams::emptied(stream_number which) {
  part& changed = find(which);
  if (changed.staged.messages == 0 && changed.staged.bytes == 0) return;
  changed.staged.messages = changed.staged.bytes = 0;
  changed.is_changed = true;
}

void log_streams::stage(database& store) const {
  for (const part& each : parts_) {
    if (!each.is_changed) continue;
    std::string state(1, static_cast<char>(state_format));
    append_big_endian(each.staged.trimmed, state);
    append_big_endian(each.since, state);
    append_big_endian(each.staged.messages, state);
    append_big_endian(each.staged.bytes, state);
    state += each.filter;
    store.put(keys::stream(each.number), state);
  }
  if (!is_redeclared_) return;
  std::string numbers;
  for (const stream_number each : declared_)
    append_big_endian(each, numbers);
  store.put(keys::declared_streams, numbers);
}

void log_streams::committed() noexcept {
  is_redeclared_ = false;
  for (part& each : parts_) {
    if (!std::exchange(each.is_changed, false)) continue;
    each.trimmed.store(each.staged.trimmed, std::memory_order_release);
    each.messages.store(each.staged.messages, std::memory_order_relaxed);
    each.bytes.store(each.staged.bytes, std::memory_order_relaxed);
  }
}

void log_streams::failed() noexcept {
  for (part& each : parts_)
    each.staged = kept(each.number);
}

storage_result<void> log_streams::reload(const database& store) {
  for (part& each : parts_) {
    const auto state = store.get(keys::stream(each.number));
    if (!state) return state.error();
    const auto found = *state ? parse_stream_state(**state) : std::nullopt;
    if (!found) continue;
    const figures before = kept(each.number);
    each.staged.messages += found->messages - before.messages;
    each.staged.bytes += found->bytes - before.bytes;
    each.staged.trimmed = std::max(each.staged.trimmed, found->trimmed);
    each.messages.store(found->messages, std::memory_order_relaxed);
    each.bytes.store(found->bytes, std::memory_order_relaxed);
    each.trimmed.store(found->trimmed, std::memory_order_release);
  }
  return {};
}

}  // namespace troupe
