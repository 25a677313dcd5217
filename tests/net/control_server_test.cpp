// Operators at the control socket, and whoever else gets there.

#include "net/control_client.hpp"
#include "net/control_server.hpp"
#include "tests/net/sockets.hpp"
#include "tests/support/seed.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

constexpr auto patience = 10s;

/// Removed with its contents.
class directory {
public:
  directory() {
    std::string name = (fs::temp_directory_path() / "control-test-XXXXXX").string();
    BOOST_TEST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~directory() { fs::remove_all(path); }
  fs::path path;
};

/// Answers "count N" with N lines, "wait" when nobody wants it any more, "throw" not at all.
class counting_handler {
public:
  void operator()(const std::string& request, line_sink& answer) {
    if (request == "throw") throw std::runtime_error("thrown");
    if (request == "wait") {
      note(begun_);
      while (answer.is_wanted())
        std::this_thread::sleep_for(1ms);
      note(given_up_);
    }
    if (request.starts_with("count ")) {
      const int lines = std::stoi(request.substr(6));
      for (int i = 0; i != lines && answer.put("line " + std::to_string(i)); ++i)
        ;
      note(counted_);
    }
    answer.put("end of " + request);
  }

  void wait_for_begun(int count) { wait_for(begun_, count); }
  void wait_for_given_up(int count) { wait_for(given_up_, count); }
  void wait_for_counted(int count) { wait_for(counted_, count); }

private:
  void note(int& what) {
    const std::lock_guard guard(mutex_);
    ++what;
    changed_.notify_all();
  }
  void wait_for(const int& what, int count) {
    std::unique_lock guard(mutex_);
    BOOST_TEST_REQUIRE(changed_.wait_for(guard, patience, [&] { return what >= count; }));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  int given_up_ = 0;
  int counted_ = 0;
};

struct fixture {
  directory at;
  counting_handler handler;
  std::unique_ptr<control_server> server;

  void start(const control_server::limits& limits = {}) {
    server = std::make_unique<control_server>(
        at.path.string(),
        [this](const std::string& request, line_sink& answer) { handler(request, answer); },
        limits);
  }
  /// A connection on which nothing has been sent.
  [[nodiscard]] descriptor connected() const {
    const socket_place place(at.path.string(), control_socket_name);
    descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_TEST_REQUIRE(::connect(socket.get(), place.address(), socket_place::size()) == 0);
    const timeval time{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    return socket;
  }
  /// All that comes until the connection ends.
  static std::string rest(const descriptor& socket) {
    std::string text;
    char piece[4096];
    for (;;) {
      const ssize_t size = ::recv(socket.get(), piece, sizeof piece, 0);
      BOOST_TEST_REQUIRE((size >= 0 || errno == ECONNRESET), std::strerror(errno));
      if (size <= 0) return text;
      text.append(piece, static_cast<std::size_t>(size));
    }
  }
  std::vector<std::string> ask(const std::string& request) const {
    auto client = control_client::connect(at.path.string());
    BOOST_TEST_REQUIRE((client.has_value() && *client != nullptr));
    std::vector<std::string> lines;
    (*client)->ask(request, [&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }
};

const std::string refusal = R"({"ok":false,"error":")";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(control_server_, fixture)

BOOST_AUTO_TEST_CASE(request_is_answered_line_by_line) {
  start();
  BOOST_TEST((ask("count 2") == std::vector<std::string>{"line 0", "line 1", "end of count 2"}));
  const auto many = ask("count 100000");
  BOOST_TEST(many.size() == 100'001U);
  BOOST_TEST(many[99'999] == "line 99999");
  BOOST_TEST((ask("") == std::vector<std::string>{"end of "}));
  BOOST_TEST(server->refused() == 0U);
}

BOOST_AUTO_TEST_CASE(only_its_owner_may_connect) {
  const mode_t before = ::umask(0);
  start();
  ::umask(before);
  struct stat found {};
  BOOST_TEST_REQUIRE(::stat((at.path / control_socket_name).c_str(), &found) == 0);
  BOOST_TEST((found.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(path_may_be_longer_than_an_address) {
  at.path /= std::string(100, 'a');
  at.path /= std::string(100, 'b');
  fs::create_directories(at.path);
  start();
  BOOST_TEST(ask("count 1").size() == 2U);
  server.reset();
  BOOST_TEST(!fs::exists(at.path / control_socket_name));
  fs::remove_all(at.path.parent_path().parent_path());
}

BOOST_AUTO_TEST_CASE(socket_that_was_left_behind_is_replaced_and_another_file_is_not) {
  const std::string directory = at.path.string();
  BOOST_TEST((*control_client::connect(directory)) == nullptr);
  {
    const socket_place place(directory, control_socket_name);
    const descriptor left(::socket(AF_UNIX, SOCK_STREAM, 0));
    BOOST_TEST_REQUIRE(::bind(left.get(), place.address(), socket_place::size()) == 0);
  }
  BOOST_TEST((*control_client::connect(directory)) == nullptr);
  start();
  BOOST_TEST(ask("count 1").size() == 2U);
  server.reset();
  std::ofstream(at.path / control_socket_name) << "mine";
  BOOST_CHECK_THROW(start(), std::runtime_error);
  BOOST_TEST(fs::file_size(at.path / control_socket_name) == 4U);
}

BOOST_AUTO_TEST_CASE(directory_that_is_not_there_is_a_clear_error) {
  at.path /= "none";
  const auto client = control_client::connect(at.path.string());
  BOOST_TEST_REQUIRE(!client.has_value());
  BOOST_TEST(client.error() == at.path.string() + ": No such file or directory");
  BOOST_CHECK_THROW(start(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(what_is_no_line_is_refused) {
  start({.request_bytes = 1000, .request_time = 300ms});
  {
    const descriptor silent = connected();
    BOOST_TEST(rest(silent) == refusal + "no request in time\"}\n");
  }
  {
    const descriptor slow = connected();
    write_all(slow, "count 1");
    BOOST_TEST(rest(slow) == refusal + "no request in time\"}\n");
  }
  {
    const descriptor cut_off = connected();
    write_all(cut_off, "count 1");
    ::shutdown(cut_off.get(), SHUT_WR);
    BOOST_TEST(rest(cut_off) == refusal + "the request has no end\"}\n");
  }
  {
    const descriptor huge = connected();
    write_all(huge, std::string(100'000, 'x'));
    BOOST_TEST(rest(huge) == refusal + "the request is too long\"}\n");
  }
  connected().close();
  BOOST_TEST(ask("count 1").size() == 2U);
  BOOST_TEST(server->refused() >= 4U);
}

BOOST_AUTO_TEST_CASE(garbage_is_for_the_handler_to_judge) {
  start();
  const std::string garbage("\x00\xFF{\x1b[2J", 7);
  BOOST_TEST((ask(garbage) == std::vector<std::string>{"end of " + garbage}));
}

BOOST_AUTO_TEST_CASE(client_that_says_all_it_has_to_say_is_answered) {
  start();
  const descriptor socket = connected();
  write_all(socket, "count 2\nand more that nobody reads\n");
  ::shutdown(socket.get(), SHUT_WR);
  BOOST_TEST(rest(socket) == "line 0\nline 1\nend of count 2\n");
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_limit_are_refused_and_others_served_later) {
  start({.connections = 3});
  std::vector<descriptor> crowd;
  for (int i = 0; i != 3; ++i) {
    crowd.push_back(connected());
    write_all(crowd.back(), "wait\n");
  }
  handler.wait_for_begun(3);
  for (int i = 0; i != 20; ++i)
    BOOST_TEST(rest(connected()) == refusal + "too many connections\"}\n");
  crowd.clear();
  handler.wait_for_given_up(3);
  // An ended connection is put away at once, but not at the same time.
  const auto until = std::chrono::steady_clock::now() + patience;
  while (ask("count 1").size() != 2 && std::chrono::steady_clock::now() < until)
    ;
  BOOST_TEST(ask("count 1").size() == 2U);
}

BOOST_AUTO_TEST_CASE(client_that_does_not_read_delays_nobody) {
  start();
  const descriptor lazy = connected();
  write_all(lazy, "count 10000000\n");
  BOOST_TEST(ask("count 1").size() == 2U);
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 2s));
}

BOOST_AUTO_TEST_CASE(client_that_does_not_read_is_left_in_the_end) {
  start({.answer_time = 100ms});
  const descriptor lazy = connected();
  write_all(lazy, "count 10000000\n");
  handler.wait_for_counted(1);
}

BOOST_AUTO_TEST_CASE(handler_learns_that_its_client_went_away_or_that_all_shall_end) {
  start();
  {
    const descriptor leaving = connected();
    write_all(leaving, "wait\n");
    handler.wait_for_begun(1);
  }
  handler.wait_for_given_up(1);
  const descriptor staying = connected();
  write_all(staying, "wait\n");
  handler.wait_for_begun(2);
  server.reset();
  handler.wait_for_given_up(2);
}

BOOST_AUTO_TEST_CASE(handler_that_throws_is_answered_for) {
  start();
  const auto lines = ask("throw");
  BOOST_TEST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(lines[0].starts_with(refusal));
  BOOST_TEST(ask("count 1").size() == 2U);
}

BOOST_AUTO_TEST_CASE(random_bytes_do_no_harm) {
  start({.connections = 4, .request_bytes = 2000, .request_time = 20ms});
  std::mt19937_64 random(seed_for_test());
  for (int round = 0; round != 50; ++round) {
    std::vector<descriptor> clients;
    for (int i = 0; i != 6; ++i) {
      clients.push_back(connected());
      std::string bytes(random() % 4000, '\0');
      for (char& each : bytes)
        each = static_cast<char>(random());
      ::send(clients.back().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    for (const descriptor& each : clients)
      if (random() % 2 == 0) rest(each);
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (ask("count 1").size() != 2 && std::chrono::steady_clock::now() < until)
    ;
  BOOST_TEST(ask("count 1").size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
