#include "apps/troupe-bench/event_loop.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/eventfd.h>
#include <unistd.h>

namespace troupe::bench {

event_loop::event_loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      events_(256) {
  const int error = wake_.get() < 0 ? errno : add(wake_.get(), wake_tag);
  if (error != 0)
    throw std::runtime_error(std::string("Cannot make an event loop: ") + std::strerror(error) +
                             ".");
}

int event_loop::add(int descriptor, std::uint64_t tag) noexcept {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wanted.data.u64 = tag;
  if (tag == wake_tag) wanted.events = EPOLLIN | EPOLLET;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &wanted) == 0 ? 0 : errno;
}

std::span<const epoll_event> event_loop::wait(std::int64_t timeout) noexcept {
  const timespec limit{timeout / 1'000'000'000, timeout % 1'000'000'000};
  const int count = ::epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   timeout < 0 ? nullptr : &limit, nullptr);
  return {events_.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
}

void event_loop::wake() noexcept {
  // Edge-triggered: each write is an event of its own, nobody needs to read.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
}

}  // namespace troupe::bench
