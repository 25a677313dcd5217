#include "tests/net/real_system.hpp"

#include <boost/asio/steady_timer.hpp>

#include <pthread.h>

#include <ctime>

namespace troupe::test {

void real_system::let_idle(std::size_t worker, std::chrono::milliseconds span) {
  boost::asio::steady_timer timer(loop(worker).context());
  std::promise<void> passed;
  on_worker(worker, [&] {
    timer.expires_after(span);
    timer.async_wait([&](const boost::system::error_code&) { passed.set_value(); });
  });
  awaited(passed.get_future());
}

std::chrono::nanoseconds real_system::cpu_time(std::size_t worker) {
  clockid_t clock{};
  timespec spent{};
  BOOST_TEST_REQUIRE(
      ::pthread_getcpuclockid(workers().worker_by_id(worker)->get_thread().native_handle(),
                              &clock) == 0);
  BOOST_TEST_REQUIRE(::clock_gettime(clock, &spent) == 0);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

}  // namespace troupe::test
