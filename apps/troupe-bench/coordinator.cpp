#include "apps/troupe-bench/coordinator.hpp"

#include "apps/troupe-bench/clock.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace troupe::bench {
namespace {

constexpr std::int64_t second = 1'000'000'000;

/// How often the coordinator looks at the counters: rarely enough to cost nothing.
constexpr std::chrono::milliseconds look_interval{2};

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

coordinator::coordinator(const options& wanted, const std::atomic<unsigned>& interrupts)
    : wanted_(wanted),
      interrupts_(interrupts),
      planned_(make_plan(wanted)),
      context_(wanted, planned_) {
  allow_open_files(planned_.clients.size());
  for (std::uint32_t index = 0; index < wanted.threads; ++index)
    context_.workers.push_back(std::make_unique<worker>(context_, index));
  for (const client_plan& each : planned_.clients)
    context_.workers[each.worker]->add(each);
  if (wanted.pid == 0) return;
  const auto broker = sample_process(wanted.pid);
  if (!broker) throw std::runtime_error("There is no process " + std::to_string(wanted.pid) + ".");
  summary_.broker_rss_before = broker->rss_bytes;
}

coordinator::~coordinator() = default;

summary coordinator::run() {
  started_ = shown_at_ = now_ns();
  for (const auto& each : context_.workers)
    each->start();
  connect_all();
  switch (wanted_.scenario) {
  case scenario::connect: break;
  case scenario::idle: hold_idle(); break;
  case scenario::retained: measure_retained(); break;
  case scenario::drain: measure_drain(); break;
  case scenario::offline: measure_offline(); break;
  default: wanted_.messages != 0 ? measure_messages() : measure_duration(); break;
  }
  finish();
  return std::move(summary_);
}

void coordinator::connect_all() {
  const snapshot begin = take();
  post_all(command::open);
  const std::uint64_t wanted = planned_.clients.size();
  const bool connected =
      wait([&](const totals& now) { return now.ready + now.failed >= wanted; },
           [](const totals& now) { return now.ready + now.failed; }, wanted_.connect_timeout);
  const snapshot end = take();
  summary_.connections = end.counts.ready;
  summary_.connect_seconds = seconds(end.at - begin.at);
  take_interval(begin, end);
  if (interrupted()) return;
  if (!connected)
    throw std::runtime_error("Only " + std::to_string(end.counts.ready) + " of " +
                             std::to_string(wanted) + " clients could connect to " +
                             context_.broker_names() + " before the broker stopped answering.");
  // A storm counts what the broker refuses; everything else needs all clients.
  if (end.counts.failed != 0 && wanted_.scenario != scenario::connect)
    throw std::runtime_error(context_.first_failure());
}

void coordinator::publish() {
  context_.publish_start.store(now_ns());
  post_all(command::publish);
}

void coordinator::measure_duration() {
  publish();
  wait_until(now_ns() + nanoseconds(wanted_.warmup));
  const snapshot begin = take();
  context_.window_begin.store(begin.at);
  wait_until(begin.at + nanoseconds(wanted_.duration));
  const snapshot end = take();
  context_.window_end.store(end.at);
  take_interval(begin, end);
  post_all(command::stop_publishing);
  drain();
}

void coordinator::measure_messages() {
  std::uint64_t publishers = 0;
  for (const client_plan& each : planned_.clients)
    publishers += each.publishes.empty() ? 0 : 1;
  const std::uint64_t wanted = publishers * wanted_.messages;

  context_.window_begin.store(0);
  const snapshot begin = take();
  publish();
  wait([&](const totals& now) { return now.published >= wanted || now.failed != 0; },
       [](const totals& now) { return now.published; }, wanted_.linger);
  drain();
  snapshot end = take();
  // Waiting in vain for lost messages is not part of the interval.
  if (end.counts.last_delivery > begin.at) end.at = end.counts.last_delivery;
  take_interval(begin, end);
}

void coordinator::measure_retained() {
  publish_for_later(planned_.topics.size());
  measure_retrieval(command::subscribe);
  if (!wanted_.keep_retained) post_all(command::clear_retained);
}

void coordinator::measure_drain() {
  send_subscribers_away();
  publish_for_later(wanted_.count);
  measure_retrieval(command::open);
}

void coordinator::measure_offline() {
  send_subscribers_away();
  const snapshot begin = take();
  publish_for_later(wanted_.messages);
  take_interval(begin, take());
}

void coordinator::publish_for_later(std::uint64_t count) {
  publish();
  const bool kept = wait([&](const totals& now) { return now.acknowledged >= count; },
                         [](const totals& now) { return now.acknowledged; }, wanted_.linger);
  if (!kept && !interrupted())
    throw std::runtime_error("The broker acknowledged only " + std::to_string(sum().acknowledged) +
                             " of " + std::to_string(count) + " messages that it has to keep.");
  post_all(command::stop_publishing);
}

void coordinator::measure_retrieval(command ask) {
  snapshot begin = take();
  post_all(ask);
  drain();
  snapshot end = take();
  begin.at = std::max(end.counts.retrieval_began, begin.at);
  end.at = std::max(end.counts.last_delivery, begin.at);
  take_interval(begin, end);
}

void coordinator::send_subscribers_away() {
  post_all(command::leave);
  const bool away = wait([&](const totals& now) { return now.ready <= wanted_.publishers; },
                         [](const totals& now) { return now.ready; }, wanted_.linger);
  if (!away && !interrupted())
    throw std::runtime_error(context_.broker_names() + " does not close the connections of " +
                             std::to_string(sum().ready - wanted_.publishers) +
                             " clients that have disconnected.");
}

void coordinator::hold_idle() {
  const snapshot begin = take();
  wait_until(begin.at + nanoseconds(wanted_.duration));
  const snapshot end = take();
  take_interval(begin, end);
  summary_.connections = end.counts.ready;
}

void coordinator::drain() {
  obeyed_interrupts_ = interrupts_;
  const bool acknowledges = context_.streams.front()->needs_id();
  wait(
      [&](const totals& now) {
        const bool acknowledged = !acknowledges || now.acknowledged >= now.published;
        return now.failed != 0 || (acknowledged && now.delivered >= expected_deliveries());
      },
      [](const totals& now) { return now.delivered + now.acknowledged; }, wanted_.linger);
}

void coordinator::finish() {
  post_all(command::quit);
  for (const auto& each : context_.workers)
    each->join();

  const totals all = sum();
  summary_.failed_connections = all.failed;
  summary_.first_failure = context_.first_failure();
  summary_.rejected = all.rejected;
  summary_.foreign = all.foreign;
  std::uint64_t reordered = 0;
  for (const auto& each : context_.receivers)
    for (std::size_t index = 0; index < each->trackers.size(); ++index) {
      const sequence_tracker& tracker = each->trackers[index];
      summary_.lost += tracker.lost(context_.streams[each->first_stream + index]->published());
      summary_.duplicates += tracker.duplicates();
      reordered += tracker.reordered();
    }
  if (wanted_.scenario != scenario::shared) summary_.out_of_order = reordered;
  for (const auto& each : context_.workers) {
    summary_.delivery_latency.merge(each->delivery_latency());
    summary_.connect_latency.merge(each->connect_latency());
  }
}

bool coordinator::wait(const std::function<bool(const totals&)>& done,
                       const std::function<std::uint64_t(const totals&)>& progress,
                       double patience) {
  std::int64_t changed_at = now_ns();
  std::uint64_t last = progress(sum());
  while (!interrupted()) {
    const totals now = sum();
    if (done(now)) return true;
    if (const std::uint64_t value = progress(now); value != last) {
      last = value;
      changed_at = now_ns();
    }
    if (now_ns() - changed_at > nanoseconds(patience)) return false;
    report_progress(now);
    std::this_thread::sleep_for(look_interval);
  }
  return false;
}

void coordinator::wait_until(std::int64_t until) {
  while (!interrupted()) {
    const std::int64_t left = until - now_ns();
    if (left <= 0) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(std::chrono::milliseconds{20},
                                                                   std::chrono::nanoseconds{left}));
    const totals now = sum();
    if (now.failed != 0 && wanted_.scenario != scenario::idle) return;
    report_progress(now);
  }
}

void coordinator::report_progress(const totals& now) {
  const std::int64_t at = now_ns();
  if (wanted_.quiet || at - shown_at_ < second) return;
  const double passed = seconds(at - shown_at_);
  const auto rate = [&](std::uint64_t value, std::uint64_t before) {
    return static_cast<std::uint64_t>(static_cast<double>(value - before) / passed);
  };
  std::cerr << static_cast<std::int64_t>(seconds(at - started_)) << " s: " << now.ready
            << " connected";
  if (now.failed != 0) std::cerr << ", " << now.failed << " failed";
  if (!planned_.topics.empty())
    std::cerr << ", published " << rate(now.published, shown_.published) << "/s, delivered "
              << rate(now.delivered, shown_.delivered) << "/s";
  std::cerr << std::endl;
  shown_ = now;
  shown_at_ = at;
}

void coordinator::post_all(command what) {
  for (const auto& each : context_.workers)
    each->post(what);
}

void coordinator::take_interval(const snapshot& begin, const snapshot& end) {
  summary_.seconds = seconds(end.at - begin.at);
  summary_.published = end.counts.published - begin.counts.published;
  summary_.acknowledged = end.counts.acknowledged - begin.counts.acknowledged;
  summary_.delivered = end.counts.delivered - begin.counts.delivered;
  summary_.own_cpu_seconds = end.own_cpu - begin.own_cpu;
  if (!begin.broker || !end.broker) return;
  summary_.broker_cpu_seconds = end.broker->cpu_seconds - begin.broker->cpu_seconds;
  summary_.broker_rss_begin = begin.broker->rss_bytes;
  summary_.broker_rss = end.broker->rss_bytes;
}

coordinator::totals coordinator::sum() const {
  totals all;
  for (const auto& each : context_.workers) {
    const worker_counters& counters = each->counters();
    all.ready += counters.ready;
    all.failed += counters.failed;
    all.published += counters.published;
    all.acknowledged += counters.acknowledged;
    all.rejected += counters.rejected;
    all.delivered += counters.delivered;
    all.foreign += counters.foreign;
    all.last_delivery = std::max(all.last_delivery, counters.last_delivery.load());
    all.retrieval_began = std::max(all.retrieval_began, counters.retrieval_began.load());
  }
  return all;
}

coordinator::snapshot coordinator::take() const {
  snapshot taken;
  taken.own_cpu = own_cpu_seconds();
  if (wanted_.pid != 0) taken.broker = sample_process(wanted_.pid);
  taken.counts = sum();
  taken.at = now_ns();
  return taken;
}

std::uint64_t coordinator::expected_deliveries() const {
  std::uint64_t expected = 0;
  for (const auto& each : context_.streams)
    expected += each->published() * each->receivers().size();
  return expected;
}

}  // namespace troupe::bench
