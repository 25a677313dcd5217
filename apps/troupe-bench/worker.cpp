#include "apps/troupe-bench/worker.hpp"

#include "apps/troupe-bench/clock.hpp"
#include "libbroker/codec/encode.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <sys/prctl.h>

namespace troupe::bench {
namespace {

constexpr std::int64_t tick_interval = 250'000'000;
/// Bytes of one read. Measured with 32 to 256 KiB: larger ones leave the second-level cache and
/// cost half as much again for each message.
constexpr std::size_t input_size = 64 * 1024;

}  // namespace

worker::worker(run_context& context, std::uint32_t index)
    : context_(context), index_(index), input_(input_size) {}

worker::~worker() {
  if (!thread_.joinable()) return;
  post(command::quit);
  join();
}

connection& worker::add(client_plan plan) {
  const auto position = static_cast<std::uint32_t>(clients_.size());
  connection& client = clients_.emplace_back(std::move(plan), position, context_.wanted.version);
  if (client.plan.subscribes)
    client.receives = context_.receivers[client.plan.subscribes->receiver].get();
  for (const std::uint32_t each : client.plan.publishes) {
    stream& published = *context_.streams[each];
    published.worker = index_;
    published.client = position;
    client.publishes.streams.push_back(&published);
  }
  if (!client.publishes.streams.empty()) {
    client.publishes.position = publishers_.size();
    publishers_.push_back(&client);
    if (context_.wanted.scenario == scenario::retained)
      client.publishes.limit = client.publishes.streams.size();
    else if (context_.wanted.messages != 0)
      client.publishes.limit = context_.wanted.messages;
  }
  return client;
}

void worker::start() {
  thread_ = std::thread([this] { run(); });
}

void worker::join() {
  if (thread_.joinable()) thread_.join();
}

void worker::post(command what) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_commands_.push_back(what);
  }
  loop_.wake();
}

void worker::post_wake(const stream& which) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_wakes_.push_back(which.client);
  }
  loop_.wake();
}

void worker::run() {
  // The default slack of 50 µs would be seen in every open loop.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  next_tick_ = now_ns() + tick_interval;
  while (!done_) {
    if (publishing_ && context_.wanted.pacing() == pacing::flat_out && runnable_.empty()) pause();
    const auto events = loop_.wait(timeout());
    now_ = now_ns();
    for (const epoll_event& event : events)
      dispatch(event);
    if (open_wanted_) open_more();
    release_due();
    run_runnable();
    if (now_ >= next_tick_) tick();
  }
}

void worker::pause() const noexcept {
  const timespec time{0, static_cast<long>(context_.wanted.gather) * 1000};
  if (time.tv_nsec != 0) ::nanosleep(&time, nullptr);
}

std::int64_t worker::timeout() const noexcept {
  if (!runnable_.empty()) return 0;
  std::int64_t until = next_tick_;
  if (open_wanted_) until = std::min(until, retry_at_);
  if (publishing_ && context_.wanted.rate > 0 && !publishers_.empty())
    until = std::min(until, scheduled(released_));
  return std::max<std::int64_t>(0, until - now_ns());
}

void worker::dispatch(const epoll_event& event) {
  if (event.data.u64 == event_loop::wake_tag) {
    take_posted();
    return;
  }
  connection& client = clients_[event.data.u64];
  if (client.state == connection::phase::connecting) established(client);
  if (!client.is_open()) return;
  if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) receive(client);
  if ((event.events & EPOLLOUT) != 0 && !client.output.empty() && client.is_open()) {
    if (const int error = client.send_output(); error != 0) {
      fail(client, std::strerror(error));
      return;
    }
    pump(client);
  }
}

void worker::take_posted() {
  std::vector<command> commands;
  std::vector<std::uint32_t> wakes;
  {
    const std::lock_guard lock(posted_mutex_);
    commands.swap(posted_commands_);
    wakes.swap(posted_wakes_);
  }
  for (const command each : commands)
    obey(each);
  for (const std::uint32_t each : wakes)
    enqueue(clients_[each]);
}

void worker::obey(command what) {
  switch (what) {
  case command::open:
    open_wanted_ = true;
    next_to_open_ = 0;
    opening_since_ = now_;
    break;
  case command::publish:
    publishing_ = true;
    if (context_.wanted.rate > 0) break;
    for (connection* each : publishers_)
      enqueue(*each);
    break;
  case command::stop_publishing: publishing_ = false; break;
  case command::subscribe:
    for (connection& each : clients_)
      if (each.plan.subscribes && each.plan.subscribes->deferred) send_subscribe(each);
    break;
  case command::leave:
    for (connection& each : clients_)
      if (each.plan.subscribes) leave(each);
    break;
  case command::clear_retained:
    for (connection* each : publishers_)
      clear_retained(*each);
    break;
  case command::quit:
    disconnect_all();
    done_ = true;
    break;
  }
}

void worker::tick() {
  next_tick_ = now_ + tick_interval;
  for (connection* each : publishers_)
    for (stream* published : each->publishes.streams)
      if (published->write_off(now_)) enqueue(*each);

  if (context_.wanted.keep_alive == 0) return;
  const std::int64_t interval = std::int64_t{context_.wanted.keep_alive} * 750'000'000;
  for (connection& each : clients_) {
    if (each.state != connection::phase::ready || now_ < each.next_ping) continue;
    each.next_ping = now_ + interval;
    encode(pingreq{}, scratch_);
    flush(each);
  }
}

}  // namespace troupe::bench
