#include "libbroker/cluster/frame.hpp"

#include "tests/libbroker/cluster/later_version.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr time_point now{24h};

std::string encoded(const message_block_ptr& block, bool at_most_once = false) {
  std::string content;
  encode_run({block, 0, block->size()}, at_most_once, now, content);
  return content;
}

void check_same(const message_block& block, std::string_view content, bool at_most_once = false) {
  publishes_reader in(content, now);
  for (std::uint32_t i = 0; i != block.size(); ++i) {
    const auto found = in.next();
    BOOST_REQUIRE(found.has_value());
    const message_entry& sent = block[i];
    BOOST_TEST((as_text(found->wire) == as_text(block.wire(sent))));
    BOOST_TEST((found->version == block.version()));
    BOOST_TEST((found->received_at == block.received_at()));
    const message_entry& got = found->entry;
    BOOST_TEST(got.size == sent.size);
    BOOST_TEST(got.topic_size == sent.topic_size);
    BOOST_TEST(got.properties_size == sent.properties_size);
    BOOST_TEST(got.header_size == sent.header_size);
    BOOST_TEST(got.prefix_size == sent.prefix_size);
    BOOST_TEST(got.retain == sent.retain);
    BOOST_TEST(got.expires == sent.expires);
    if (sent.expires) BOOST_TEST(got.expiry_interval == sent.expiry_interval);
    BOOST_TEST((got.qos == (at_most_once ? qos::at_most_once : sent.qos)));
    BOOST_TEST(got.log_offset == (at_most_once ? 0 : sent.log_offset));
    BOOST_TEST(got.id == 0);  // the publisher's, of no use elsewhere
  }
  BOOST_TEST(!in.next().has_value());
  BOOST_TEST(in.ok());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_frame)

BOOST_AUTO_TEST_CASE(records_of_an_unknown_kind_can_be_skipped) {
  frame_builder frame;
  frame.add(static_cast<record_kind>(99), "of a later version");
  frame.add(record_kind::gossip, "known");
  const auto bytes = frame.take();
  BOOST_TEST(frame.empty());
  wire_reader in(*bytes);
  BOOST_TEST(in.number() == 99U);
  (void)in.text();
  BOOST_TEST(in.number() == static_cast<std::uint64_t>(record_kind::gossip));
  BOOST_TEST(in.text() == "known");
  BOOST_TEST(in.at_end());
}

BOOST_AUTO_TEST_CASE(routes_come_back_as_they_were_told) {
  const routes_record told{.number = 300,
                           .begins_snapshot = true,
                           .ends_snapshot = false,
                           .changes = {{"a/+/c", route_interest::lasting},
                                       {"#", route_interest::none},
                                       {"t", route_interest::at_most_once}}};
  std::string content;
  encode(told, content);
  const auto heard = decode_routes(content + "what a later version adds");
  BOOST_REQUIRE(heard.has_value());
  BOOST_TEST(heard->number == told.number);
  BOOST_TEST(heard->begins_snapshot);
  BOOST_TEST(!heard->ends_snapshot);
  BOOST_TEST((heard->changes == told.changes));
}

BOOST_AUTO_TEST_CASE(routes_of_a_later_version_are_understood) {
  const routes_record told{
      .number = 2,
      .ends_snapshot = true,
      .changes = {{"a", route_interest::lasting}, {"b", route_interest::at_most_once}}};
  std::string content;
  encode(told, content);
  const auto heard = decode_routes(later_routes(content));
  BOOST_REQUIRE(heard.has_value());
  BOOST_TEST(heard->number == 2U);
  BOOST_TEST(!heard->begins_snapshot);
  BOOST_TEST(heard->ends_snapshot);
  BOOST_TEST((heard->changes == told.changes));
}

BOOST_AUTO_TEST_CASE(messages_of_a_later_version_are_understood) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  for (int round = 0; round != 100; ++round) {
    const auto version = random() % 2 == 0 ? protocol_version::v5 : protocol_version::v3_1_1;
    const auto block =
        make_block({random_message(random, version), random_message(random, version)}, version,
                   {.received_at = now});
    if (random() % 2 == 0) message_block::set_stamps(*block, random(), random());
    check_same(*block, later_publishes(encoded(block)));
  }
}

BOOST_AUTO_TEST_CASE(a_filter_that_is_none_spoils_its_record) {
  for (const char* const filter : {"", "a/#/b", "$share/g/t"}) {
    std::string content;
    encode(routes_record{.number = 1, .changes = {{filter, route_interest::passing}}}, content);
    BOOST_TEST(!decode_routes(content).has_value());
  }
}

BOOST_AUTO_TEST_CASE(random_messages_come_back_as_they_were) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  for (int round = 0; round != 300; ++round) {
    const auto version = random() % 2 == 0 ? protocol_version::v5 : protocol_version::v3_1_1;
    std::vector<test_message> messages;
    for (std::uint64_t i = random() % 20 + 1; i != 0; --i)
      messages.push_back(random_message(random, version));
    const message_block_ptr block =
        make_block(messages, version, {.received_at = now - std::chrono::milliseconds(round)});
    if (random() % 2 == 0) {
      std::vector<std::uint32_t> logged;
      for (std::uint32_t i = 0; i != block->size(); ++i)
        if ((*block)[i].qos != qos::at_most_once) logged.push_back(i);
      message_block::place_in_log(*block, logged, 1'000'000'000'000 + round);
    }
    check_same(*block, encoded(block));
    check_same(*block, encoded(block, true), true);
  }
}

BOOST_AUTO_TEST_CASE(stamps_go_with_messages_that_are_retained) {
  const auto block =
      make_block({{.topic = "a", .retain = true}, {.topic = "b"}, {.topic = "c", .retain = true}});
  message_block::set_stamps(*block, 1'000'000'000'000, 7);
  const std::string content = encoded(block);
  publishes_reader in(content, now);
  BOOST_TEST((in.next()->stamp == block->stamp(0)));
  BOOST_TEST((in.next()->stamp == retained_stamp()));
  BOOST_TEST((in.next()->stamp == retained_stamp{1'000'000'000'002, 7}));
  BOOST_TEST(!in.next());
  BOOST_TEST(in.ok());
}

BOOST_AUTO_TEST_CASE(what_is_retained_goes_with_the_stamp_that_its_topic_has) {
  const auto block =
      make_block({{.topic = "a", .retain = true}}, protocol_version::v5, {.received_at = now - 5s});
  std::string content;
  encode_retained(block, {300, 4}, now, content);
  const auto found = publishes_reader(content, now).next();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST((found->stamp == retained_stamp{300, 4}));
  BOOST_TEST(found->entry.retain);
  BOOST_TEST((found->received_at == now - 5s));
}

BOOST_AUTO_TEST_CASE(several_runs_come_in_order) {
  const auto first = make_block({{.topic = "a"}, {.topic = "b"}}, protocol_version::v5);
  const auto second = make_block({{.topic = "c"}});
  const std::string content = encoded(first) + encoded(second);
  publishes_reader in(content, now);
  std::string topics;
  while (const auto found = in.next())
    topics += as_text(found->wire.subspan(found->entry.header_size + 2U, 1));
  BOOST_TEST(in.ok());
  BOOST_TEST(topics == "abc");
}

BOOST_AUTO_TEST_CASE(a_clock_that_stands_behind_the_message_makes_it_no_younger_than_new) {
  const auto block = make_block({{.topic = "t"}}, protocol_version::v5, {.received_at = now + 5s});
  const std::string content = encoded(block);
  const auto found = publishes_reader(content, now).next();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST((found->received_at == now));
}

BOOST_AUTO_TEST_CASE(garbage_never_leads_outside_of_the_content) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  for (int round = 0; round != 20'000; ++round) {
    const auto version = random() % 2 == 0 ? protocol_version::v5 : protocol_version::v3_1_1;
    const auto block =
        make_block({random_message(random, version), random_message(random, version)}, version,
                   {.received_at = now});
    if (random() % 2 == 0) message_block::set_stamps(*block, random(), random());
    std::string content = encoded(block);
    for (std::uint64_t i = random() % 4 + 1; i != 0; --i)
      content[random() % content.size()] = static_cast<char>(random());
    if (random() % 4 == 0) content.resize(random() % content.size());
    const std::string exact(content);  // the sanitizer knows where it ends
    publishes_reader in(exact, now);
    std::size_t bytes = 0;
    while (const auto found = in.next()) {
      const message_entry& entry = found->entry;
      BOOST_REQUIRE(entry.header_size + 2U + entry.topic_size + entry.prefix_size +
                        entry.properties_size <=
                    found->wire.size());
      bytes += found->wire.size();
      for (const std::byte byte : found->wire)
        bytes += static_cast<std::size_t>(byte) & 1;
    }
    (void)decode_routes(exact);
    BOOST_REQUIRE(bytes <= 2 * exact.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()
