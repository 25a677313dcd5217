// A client, its session and the shards over a network that breaks between any two bytes.

#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/random_packet.hpp"
#include "tests/libbroker/session/scene.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

using log = std::map<std::string, std::vector<std::string>>;  // payloads by topic and QoS

std::string key(std::string_view topic, qos level) {
  return std::string(topic) + " q" + std::to_string(static_cast<int>(level));
}

/// Each payload once, at its first place.
std::vector<std::string> without_repeats(const std::vector<std::string>& all) {
  std::set<std::string> seen;
  std::vector<std::string> first;
  for (const std::string& each : all)
    if (seen.insert(each).second) first.push_back(each);
  return first;
}

class world {
public:
  explicit world(std::uint64_t seed) : random_(seed), settings_(make_settings()) {
    version_ = flip() ? protocol_version::v5 : protocol_version::v3_1_1;
    host_.shards = 1 + below(3);
    machine_.emplace(shared_text("client"), 7, host_);
  }

  void run() {
    for (int step = 0; step != 600; ++step)
      act();
    for (int round = 0; round != 400; ++round)
      settle();
    check();
  }

private:
  struct outgoing {
    publish packet;
    std::string topic;
    std::string payload;
    bool released = false;  // PUBREL is next
    bool charged = false;   // sent over this connection
  };

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool flip() { return below(2) == 1; }

  config make_settings() {
    config made;
    made.session.receive_maximum = static_cast<std::uint16_t>(1 + below(6));
    made.session.max_in_flight = static_cast<std::uint16_t>(1 + below(8));
    made.scheduler.batch_messages = 1 + below(4);
    made.limits.output_buffer = 100 + below(2000);
    return made;
  }

  void act() {
    now_ += std::chrono::milliseconds(below(400));
    if (machine_->deadline() && now_ >= *machine_->deadline()) {
      machine_->tick(now_, effects_);
      collect();
    }
    switch (below(12)) {
    case 0:
      if (below(3) == 0) lose();
      break;
    case 1:
    case 2: client_publishes(); break;
    case 3:
    case 4: somebody_publishes(); break;
    case 5: client_acknowledges(); break;
    case 6:
    case 7: shard_answers(); break;
    case 8:
    case 9: carry_up(1 + below(60)); break;
    default: carry_down(1 + below(120)); break;
    }
    if (!machine_->connected() && below(3) == 0) connect_client();
  }

  void settle() {
    if (!machine_->connected()) connect_client();
    carry_up(1'000'000);
    while (!requests_.empty())
      shard_answers();
    carry_down(1'000'000);
    while (!acks_.empty())
      client_acknowledges();
  }

  // -- the network

  void lose() {
    if (!machine_->connected()) return;
    machine_->connection_lost(now_, effects_);
    collect();
  }

  void connect_client() {
    connect request = version_ == protocol_version::v5 ? scene::request_v5() : scene::request_v3();
    request.session_expiry_interval = 0xFFFFFFFF;
    if (version_ == protocol_version::v5) {
      request.receive_maximum = static_cast<std::uint16_t>(1 + below(6));
      request.topic_alias_maximum = static_cast<std::uint16_t>(below(3));
    }
    client_receive_maximum_ = request.receive_maximum;
    up_.clear();
    down_.clear();
    acks_.clear();
    unacknowledged_.clear();
    inbound_aliases_.clear();
    outbound_aliases_.clear();
    machine_->attach(request, false, now_, effects_);
    collect();
    for (auto& [id, message] : in_flight_)
      message.charged = false;
    for (const packet_id id : order_) {
      outgoing& message = in_flight_.at(id);
      if (message.released)
        client_sends(typed_response{packet_type::pubrel, {.id = id}});
      else
        client_sends_publish(message, true);
    }
  }

  void carry_up(std::size_t bytes) {
    if (!machine_->connected()) return;
    arrived_ += up_.substr(0, bytes);
    up_.erase(0, bytes);
    const std::size_t taken = machine_->receive(as_bytes(arrived_), now_, effects_);
    for (std::string_view rest(arrived_.data(), taken); !rest.empty();) {
      const auto scanned = scan_frame(as_bytes(rest), 0);
      ++packets_fed_;
      rest.remove_prefix(scanned->size);
    }
    arrived_.erase(0, taken);
    collect();
    BOOST_TEST_REQUIRE(machine_->connected(), "a legal packet ended the connection");
  }

  void carry_down(std::size_t bytes) {
    if (!machine_->connected()) return;
    while (bytes != 0 && !machine_->output().empty()) {
      const std::string some = peek(bytes);
      machine_->output().consume(some.size());
      bytes -= some.size();
      tap_ += some;
      down_ += some;
    }
    machine_->output_drained(now_, effects_);
    collect();
    client_reads();
  }

  std::string peek(std::size_t bytes) {
    std::array<byte_view, 2> views;
    const std::size_t count = machine_->output().gather(views);
    std::string some;
    for (std::size_t i = 0; i != count; ++i)
      some += as_text(views[i]);
    return some.substr(0, bytes);
  }

  // -- the shards

  void collect() {
    for (routing_request& each : effects_.requests) {
      requests_.push_back(std::get<shard_publish>(each).block);
      const message_block& block = *requests_.back();
      for (std::uint32_t i = 0; i != block.size(); ++i)
        routed_[key(block.topic(block[i]), block[i].qos)].emplace_back(
            as_text(block.payload(block[i])));
    }
    publishes_sent_ += effects_.counted.publishes_sent;
    packets_received_ += effects_.counted.packets_received;
    if (effects_.close_connection) {
      while (!machine_->output().empty()) {
        const std::string rest = peek(1'000'000);
        tap_ += rest;
        machine_->output().consume(rest.size());
      }
      arrived_.clear();
    }
    effects_.clear();
  }

  void shard_answers() {
    if (requests_.empty()) return;
    const message_block_ptr block = requests_.front();
    requests_.pop_front();
    machine_->accepted(*block, effects_);
  }

  void somebody_publishes() {
    std::vector<script_message> batch(1 + below(4));
    for (script_message& each : batch) {
      each.topic = flip() ? "down/a" : "down/b";
      each.qos = static_cast<qos>(below(3));
      each.payload = std::to_string(++last_number_) + std::string(below(40), '.');
      sent_down_[key(each.topic, each.qos)].push_back(each.payload);
    }
    const message_block_ptr block =
        make_block(batch, now_, flip() ? protocol_version::v5 : protocol_version::v3_1_1);
    delivery messages;
    for (std::uint32_t i = 0; i != block->size(); ++i)
      messages.add(block, i);
    machine_->deliver(messages, {.maximum_qos = qos::exactly_once}, 0, now_, effects_);
    collect();
  }

  // -- the client

  void client_sends(const any_packet& packet) {
    up_ += as_text(encode_any(packet, version_).view());
  }

  void client_sends_publish(outgoing& message, bool dup) {
    publish packet = message.packet;
    packet.topic = message.topic;
    packet.payload = as_bytes(message.payload);
    packet.dup = dup;
    message.charged = true;
    std::string properties;
    if (version_ == protocol_version::v5 && flip()) {
      const char alias = message.topic.back() == 'a' ? 1 : 2;
      properties = {'\x23', 0, alias};
      if (!outbound_aliases_.insert(alias).second) packet.topic = "";
    }
    packet.properties = as_bytes(properties);
    client_sends(packet);
  }

  void client_publishes() {
    if (!machine_->connected()) return;
    const auto charged = std::count_if(in_flight_.begin(), in_flight_.end(),
                                       [](const auto& each) { return each.second.charged; });
    const qos level = static_cast<qos>(below(3));
    if (level != qos::at_most_once && charged >= settings_.session.receive_maximum) return;
    outgoing message{.topic = flip() ? "up/a" : "up/b", .payload = std::to_string(++last_number_)};
    message.packet.qos = level;
    sent_up_[key(message.topic, level)].push_back(message.payload);
    if (level == qos::at_most_once) return client_sends_publish(message, false);
    packet_id id = 1;
    while (in_flight_.contains(id))
      ++id;
    message.packet.id = id;
    order_.push_back(id);
    client_sends_publish(in_flight_[id] = message, false);
  }

  void client_acknowledges() {
    if (acks_.empty() || !machine_->connected()) return;
    const typed_response ack = acks_.front();
    acks_.erase(acks_.begin());
    client_sends(ack);
    if (ack.type != packet_type::pubrec) unacknowledged_.erase(ack.packet.id);
  }

  void complete(packet_id id) {
    in_flight_.erase(id);
    std::erase(order_, id);
  }

  void client_reads() {
    while (true) {
      const auto scanned = scan_frame(as_bytes(down_), 0);
      BOOST_TEST_REQUIRE(scanned.has_value());
      if (scanned->status == frame_scan::status::incomplete) return;
      const auto packet = decode_any(scanned->packet, version_, role::client);
      BOOST_TEST_REQUIRE(packet.has_value(), describe(packet));
      if (const auto* p = std::get_if<publish>(&*packet))
        client_takes(*p);
      else if (const auto* p = std::get_if<typed_response>(&*packet))
        client_takes(*p);
      down_.erase(0, scanned->size);
    }
  }

  void client_takes(const publish& packet) {
    std::string topic(packet.topic);
    if (packet.topic_alias != 0) {
      std::string& known = inbound_aliases_[packet.topic_alias];
      if (!topic.empty()) known = topic;
      topic = known;
    }
    BOOST_TEST_REQUIRE(!topic.empty());
    const bool repeated =
        packet.qos == qos::exactly_once && !received_qos2_.insert(packet.id).second;
    BOOST_TEST((!repeated || packet.dup));
    if (!repeated) taken_[key(topic, packet.qos)].emplace_back(as_text(packet.payload));
    if (packet.qos == qos::at_most_once) return;
    unacknowledged_.insert(packet.id);
    BOOST_TEST(unacknowledged_.size() <= client_receive_maximum_);  // [MQTT5-3.3.4-9]
    BOOST_TEST(unacknowledged_.size() <= settings_.session.max_in_flight);
    acks_.push_back({packet.qos == qos::at_least_once ? packet_type::puback : packet_type::pubrec,
                     {.id = packet.id}});
  }

  void client_takes(const typed_response& answer) {
    const packet_id id = answer.packet.id;
    switch (answer.type) {
    case packet_type::puback: complete(id); break;
    case packet_type::pubrec:
      if (!in_flight_.contains(id)) break;
      in_flight_.at(id).released = true;
      client_sends(typed_response{packet_type::pubrel, {.id = id}});
      break;
    case packet_type::pubcomp:
      if (in_flight_.contains(id) && in_flight_.at(id).released) complete(id);
      break;
    default:
      received_qos2_.erase(id);
      acks_.push_back({packet_type::pubcomp, {.id = id}});
      break;
    }
  }

  // -- what must hold

  static void check_transfer(const log& sent, log& got, const std::string& direction) {
    for (const auto& [name, payloads] : sent) {
      const std::vector<std::string>& arrived = got[name];
      BOOST_TEST_CONTEXT(direction << ' ' << name) {
        if (name.ends_with("q0")) {  // at most once: nothing doubled
          BOOST_TEST(without_repeats(arrived).size() == arrived.size());
        } else if (name.ends_with("q1")) {  // at least once
          BOOST_TEST(without_repeats(arrived) == payloads, boost::test_tools::per_element());
        } else {  // exactly once
          BOOST_TEST(arrived == payloads, boost::test_tools::per_element());
        }
      }
    }
  }

  void check() {
    check_transfer(sent_up_, routed_, "to the shards");
    check_transfer(sent_down_, taken_, "to the client");
    BOOST_TEST(in_flight_.empty());
    BOOST_TEST(machine_->in_flight() == 0U);
    BOOST_TEST(machine_->queued_messages() == 0U);
    BOOST_TEST(machine_->queued_bytes() == 0U);
    BOOST_TEST(packets_received_ == packets_fed_);
    std::uint64_t publishes = 0;
    for (std::string_view rest = tap_; !rest.empty();) {
      const auto scanned = scan_frame(as_bytes(rest), 0);
      BOOST_TEST_REQUIRE((scanned && scanned->status == frame_scan::status::complete));
      publishes += scanned->packet.type == packet_type::publish ? 1 : 0;
      rest.remove_prefix(scanned->size);
    }
    BOOST_TEST(publishes_sent_ == publishes);
  }

  std::mt19937_64 random_;
  const config settings_;
  protocol_version version_{};
  session_host host_{settings_};
  std::optional<session> machine_;
  session_effects effects_;
  time_point now_{std::chrono::hours(1)};

  std::string up_;       // on its way to the session
  std::string arrived_;  // there, but not a whole packet yet
  std::string down_;     // on its way to the client
  std::string tap_;      // all that the session ever sent
  std::deque<message_block_ptr> requests_;

  std::uint64_t last_number_ = 0;
  std::map<packet_id, outgoing> in_flight_;
  std::vector<packet_id> order_;
  std::vector<typed_response> acks_;
  std::set<packet_id> received_qos2_;
  std::set<packet_id> unacknowledged_;
  std::map<std::uint16_t, std::string> inbound_aliases_;
  std::set<char> outbound_aliases_;
  std::uint16_t client_receive_maximum_ = 0;

  log sent_up_, routed_, sent_down_, taken_;
  std::uint64_t publishes_sent_ = 0;
  std::uint64_t packets_received_ = 0;
  std::uint64_t packets_fed_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(session_network)

BOOST_AUTO_TEST_CASE(qos_promises_hold_over_connections_that_break) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t run = 0; run != 150; ++run) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " run " << run) { world(seed + run).run(); }
  }
}

BOOST_AUTO_TEST_CASE(hostile_clients_are_answered_or_sent_away) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t run = 0; run != 100; ++run) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " run " << run) {
      std::mt19937_64 random(seed + run);
      const auto below = [&](std::uint32_t bound) { return random() % bound; };
      const protocol_version version =
          below(2) == 0 ? protocol_version::v5 : protocol_version::v3_1_1;
      packet_generator packets(random());
      config settings;
      settings.limits.max_packet_size = 100'000;
      settings.session.max_in_flight = static_cast<std::uint16_t>(1 + below(4));
      settings.session.max_queued_messages = 10;
      scene s(settings, 1 + static_cast<std::uint32_t>(below(2)));
      int connections = 0;
      for (int step = 0; step != 200; ++step) {
        if (!s.machine.connected()) {
          ++connections;
          connect request =
              version == protocol_version::v5 ? scene::request_v5() : scene::request_v3();
          request.clean_start = below(4) == 0;
          if (version == protocol_version::v5) {
            request.receive_maximum = static_cast<std::uint16_t>(1 + below(3));
            request.topic_alias_maximum = static_cast<std::uint16_t>(below(3));
            request.maximum_packet_size = below(2) == 0 ? 0 : 20 + below(100);
          }
          s.attach(request);
        }
        const byte_buffer wire = encode_any(packets.next(version), version);
        std::string bytes(as_text(wire.view()));
        switch (below(8)) {
        case 0:  // garbage
          for (std::size_t i = 0; i != bytes.size(); ++i)
            bytes[i] = static_cast<char>(random());
          s.send(bytes);
          break;
        case 1:  // one byte is wrong
          bytes[below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<char>(random());
          s.send(bytes);
          break;
        case 2: {  // any acknowledgement of small identifiers
          const auto type = static_cast<packet_type>(4 + below(4));
          const auto id = static_cast<packet_id>(1 + below(5));
          s.respond(type, id);
          break;
        }
        case 3:
          s.deliver({.payload = std::string(below(100), 'x'), .qos = static_cast<qos>(below(3))});
          break;
        case 4: s.answer(); break;
        case 5: s.wait(std::chrono::seconds(below(3))); break;
        default: s.send(bytes); break;  // legal, but perhaps not from a client
        }
        BOOST_TEST(s.machine.connected() != s.closed);
        BOOST_TEST((s.closed || !s.close_reason.has_value()));
        if (s.read) s.retained_page({{.topic = "r", .qos = qos::at_least_once}}, below(2) == 0);
        BOOST_TEST(s.machine.queued_messages() <= 10U);
      }
      BOOST_TEST(connections > 1);
      if (s.machine.connected()) {
        (void)s.received();
        s.send(pingreq{});
        BOOST_TEST(s.received() == "PINGRESP\n");
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
