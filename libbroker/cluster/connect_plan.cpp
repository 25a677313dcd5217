#include "libbroker/cluster/connect_plan.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// SplitMix64: any state will do, and it is eight bytes.
std::uint64_t next_random(std::uint64_t& state) noexcept {
  std::uint64_t value = state += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

}  // namespace

void connect_plan::set(const targets& all, time_point now) {
  for (auto& [address, each] : attempts_)
    if (!all.contains(address)) each.wanted = false;
  // What may become a target again soon stays: it is not to be tried sooner for that.
  std::erase_if(attempts_, [&](const auto& each) {
    const auto& [address, old] = each;
    return !old.under_way && now >= old.next + settings_.longest_retry && !all.contains(address);
  });
  for (const auto& [address, target] : all) {
    attempt& each = attempts_.try_emplace(std::string(address)).first->second;
    each.expected = target.expected;
    each.is_second = target.is_second;
    if (target.wanted && !each.wanted) each.next = now + delay(each);
    each.wanted = target.wanted;
  }
}

void connect_plan::start(time_point now, std::vector<connect_request>& out) {
  for (auto& [address, each] : attempts_) {
    if (!each.wanted || each.under_way || now < each.next) continue;
    each.under_way = true;
    out.push_back({address, each.expected});
  }
}

void connect_plan::ended(std::string_view address, time_point now) noexcept {
  attempt* const found = find(address);
  if (found == nullptr || !found->under_way) return;
  found->under_way = false;
  found->next = now + settings_.longest_retry;
}

void connect_plan::failed(std::string_view address, time_point now) noexcept {
  attempt* const found = find(address);
  if (found == nullptr || !found->under_way) return;
  found->under_way = false;
  ++found->failures;
  found->next = now + delay(*found);
}

void connect_plan::link_lost(std::string_view address, bool was_short) noexcept {
  if (attempt* const found = find(address)) found->failures = was_short ? found->failures + 1 : 1;
}

void connect_plan::forget(std::string_view address) {
  const auto found = attempts_.find(address);
  if (found != attempts_.end()) attempts_.erase(found);
}

void connect_plan::try_now(time_point now) noexcept {
  for (auto& [address, each] : attempts_) {
    each.failures = 0;
    each.next = now;
  }
}

std::optional<time_point> connect_plan::deadline() const noexcept {
  std::optional<time_point> first;
  for (const auto& [address, each] : attempts_)
    if (each.wanted && !each.under_way && (!first || each.next < *first)) first = each.next;
  return first;
}

connect_plan::attempt* connect_plan::find(std::string_view address) noexcept {
  const auto found = attempts_.find(address);
  return found == attempts_.end() ? nullptr : &found->second;
}

std::chrono::milliseconds connect_plan::delay(const attempt& of) noexcept {
  using std::chrono::milliseconds;
  milliseconds wait{0};
  if (of.failures != 0) {
    wait = settings_.first_retry;
    for (std::uint32_t i = 1; i < of.failures && wait < settings_.longest_retry; ++i)
      wait *= 2;
    wait = std::min(wait, settings_.longest_retry);
    const std::int64_t quarter = wait.count() / 4;
    const std::uint64_t range = static_cast<std::uint64_t>(quarter) * 2 + 1;
    wait += milliseconds(static_cast<std::int64_t>(next_random(random_) % range) - quarter);
  }
  return of.is_second ? wait + settings_.second_mover_delay : wait;
}

}  // namespace troupe
