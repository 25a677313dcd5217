#include "libbroker/message/delivery.hpp"

#include "tests/libbroker/message/make_block.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

intrusive_ptr<delivery> new_delivery() { return intrusive_ptr<delivery>::adopt(new delivery()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(delivery_)

BOOST_AUTO_TEST_CASE(neighbours_of_one_block_make_one_run) {
  const auto one = make_block({{.topic = "a"}, {.topic = "b"}, {.topic = "c"}, {.topic = "d"}});
  const auto two = make_block({{.topic = "a"}, {.topic = "b"}, {.topic = "c"}, {.topic = "d"}});
  const auto messages = new_delivery();
  for (const std::uint32_t index : {0U, 1U, 3U})
    messages->add(one, index);
  messages->add(two, 0);
  messages->add(two, 1);
  messages->add(one, 2);  // follows, but other messages stand between
  const std::vector<message_run> expected{{one, 0, 2}, {one, 3, 1}, {two, 0, 2}, {one, 2, 1}};
  BOOST_REQUIRE_EQUAL(messages->runs.size(), expected.size());
  for (std::size_t i = 0; i != expected.size(); ++i) {
    BOOST_TEST((messages->runs[i].block == expected[i].block));
    BOOST_TEST(messages->runs[i].first == expected[i].first);
    BOOST_TEST(messages->runs[i].count == expected[i].count);
  }
  BOOST_TEST(messages->messages == 6U);
}

BOOST_AUTO_TEST_CASE(a_message_of_the_same_position_in_another_block_begins_a_run) {
  const auto one = make_block({{.topic = "a"}});
  const auto two = make_block({{.topic = "a"}, {.topic = "b"}});
  const auto messages = new_delivery();
  messages->add(one, 0);
  messages->add(two, 1);
  BOOST_TEST(messages->runs.size() == 2U);
}

BOOST_AUTO_TEST_CASE(it_sums_up_what_its_messages_are) {
  const auto block = make_block({{.topic = "a", .payload = "1"},
                                 {.topic = "a", .payload = "12345"},
                                 {.topic = "a", .payload = "123"},
                                 {.topic = "a", .qos = qos::exactly_once, .id = 1},
                                 {.topic = "a", .retain = true},
                                 {.topic = "a", .properties = {expiry_property(1)}}},
                                protocol_version::v5);
  const auto plain = new_delivery();
  for (const std::uint32_t index : {0U, 1U, 2U})
    plain->add(block, index);
  BOOST_TEST(plain->bytes == block->wire(0, 3).size());
  BOOST_TEST(plain->largest == (*block)[1].size);
  BOOST_TEST(!plain->has_acknowledged_qos);
  BOOST_TEST(!plain->has_retain);
  BOOST_TEST(!plain->expires);
  BOOST_TEST(!plain->mixed_versions);
  for (std::uint32_t special = 3; special != 6; ++special) {
    const auto messages = new_delivery();
    for (const std::uint32_t index : {0U, special, 1U})
      messages->add(block, index);
    BOOST_TEST(messages->has_acknowledged_qos == (special == 3));
    BOOST_TEST(messages->has_retain == (special == 4));
    BOOST_TEST(messages->expires == (special == 5));
  }
}

BOOST_AUTO_TEST_CASE(it_says_when_blocks_differ_in_version) {
  const auto old_1 = make_block({{.topic = "a"}}, protocol_version::v3_1_1);
  const auto old_2 = make_block({{.topic = "a"}}, protocol_version::v3_1_1);
  const auto new_1 = make_block({{.topic = "a"}}, protocol_version::v5);
  const auto messages = new_delivery();
  messages->add(old_1, 0);
  messages->add(old_2, 0);
  BOOST_TEST(!messages->mixed_versions);
  messages->add(new_1, 0);
  messages->add(old_1, 0);
  BOOST_TEST(messages->mixed_versions);
}

BOOST_AUTO_TEST_SUITE_END()
