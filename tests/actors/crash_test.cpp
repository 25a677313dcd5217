// A node among clients that do what chance wants, against the promises of the specification:
// the power goes again and again, and the next node goes on with what is on the disk.

#include "actors/retention_actor.hpp"
#include "libbroker/topic.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// A publisher that sends everything again until it is acknowledged.
class sender {
public:
  struct message {
    std::string topic;
    qos level{};
    bool received = false;  ///< PUBREC came
    bool done = false;
  };

  explicit sender(player first) : at_(std::move(first)) {}

  void publish(int number, std::string topic, qos level) {
    at_.publish(topic, std::to_string(number), level, static_cast<packet_id>(number));
    messages.emplace(number, message{std::move(topic), level});
  }
  void reconnect(player next) {
    at_ = std::move(next);
    for (auto& [number, each] : messages) {
      const auto id = static_cast<packet_id>(number);
      if (each.done) continue;
      if (each.received)
        at_.send(typed_response{packet_type::pubrel, {.id = id}});
      else
        at_.send(troupe::publish{.dup = true,
                                 .qos = each.level,
                                 .topic = each.topic,
                                 .id = id,
                                 .payload = as_bytes(std::to_string(number))});
    }
  }
  void answer(std::string_view lines) {
    for (std::size_t end; (end = lines.find('\n')) != lines.npos; lines.remove_prefix(end + 1)) {
      const std::string line(lines.substr(0, end));
      unsigned id = 0;
      if (std::sscanf(line.c_str(), "PUBACK %u", &id) == 1 ||
          std::sscanf(line.c_str(), "PUBCOMP %u", &id) == 1) {
        messages.at(static_cast<int>(id)).done = true;
      } else if (std::sscanf(line.c_str(), "PUBREC %u", &id) == 1) {
        messages.at(static_cast<int>(id)).received = true;
        at_.send(typed_response{packet_type::pubrel, {.id = static_cast<packet_id>(id)}});
      }
    }
  }
  [[nodiscard]] player& at() noexcept { return at_; }

  std::map<int, message> messages;

private:
  player at_;
};

class world {
public:
  explicit world(std::mt19937_64& random) : random_(random) {
    begin_life();
    for (const char* each : {"ann", "amy"})
      senders_.emplace_back(each, sender(node_->online(lasting(each, 10'000))));
    // Ordinary subscribers, and members of two groups.
    for (const auto& [id, filter] : std::map<std::string, std::string>{{"r0", "#"},
                                                                       {"r1", "t/1"},
                                                                       {"g0", "$share/g/#"},
                                                                       {"g1", "$share/g/#"},
                                                                       {"g2", "$share/g/#"},
                                                                       {"h0", "$share/h/t/1"},
                                                                       {"h1", "$share/h/t/1"}}) {
      const auto room = static_cast<std::uint16_t>(1 + below(6));
      readers_.push_back({id, filter, room, collector(node_->online(login(id, room)))});
      readers_.back().client.at().subscribed(filter, qos2);
    }
    node_->shuffle(random_());
  }

  void step() {
    reader& who = readers_[below(readers_.size())];
    auto& [id, publisher] = senders_[below(senders_.size())];
    const std::size_t action = below(100);
    if (action < 25) {
      publish(publisher);
    } else if (action < 40) {
      publisher.answer(publisher.at().arrived());
    } else if (action < 50) {
      if (!who.online) come_back(who);
      // Else the next connection might come first.
      else if (who.client.welcome)
        hang_up(who);
    } else if (action < 70) {
      if (who.online) who.client.answer(who.client.at().arrived());
    } else if (action == 70 && below(3) == 0) {
      crash();
    } else if (action == 71) {
      node_->wait(below(3) == 0 ? 61'000ms : 1100ms);  // what is passed goes; progress is written
    } else {
      for (std::size_t n = below(20); n-- != 0;)
        (void)node_->step();
    }
  }

  /// Everybody comes back and gets what is due.
  void check() {
    for (int quiet = 0; quiet != 2;) {
      std::string lines;
      for (reader& who : readers_) {
        if (!who.online) come_back(who);
        const std::string got = who.client.at().received();
        who.client.answer(got);
        lines += got;
      }
      for (auto& [id, publisher] : senders_) {
        const std::string got = publisher.at().received();
        publisher.answer(got);
        lines += got;
      }
      quiet = lines.empty() ? quiet + 1 : 0;
    }
    std::map<std::string, std::map<int, int>> times;  // by group, or reader
    for (const reader& who : readers_)
      for (const int number : who.client.payloads)
        ++times[is_member(who) ? who.filter : who.id][number];
    for (const reader& who : readers_)
      for (const auto& [id, publisher] : senders_)
        for (const auto& [number, sent] : publisher.messages)
          check(who, number, sent, times[is_member(who) ? who.filter : who.id][number]);
    for (const auto& [id, publisher] : senders_)
      for (const auto& [number, sent] : publisher.messages)
        BOOST_TEST(sent.done, number << " was never acknowledged");
  }
  [[nodiscard]] int crashes() const noexcept { return crashes_; }

  ~world() { end_life(); }

private:
  struct reader {
    std::string id;
    std::string filter;
    std::uint16_t room = 1;
    collector client;
    bool online = true;
  };

  static connect login(std::string_view id, std::uint16_t room) {
    connect request = narrow(id, room);
    request.session_expiry_interval = 10'000;
    return request;
  }
  static bool is_member(const reader& who) { return who.filter.starts_with("$share"); }
  static void check(const reader& who, int number, const sender::message& sent, int times) {
    const bool wanted = matches(parse_topic_filter(who.filter)->filter, sent.topic);
    if (!wanted)
      BOOST_TEST(times == 0, number << " came to " << who.filter);
    else if (sent.level == qos2)
      BOOST_TEST(times == 1, number << " came " << times << " times to " << who.filter);
    else
      BOOST_TEST(times >= 1, number << " did not come to " << who.filter);
  }

  std::size_t below(std::size_t bound) { return random_() % bound; }

  void begin_life() {
    const auto shards = static_cast<std::uint32_t>(1 + below(3));
    node_ = std::make_unique<stage>(durable(), shards, 1 + below(2), data_.maker());
    node_->restore(load_earlier_life(*data_.store, shards, {}));
    retention_ = node_->system().spawn<retention_actor>(node_->node());
  }
  void end_life() {
    caf::anon_send_exit(retention_, caf::exit_reason::user_shutdown);
    retention_ = nullptr;
    node_.reset();
  }

  void crash() {
    ++crashes_;
    if (below(3) != 0) data_.cut_power(random_);  // else the process ends in order
    end_life();
    data_.close();
    data_.open();
    begin_life();
    for (reader& who : readers_)
      who.online = false;
    for (auto& [id, publisher] : senders_)
      publisher.reconnect(node_->enter(lasting(id, 10'000)));
    node_->shuffle(random_());
  }

  void publish(sender& by) {
    for (std::size_t n = below(4); n-- != 0;)
      by.publish(++published_, "t/" + std::to_string(below(3)), below(2) == 0 ? qos1 : qos2);
  }
  void hang_up(reader& who) {
    who.client.at().hang_up();
    who.online = false;
  }
  void come_back(reader& who) {
    who.client.reconnect(node_->enter(login(who.id, who.room)));
    who.online = true;
  }

  std::mt19937_64& random_;
  data_directory data_;
  std::unique_ptr<stage> node_;
  retention_handle retention_;
  std::vector<std::pair<std::string, sender>> senders_;
  std::vector<reader> readers_;
  int published_ = 0;
  int crashes_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_crash)

BOOST_AUTO_TEST_CASE(nothing_acknowledged_is_lost_and_qos_2_comes_once_whatever_happens) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 random(seed);
  int crashes = 0;
  for (int round = 0; round != 20; ++round) {
    world all(random);
    for (int step = 0; step != 1000; ++step)
      all.step();
    all.check();
    crashes += all.crashes();
  }
  BOOST_TEST(crashes > 20);
}

BOOST_AUTO_TEST_SUITE_END()
