#include "libbroker/message/message_queue.hpp"
#include "libbroker/session/outbound_window.hpp"
#include "libbroker/session/packet_id_set.hpp"
#include "libbroker/session/topic_aliases.hpp"
#include "tests/libbroker/session/scene.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

message_block_ptr block_of(std::initializer_list<const char*> payloads) {
  std::vector<script_message> messages;
  for (const char* const payload : payloads)
    messages.push_back({.payload = payload});
  return make_block(messages, time_point());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_parts)

BOOST_AUTO_TEST_CASE(window_hands_out_every_identifier_once) {
  outbound_window window;
  std::vector<bool> used(65536);
  for (int i = 1; i != 65536; ++i) {
    const packet_id id = window.add().id;
    BOOST_TEST_REQUIRE(id != 0);
    BOOST_TEST_REQUIRE(!used[id]);
    used[id] = true;
  }
  BOOST_TEST(window.size() == 65535U);
  window.complete(77);
  BOOST_TEST(window.find(77) == nullptr);
  BOOST_TEST(window.add().id == 77);
}

BOOST_AUTO_TEST_CASE(window_finds_only_what_is_in_flight) {
  outbound_window window;
  BOOST_TEST(window.find(0) == nullptr);
  BOOST_TEST(window.find(1) == nullptr);
  const packet_id id = window.add().id;
  BOOST_TEST(window.find(id) != nullptr);
  BOOST_TEST(window.find(static_cast<packet_id>(id + 1)) == nullptr);
  window.clear();
  BOOST_TEST(window.find(id) == nullptr);
  BOOST_TEST(window.empty());
}

BOOST_AUTO_TEST_CASE(window_keeps_the_order_of_sending) {  // [MQTT5-4.6.0-1]
  outbound_window window;
  for (int i = 0; i != 4; ++i)
    (void)window.add();
  window.complete(3);
  window.complete(1);
  (void)window.add();
  (void)window.add();
  BOOST_TEST(window.in_order() == (std::vector<packet_id>{2, 4, 3, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(window_detaches_single_messages) {
  outbound_window window;
  const message_block_ptr block = block_of({"a", "b", "c"});
  const packet_id id = window.add().id;
  window.find(id)->block = block;
  window.find(id)->index = 1;
  window.detach_blocks();
  const outbound_window::message& held = *window.find(id);
  BOOST_TEST(held.block->size() == 1U);
  BOOST_TEST(text_of(*held.block, held.index) == "t b");
}

BOOST_AUTO_TEST_CASE(queue_is_first_in_first_out_and_counts) {
  message_queue queue;
  const message_block_ptr block = block_of({"a", "bb", "c"});
  queue.push(block, 0, {});
  queue.push(block, 1, {});
  queue.push(block, 2, {.retained = true});
  BOOST_TEST(queue.messages() == 3U);
  BOOST_TEST(queue.bytes() == (*block)[0].size + (*block)[1].size + (*block)[2].size);
  BOOST_TEST(queue.front().messages.count == 2U);  // neighbours with the same options
  for (const char* const expected : {"t a", "t bb", "t c"}) {
    const message_queue::run& next = queue.front();
    BOOST_TEST(text_of(*next.messages.block, next.messages.first) == expected);
    BOOST_TEST(next.options.retained == (expected[2] == 'c'));
    queue.pop();
  }
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(detached_queue_holds_only_what_is_in_it) {
  message_queue queue;
  const message_block_ptr block = block_of({"a", "b", "c", "d"});
  queue.push(block, 1, {});
  queue.push(block, 2, {});
  queue.push(block, 3, {});
  queue.pop();
  const std::size_t bytes = queue.bytes();
  queue.detach_blocks();
  BOOST_TEST(queue.bytes() == bytes);
  BOOST_TEST(queue.front().messages.block->size() == 2U);
  BOOST_TEST(text_of(*queue.front().messages.block, queue.front().messages.first) == "t c");
}

BOOST_AUTO_TEST_CASE(packet_id_set_holds_any_identifier) {
  packet_id_set set;
  for (const packet_id id : {1, 63, 64, 65535}) {
    BOOST_TEST(!set.contains(id));
    set.insert(id);
    BOOST_TEST(set.contains(id));
  }
  BOOST_TEST(set.size() == 4U);
  set.trim();
  BOOST_TEST(set.contains(64));
  BOOST_TEST(set.erase(64));
  BOOST_TEST(!set.erase(64));
  BOOST_TEST(set.size() == 3U);
  set.clear();
  set.trim();
  BOOST_TEST(set.size() == 0U);
  BOOST_TEST(!set.contains(1));
}

BOOST_AUTO_TEST_CASE(inbound_alias_is_what_it_was_last_set_to) {
  inbound_topic_aliases aliases;
  BOOST_TEST(aliases.find(1) == "");
  aliases.set(5, "a");
  BOOST_TEST(aliases.find(5) == "a");
  BOOST_TEST(aliases.find(4) == "");
  BOOST_TEST(aliases.find(65535) == "");
  aliases.set(5, "b");
  BOOST_TEST(aliases.find(5) == "b");
}

BOOST_AUTO_TEST_CASE(outbound_alias_is_known_only_for_the_topic_it_was_last_given) {
  // [MQTT5-3.1.2-26]; a reader that keeps the aliases gets each topic back
  outbound_topic_aliases aliases(3);
  inbound_topic_aliases reader;
  for (int i = 0; i != 200; ++i) {
    const std::string topic = std::to_string(i * i % 7);
    const auto [alias, known] = aliases.choose(topic);
    BOOST_TEST((alias >= 1 && alias <= 3));
    if (!known) reader.set(alias, topic);
    BOOST_TEST(reader.find(alias) == topic);
  }
}

BOOST_AUTO_TEST_SUITE_END()
