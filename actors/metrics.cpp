#include "actors/metrics.hpp"

namespace troupe {

namespace {

using counters = metrics::counters;
using traffic_counters = session_effects::counters;

constexpr std::uint64_t traffic_counters::*traffic_fields[] = {
    &traffic_counters::publishes_received,     &traffic_counters::publishes_sent,
    &traffic_counters::publish_bytes_received, &traffic_counters::publish_bytes_sent,
    &traffic_counters::packets_received,       &traffic_counters::packets_sent,
    &traffic_counters::dropped_output_full,    &traffic_counters::dropped_queue_full,
    &traffic_counters::dropped_expired,        &traffic_counters::dropped_too_large,
};
constexpr std::uint64_t counters::*own_fields[] = {
    &counters::bytes_received,      &counters::bytes_sent,          &counters::connections_accepted,
    &counters::connections_refused, &counters::handshakes_failed,   &counters::deliveries_dropped,
    &counters::publishes_dropped,   &counters::messages_not_logged, &counters::publishes_held,
    &counters::messages_forwarded,  &counters::messages_from_nodes, &counters::forwards_dropped,
    &counters::announcements_late,  &counters::links_refused,       &counters::inspections_refused,
    &counters::stamps_refused,      &counters::cleared_forgotten,
};

std::uint64_t read(std::uint64_t& counter) noexcept {
  return std::atomic_ref<std::uint64_t>(counter).load(std::memory_order_relaxed);
}

}  // namespace

void metrics::add(const session_effects::counters& counted) {
  counters& mine = local();
  for (const auto field : traffic_fields)
    if (counted.*field != 0) bump(mine.traffic.*field, counted.*field);
}

metrics::counters metrics::total() const {
  counters sum;
  const std::lock_guard guard(mutex_);
  for (const auto& thread : by_thread_) {
    for (const auto field : own_fields)
      sum.*field += read(thread.get()->*field);
    for (const auto field : traffic_fields)
      sum.traffic.*field += read(thread->traffic.*field);
  }
  return sum;
}

metrics::counters& metrics::local() {
  thread_local std::uint64_t owner = 0;
  thread_local counters* mine = nullptr;
  if (owner != number_ || mine == nullptr) {
    const std::lock_guard guard(mutex_);
    by_thread_.push_back(std::make_unique<counters>());
    owner = number_;
    mine = by_thread_.back().get();
  }
  return *mine;
}

}  // namespace troupe
