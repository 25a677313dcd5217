// What goes from the log and what stays: the real store and log reader on a disk in memory.

#include "actors/retention_actor.hpp"

#include "actors/end_now.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;

/// A node with its retention actor.
struct scene {
  explicit scene(config settings) : node(std::move(settings), 2, 2, data.maker()) {
    retention = node.system().spawn<retention_actor>(node.node());
  }
  ~scene() { end_now(retention); }
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;

  void publish(std::string_view topic, int count) {
    for (int i = 0; i != count; ++i) {
      ann.publish(topic, "7", qos1, static_cast<packet_id>(i + 1));
      node.run();  // a record each
    }
  }
  [[nodiscard]] std::uint64_t messages() const { return data.log->streams().kept(0).messages; }

  data_directory data;
  stage node;
  retention_handle retention;
  player ann = node.online(passing("ann"));
};

config sweeping(std::size_t above) {
  config settings = durable();
  settings.store.sweep_above = above;
  return settings;
}

connect forever(std::string_view client_id) {
  connect request = lasting(client_id);
  request.session_expiry_interval = 0xFFFFFFFF;
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_retention)

BOOST_AUTO_TEST_CASE(who_is_behind_on_one_topic_does_not_keep_the_others) {
  scene with(sweeping(0));
  player bob = with.node.online(forever("bob"));
  bob.subscribed("commands/bob", qos1);
  collector eve(with.node.online(forever("eve")));
  eve.at().subscribed("#", qos1);
  with.publish("commands/bob", 2);
  drain(eve);
  bob.hang_up();
  with.publish("commands/bob", 3);
  with.publish("telemetry", 300);  // more than a search finds at a time
  drain(eve);
  BOOST_TEST(with.messages() == 305U);
  with.node.wait(61s);
  BOOST_TEST(with.messages() == 5U);
  player again = with.node.enter(forever("bob"));
  const std::string lines = again.received();
  BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 6);  // CONNACK and five messages
}

BOOST_AUTO_TEST_CASE(little_that_is_kept_in_vain_is_not_searched_for) {
  scene with(sweeping(1 << 20));
  player bob = with.node.online(forever("bob"));
  bob.subscribed("commands/bob", qos1);
  collector eve(with.node.online(forever("eve")));
  eve.at().subscribed("#", qos1);
  bob.hang_up();
  with.publish("commands/bob", 1);
  with.publish("telemetry", 30);
  drain(eve);
  with.node.wait(61s);
  BOOST_TEST(with.messages() == 31U);
}

BOOST_AUTO_TEST_CASE(size_limit_takes_the_oldest_but_not_what_is_in_flight) {
  config settings = durable();
  settings.store.max_bytes = 1000;
  scene with(settings);
  connect narrow = forever("bob");
  narrow.receive_maximum = 1;
  player bob = with.node.online(narrow);
  bob.subscribed("t", qos1);
  with.publish("t", 50);
  BOOST_TEST(bob.received() == "PUBLISH t 7 q1 id=1\n");
  bob.hang_up();
  with.node.wait(61s);
  BOOST_TEST(with.data.log->streams().kept(0).bytes <= 1100U);
  BOOST_TEST(with.messages() > 5U);
  player again = with.node.enter(narrow);
  BOOST_TEST(again.received() == "CONNACK present\nPUBLISH t 7 q1 id=1 dup\n");
}

BOOST_AUTO_TEST_CASE(what_is_in_flight_takes_no_room_from_the_rest) {
  config settings = durable();
  settings.store.max_bytes = 1000;
  scene with(settings);
  connect request = narrow("bob", 3);
  request.session_expiry_interval = 0xFFFFFFFF;
  player bob = with.node.online(request);
  bob.subscribed("t", qos1);
  for (packet_id id = 1; id != 4; ++id)
    with.ann.publish("t", std::string(900, 'x'), qos1, id);
  with.node.run();
  with.publish("t", 3);
  bob.hang_up();
  with.node.wait(61s);
  BOOST_TEST(with.messages() == 6U);
}

BOOST_AUTO_TEST_CASE(topic_whose_last_message_goes_is_found_again_with_its_next) {
  scene with(durable());
  collector bob(with.node.online(forever("bob")));
  bob.at().subscribed("t", qos1);
  with.publish("t", 1);
  drain(bob);
  // One visit of the store finds both: what was passed may go, and a message for the topic.
  with.node.hold(with.node.node().store);
  with.node.wait(61s);
  bob.at().hang_up();
  with.ann.publish("t", "8", qos1, 1);
  with.node.run();
  with.node.let_go(with.node.node().store);
  with.node.run();
  bob.reconnect(with.node.enter(forever("bob")));
  drain(bob);
  BOOST_TEST(bob.payloads == (std::vector<int>{7, 8}));
}

BOOST_AUTO_TEST_CASE(message_that_a_failed_sync_took_along_is_not_acknowledged) {
  config settings = durable();
  settings.store.durability = durability::interval;
  scene with(settings);
  player bob = with.node.online(forever("bob"));
  bob.subscribed("t", qos1);
  with.publish("t", 1);
  BOOST_TEST(with.ann.received() == "PUBACK 1\n");
  const auto& store = with.node.node().store;
  with.node.hold(store);
  with.ann.publish("t", "8", qos1, 2);
  with.node.run();
  with.node.wait(2s);  // the sync stands behind it
  with.data.disk.fail_writes_from(1);
  with.node.step_of(store);
  with.node.step_of(store);
  with.data.disk.heal();
  with.node.let_go(store);
  BOOST_TEST(with.ann.received() == "PUBACK 2 97 +reason\n");
}

BOOST_AUTO_TEST_CASE(topics_choose_how_safe_they_are) {
  config settings = durable();
  settings.durability_rules = {{"fast/#", durability::os}, {"slow/#", durability::interval}};
  scene with(settings);
  collector bob(with.node.online(forever("bob")));
  bob.at().subscribed("#", qos1);
  const auto syncs = [&](std::string_view topic) {
    const std::uint64_t before = with.data.disk.syncs();
    with.publish(topic, 1);
    return with.data.disk.syncs() - before;
  };
  BOOST_TEST(syncs("fast/a") == 1U);  // reserves offsets
  BOOST_TEST(syncs("fast/a") == 0U);
  BOOST_TEST(syncs("other") == 1U);
  BOOST_TEST(syncs("slow/a") == 0U);
  const std::uint64_t before = with.data.disk.syncs();
  with.node.wait(2s);
  BOOST_TEST(with.data.disk.syncs() > before);
}

BOOST_AUTO_TEST_SUITE_END()
