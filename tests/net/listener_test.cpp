// Listeners on loopback, with workers behind them.

#include "net/listener.hpp"
#include "tests/net/real_system.hpp"
#include "tests/net/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

/// The connections that a listener handed over, and where.
class arrivals {
public:
  struct arrival {
    std::unique_ptr<connection> socket;
    worker_loop* on = nullptr;
  };

  listener::on_accept keeper() {
    return [this](std::unique_ptr<connection> socket) {
      const std::lock_guard guard(mutex_);
      all_.push_back({std::move(socket), worker_loop::current()});
      added_.notify_one();
    };
  }
  /// Waits until there are `count` and looks at them.
  const std::vector<arrival>& wait_for(std::size_t count) {
    std::unique_lock guard(mutex_);
    BOOST_TEST_REQUIRE(added_.wait_for(guard, patience, [&] { return all_.size() >= count; }),
                       all_.size() << " of " << count << " connections");
    return all_;
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard guard(mutex_);
    return all_.size();
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    all_.clear();
  }

private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<arrival> all_;
};

listener_config on_tcp(std::string host = "127.0.0.1", std::uint16_t port = 0) {
  listener_config settings;
  settings.address.host = std::move(host);
  settings.address.port = port;
  return settings;
}

listener_config on_unix(const fs::path& path) {
  listener_config settings;
  settings.address = {
      .scheme = listener_scheme::unix_socket, .host = {}, .port = 0, .path = path.string()};
  return settings;
}

std::uint16_t port_of(const listener& at) {
  const std::string address = at.address();
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

descriptor tcp_socket(int family = AF_INET) {
  return descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/// Returns 0 or what went wrong.
int connect_to(const descriptor& socket, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
}
int connect_to_v6(const descriptor& socket, std::uint16_t port) {
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = in6addr_loopback;
  at.sin6_port = htons(port);
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
}
sockaddr_un unix_address(const fs::path& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.string().copy(at.sun_path, sizeof at.sun_path - 1);
  return at;
}
int connect_to(const descriptor& socket, const fs::path& path) {
  const sockaddr_un at = unix_address(path);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ? 0
                                                                                         : errno;
}

bool has_ipv6() {
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const descriptor probe(socket);
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = in6addr_loopback;
  return ::bind(probe.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
}

/// An empty folder for socket files; goes with the test.
class folder {
public:
  folder() {
    std::string name = (fs::temp_directory_path() / "troupe-net-XXXXXX").string();
    BOOST_TEST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~folder() { fs::remove_all(path_); }
  [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

private:
  fs::path path_;
};

/// The process opens no more files while this lives.
class no_more_files {
public:
  no_more_files() {
    BOOST_TEST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit now = before_;
    {
      const descriptor lowest_free(::fcntl(0, F_DUPFD_CLOEXEC, 0));
      now.rlim_cur = static_cast<rlim_t>(lowest_free.get());
    }
    BOOST_TEST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~no_more_files() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
  rlimit before_{};
};

struct fixture {
  std::shared_ptr<listener> opened(const listener_config& settings) {
    auto made = listener::open(settings, workers_of(system.system()), 4, accepted.keeper());
    made->start();
    return made;
  }
  /// The sentence with which `settings` are refused.
  std::string refused(const listener_config& settings) {
    try {
      (void)listener::open(settings, workers_of(system.system()), 4, accepted.keeper());
      return "it was opened";
    } catch (const std::runtime_error& failed) {
      return failed.what();
    }
  }

  real_system system{2};
  arrivals accepted;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(listeners, fixture)

BOOST_AUTO_TEST_CASE(port_0_becomes_a_real_one_and_workers_take_turns) {
  const auto at = opened(on_tcp());
  BOOST_TEST(at->address().starts_with("tcp://127.0.0.1:"));
  BOOST_TEST(port_of(*at) != 0U);
  std::vector<descriptor> clients;
  for (std::size_t i = 0; i != 10; ++i) {
    clients.push_back(tcp_socket());
    BOOST_TEST_REQUIRE(connect_to(clients.back(), port_of(*at)) == 0);
  }
  std::size_t on_first = 0;
  for (const auto& [socket, on] : accepted.wait_for(10)) {
    BOOST_TEST((on == &system.loop(0) || on == &system.loop(1)));
    const std::size_t worker = on == &system.loop(0) ? 0 : 1;
    on_first += worker == 0 ? 1 : 0;
    BOOST_TEST((socket->home() == system.home(worker)));
    BOOST_TEST(socket->peer().starts_with("127.0.0.1:"));
  }
  BOOST_TEST(on_first == 5U);
  BOOST_TEST(at->open_connections() == 10U);
  accepted.clear();
  BOOST_TEST(at->open_connections() == 0U);
  at->stop();
}

BOOST_AUTO_TEST_CASE(an_accepted_socket_is_non_blocking_and_works) {
  const auto at = opened(on_tcp());
  const descriptor client = tcp_socket();
  BOOST_TEST_REQUIRE(connect_to(client, port_of(*at)) == 0);
  connection& socket = *accepted.wait_for(1).front().socket;
  std::array<std::byte, 8> into{};
  BOOST_TEST((socket.read_some(into).status == connection::io_status::would_block));
  const std::array views{as_bytes("hello")};
  BOOST_TEST(socket.write_some(views).bytes == 5U);
  BOOST_TEST(read_exactly(client, 5) == "hello");
  at->stop();
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(ipv6_is_an_address_like_another) {
  if (!has_ipv6()) {
    BOOST_TEST_MESSAGE("no IPv6 on this machine");
    return;
  }
  const auto at = opened(on_tcp("::1"));
  BOOST_TEST(at->address().starts_with("tcp://[::1]:"));
  const descriptor client = tcp_socket(AF_INET6);
  BOOST_TEST_REQUIRE(connect_to_v6(client, port_of(*at)) == 0);
  BOOST_TEST(accepted.wait_for(1).front().socket->peer().starts_with("[::1]:"));
  // The port of the other family stays free for a listener of its own.
  const auto beside = opened(on_tcp("127.0.0.1", port_of(*at)));
  BOOST_TEST(port_of(*beside) == port_of(*at));
  beside->stop();
  at->stop();
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_named) {
  const auto at = opened(on_tcp());
  const std::string port = std::to_string(port_of(*at));
  BOOST_TEST(refused(on_tcp("127.0.0.1", port_of(*at))) ==
             "cannot listen on tcp://127.0.0.1:" + port + ": Address already in use");
  at->stop();
}

BOOST_AUTO_TEST_CASE(an_address_of_another_machine_is_named) {
  BOOST_TEST(refused(on_tcp("192.0.2.1", 1883)) ==
             "cannot listen on tcp://192.0.2.1:1883: Cannot assign requested address");
}

BOOST_AUTO_TEST_CASE(a_unix_socket_is_a_file_that_goes_with_its_listener) {
  const folder place;
  {
    const auto at = opened(on_unix(place / "mqtt"));
    BOOST_TEST(at->address() == "unix://" + (place / "mqtt").string());
    const descriptor client = tcp_socket(AF_UNIX);
    BOOST_TEST_REQUIRE(connect_to(client, place / "mqtt") == 0);
    BOOST_TEST(accepted.wait_for(1).front().socket->peer() == "unix");
    at->stop();
    accepted.clear();
  }
  system.on_worker(0, [] {});  // what the listener had under way there is over
  BOOST_TEST(!fs::exists(place / "mqtt"));
}

BOOST_AUTO_TEST_CASE(a_socket_file_that_nobody_listens_on_is_replaced) {
  const folder place;
  {
    const descriptor killed = tcp_socket(AF_UNIX);
    const sockaddr_un at = unix_address(place / "mqtt");
    BOOST_TEST_REQUIRE(::bind(killed.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) ==
                       0);
  }
  BOOST_TEST(fs::is_socket(place / "mqtt"));
  const auto at = opened(on_unix(place / "mqtt"));
  const descriptor client = tcp_socket(AF_UNIX);
  BOOST_TEST(connect_to(client, place / "mqtt") == 0);
  accepted.wait_for(1);
  at->stop();
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(a_socket_file_that_somebody_listens_on_is_left_alone) {
  const folder place;
  const auto at = opened(on_unix(place / "mqtt"));
  BOOST_TEST(refused(on_unix(place / "mqtt")) ==
             "cannot listen on unix://" + (place / "mqtt").string() + ": Address already in use");
  const descriptor client = tcp_socket(AF_UNIX);
  BOOST_TEST(connect_to(client, place / "mqtt") == 0);
  accepted.wait_for(1);
  at->stop();
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
  const folder place;
  std::ofstream(place / "notes") << "mine";
  BOOST_TEST(refused(on_unix(place / "notes")) ==
             "cannot listen on unix://" + (place / "notes").string() + ": Address already in use");
  BOOST_TEST(fs::file_size(place / "notes") == 4U);
}

BOOST_AUTO_TEST_CASE(a_listener_that_stopped_has_handed_over_all_and_takes_no_more) {
  constexpr std::size_t connections = 11;  // worker 0 gets the first and the last
  const auto at = opened(on_tcp());
  const std::uint16_t port = port_of(*at);
  // Worker 1 is busy, so what is dealt out to it has to wait.
  std::promise<void> busy;
  std::promise<void> go_on;
  boost::asio::post(system.loop(1).context(), [&] {
    busy.set_value();
    go_on.get_future().wait();
  });
  awaited(busy.get_future());
  std::vector<descriptor> clients;
  for (std::size_t i = 0; i != connections; ++i) {
    clients.push_back(tcp_socket());
    BOOST_TEST_REQUIRE(connect_to(clients.back(), port) == 0);
  }
  accepted.wait_for((connections + 1) / 2);
  auto stopped = std::async(std::launch::async, [&] { at->stop(); });
  BOOST_TEST((stopped.wait_for(100ms) == std::future_status::timeout));
  go_on.set_value();
  awaited(std::move(stopped));
  BOOST_TEST(accepted.count() == connections);
  BOOST_TEST(connect_to(tcp_socket(), port) == ECONNREFUSED);
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(a_listener_may_stop_before_it_ever_waited) {
  const auto at = listener::open(on_tcp(), workers_of(system.system()), 4, accepted.keeper());
  const std::uint16_t port = port_of(*at);
  at->stop();
  BOOST_TEST(connect_to(tcp_socket(), port) == ECONNREFUSED);
}

BOOST_AUTO_TEST_CASE(without_free_descriptors_it_waits_for_some_and_does_not_spin) {
  const auto at = opened(on_tcp());
  const descriptor first = tcp_socket();
  const descriptor second = tcp_socket();
  {
    const no_more_files limit;
    BOOST_TEST_REQUIRE(connect_to(first, port_of(*at)) == 0);
    BOOST_TEST_REQUIRE(connect_to(second, port_of(*at)) == 0);
    const auto before = system.cpu_time(0);
    system.let_idle(0, 350ms);
    BOOST_TEST((system.cpu_time(0) - before).count() < std::chrono::nanoseconds(60ms).count());
    BOOST_TEST(accepted.count() == 0U);
  }
  accepted.wait_for(2);
  at->stop();
  accepted.clear();
}

BOOST_AUTO_TEST_CASE(a_listener_that_waits_for_descriptors_stops_at_once) {
  const auto at = opened(on_tcp());
  const std::uint16_t port = port_of(*at);
  const descriptor client = tcp_socket();
  const descriptor late = tcp_socket();
  {
    const no_more_files limit;
    BOOST_TEST_REQUIRE(connect_to(client, port) == 0);
    system.let_idle(0, 20ms);
    at->stop();
  }
  BOOST_TEST(connect_to(late, port) == ECONNREFUSED);
  BOOST_TEST(accepted.count() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
