#include "net/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace troupe {

namespace {

constexpr std::size_t events_per_poll = 256;
constexpr std::uint32_t hang_up_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

std::uint64_t pack(poller::slot_id id) noexcept {
  return (std::uint64_t{id.generation} << 32) | id.index;
}

poller::slot_id unpack(std::uint64_t data) noexcept {
  return {static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(data >> 32)};
}

}  // namespace

poller::poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

poller::~poller() { ::close(epoll_); }

poller::slot* poller::find(slot_id id) noexcept {
  if (id.index >= slots_.size() || slots_[id.index].generation != id.generation) return nullptr;
  return &slots_[id.index];
}

poller::slot_id poller::add(int socket) {
  slot_id id;
  if (free_.empty()) {
    id.index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    id.index = free_.back();
    free_.pop_back();
  }
  id.generation = slots_[id.index].generation;
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  interest.data.u64 = pack(id);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &interest) != 0) {
    free_.push_back(id.index);
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  return id;
}

void poller::release(slot_id id) noexcept {
  slot* const released = find(id);
  assert(released != nullptr);
  set_deadline(id, std::nullopt);
  released->owner = connection_owner();
  ++released->generation;
  free_.push_back(id.index);
}

void poller::forget(int socket) noexcept { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr); }

void poller::set_owner(slot_id id, connection_owner owner, std::uint32_t watch) {
  slot* const owned = find(id);
  assert(owned != nullptr);
  owned->owner = std::move(owner);
  owned->watch = watch;
}

void poller::set_deadline(slot_id id, std::optional<time_point> due) noexcept {
  slot* const timed = find(id);
  assert(timed != nullptr);
  if (timed->deadline != no_deadline) --deadlines_;
  timed->deadline = due.value_or(no_deadline);
  if (timed->deadline != no_deadline) ++deadlines_;
}

std::size_t poller::poll() {
  std::array<epoll_event, events_per_poll> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    slot* const ready = find(unpack(event.data.u64));
    if (ready == nullptr || !ready->owner) continue;
    caf::anon_send(ready->owner,
                   io_ready{.watch = ready->watch,
                            .readable = (event.events & ~std::uint32_t{EPOLLOUT}) != 0,
                            .writable = (event.events & EPOLLOUT) != 0,
                            .hung_up = (event.events & hang_up_events) != 0});
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

void poller::check_deadlines(time_point now) {
  for (slot& timed : slots_) {
    if (timed.deadline > now) continue;
    timed.deadline = no_deadline;
    --deadlines_;
    if (timed.owner)
      caf::anon_send(timed.owner, io_ready{.watch = timed.watch, .deadline_passed = true});
  }
}

}  // namespace troupe
