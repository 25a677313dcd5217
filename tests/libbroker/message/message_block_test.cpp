#include "libbroker/message/message_block.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto all_versions = {protocol_version::v3_1, protocol_version::v3_1_1,
                               protocol_version::v5};

void check_entry(const message_block& block, std::uint32_t index, const test_message& expected) {
  const message_entry& entry = block[index];
  const publish decoded = decode_whole(block.wire(entry), block.version());
  const auto properties = forwarded(expected.properties);
  BOOST_TEST(!decoded.dup);
  BOOST_TEST((decoded.qos == qos::at_most_once));
  BOOST_TEST(!decoded.retain);
  BOOST_TEST(decoded.topic == expected.topic);
  BOOST_TEST((as_text(decoded.payload) == expected.payload));
  BOOST_TEST(decoded.topic_alias == 0);
  BOOST_TEST((split_properties(decoded.properties) == properties));

  BOOST_TEST(block.topic(entry) == expected.topic);
  BOOST_TEST((as_text(block.payload(entry)) == expected.payload));
  BOOST_TEST((split_properties(block.properties(entry)) == properties));
  BOOST_TEST((entry.qos == expected.qos));
  BOOST_TEST(entry.retain == expected.retain);
  BOOST_TEST(entry.id == expected.id);
  const bool expires = !properties.empty() && properties[0][0] == '\x02';
  BOOST_TEST(entry.expires == expires);
  if (expires) BOOST_TEST((expiry_property(entry.expiry_interval) == properties[0]));
}

std::size_t wire_bytes(const message_block& block) { return block.wire(0, block.size()).size(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(message_block_)

// [MQTT5-3.3.2-7] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
BOOST_AUTO_TEST_CASE(each_message_is_kept_as_the_packet_that_delivers_it_at_qos_0) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  for (int round = 0; round != 100; ++round)
    for (const auto version : all_versions) {
      std::vector<test_message> messages(1 + engine() % 40);
      message_block_builder builder;
      for (test_message& message : messages) {
        message = random_message(engine, version);
        add_to(builder, message, version, engine() % 3 == 0 ? engine() % 100'000 : 0);
      }
      const auto block = builder.seal(
          {.publisher = 7'000'000'000, .connection_epoch = 5, .received_at = time_point(9ms)});
      BOOST_REQUIRE_EQUAL(block->size(), messages.size());
      BOOST_TEST((block->version() == version));
      BOOST_TEST(block->publisher() == 7'000'000'000);
      BOOST_TEST(block->connection_epoch() == 5U);
      BOOST_TEST((block->received_at() == time_point(9ms)));
      for (std::uint32_t i = 0; i != block->size(); ++i)
        check_entry(*block, i, messages[i]);
    }
}

BOOST_AUTO_TEST_CASE(neighbours_are_one_byte_range) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  std::vector<test_message> messages(30);
  for (test_message& message : messages)
    message = random_message(engine, protocol_version::v5);
  const auto block = make_block(messages, protocol_version::v5);
  for (std::uint32_t first = 0; first != 30; ++first) {
    std::string expected;
    for (std::uint32_t count = 1; first + count <= 30; ++count) {
      expected += as_text(block->wire((*block)[first + count - 1]));
      BOOST_TEST((as_text(block->wire(first, count)) == expected));
      BOOST_TEST((as_text(message_run{block, first, count}.wire()) == expected));
    }
  }
}

// [MQTT5-3.3.2-12]
BOOST_AUTO_TEST_CASE(a_message_published_by_alias_is_kept_with_its_topic) {
  const std::string properties = user_property("a", "1") + alias_property(3) + expiry_property(60);
  const publish packet{.payload = as_bytes("x"),
                       .topic_alias = 3,
                       .has_message_expiry_interval = true,
                       .message_expiry_interval = 60,
                       .properties = as_bytes(properties)};
  message_block_builder builder;
  builder.add(packet, "the/topic", protocol_version::v5);
  const auto block = builder.seal({});
  check_entry(*block, 0,
              {.topic = "the/topic",
               .payload = "x",
               .properties = {expiry_property(60), user_property("a", "1")}});
}

BOOST_AUTO_TEST_CASE(lengths_are_right_where_their_encoding_grows) {
  for (const auto version : all_versions)
    for (const std::size_t edge : {128U, 16'384U, 2'097'152U})
      for (std::size_t payload = edge - 8; payload != edge + 2; ++payload) {
        const test_message message{.topic = "t", .payload = std::string(payload, 'p')};
        check_entry(*make_block({message}, version), 0, message);
      }
  for (const std::size_t edge : {128U, 16'384U})
    for (std::size_t size = edge - 12; size != edge + 2; ++size) {
      const test_message message{.topic = "t",
                                 .properties = {content_type_property(std::string(size, 'c')),
                                                alias_property(1), payload_format_property()}};
      check_entry(*make_block({message}, protocol_version::v5), 0, message);
    }
}

BOOST_AUTO_TEST_CASE(a_payload_of_any_size_fits_wherever_it_comes) {
  const test_message small{.topic = "small", .payload = "s"};
  const test_message big{.topic = "big", .payload = std::string(5'000'000, 'b')};
  const test_message empty{.topic = "empty", .payload = ""};
  const std::vector<test_message> messages{small, big, empty, small, big, small};
  const auto block = make_block(messages);
  for (std::uint32_t i = 0; i != messages.size(); ++i)
    check_entry(*block, i, messages[i]);
}

BOOST_AUTO_TEST_CASE(a_sealed_block_is_at_most_about_twice_as_large_as_what_it_holds) {
  for (const std::size_t more :
       {std::size_t{0}, std::size_t{1'000}, std::size_t{60'000}, std::size_t{100'000'000}})
    for (const std::uint32_t count : {1U, 2U, 3U, 17U, 500U, 3'000U}) {
      message_block_builder builder;
      for (std::uint32_t i = 0; i != count; ++i)
        add_to(builder, {.topic = "topic", .payload = std::to_string(i)}, protocol_version::v3_1_1,
               more);
      const auto block = builder.seal({});
      const std::size_t needed = wire_bytes(*block) + count * sizeof(message_entry);
      BOOST_TEST(block->bytes() >= needed);
      BOOST_TEST(block->bytes() <= 2 * needed + 16, count << " of " << more);
      for (std::uint32_t i = 0; i != count; ++i)
        BOOST_TEST(as_text(block->payload((*block)[i])) == std::to_string(i));
    }
}

BOOST_AUTO_TEST_CASE(a_builder_is_empty_before_the_first_message_and_after_seal) {
  message_block_builder builder;
  for (int round = 0; round != 3; ++round) {
    BOOST_TEST(builder.empty());
    BOOST_TEST(builder.size() == 0U);
    BOOST_TEST(builder.wire_size() == 0U);
    add_to(builder, {.topic = "a"}, protocol_version::v3_1_1);
    const std::uint32_t one = builder.wire_size();
    add_to(builder, {.topic = "a"}, protocol_version::v3_1_1);
    BOOST_TEST(!builder.empty());
    BOOST_TEST(builder.size() == 2U);
    BOOST_TEST(builder.wire_size() == 2 * one);
    const auto block = builder.seal({});
    BOOST_TEST(wire_bytes(*block) == 2 * one);
  }
}

BOOST_AUTO_TEST_CASE(a_new_block_knows_nothing_of_the_one_before) {
  message_block_builder builder;
  add_to(builder,
         {.topic = "a",
          .qos = qos::at_least_once,
          .retain = true,
          .id = 1,
          .properties = {expiry_property(1)}},
         protocol_version::v5);
  const auto first = builder.seal({.publisher = 1, .connection_epoch = 2});
  add_to(builder, {.topic = "b"}, protocol_version::v3_1_1);
  const auto second = builder.seal({});
  BOOST_TEST(second->publisher() == 0U);
  BOOST_TEST((second->version() == protocol_version::v3_1_1));
  check_entry(*second, 0, {.topic = "b"});
}

BOOST_AUTO_TEST_CASE(a_moved_builder_takes_its_messages_along) {
  message_block_builder builder;
  add_to(builder, {.topic = "a"}, protocol_version::v3_1_1);
  message_block_builder other(std::move(builder));
  BOOST_TEST(builder.empty());
  BOOST_TEST(other.size() == 1U);  // and nobody seals it: it must not leak
}

BOOST_AUTO_TEST_CASE(a_copied_run_is_the_same_messages_alone) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  for (const auto version : all_versions) {
    std::vector<test_message> messages(20);
    for (test_message& message : messages)
      message = random_message(engine, version);
    auto block =
        make_block(messages, version,
                   {.publisher = 8, .connection_epoch = 9, .received_at = time_point(77ms)});
    const auto first = static_cast<std::uint32_t>(engine() % 20);
    const auto count = static_cast<std::uint32_t>(1 + engine() % (20 - first));
    const auto copy = copy_run({block, first, count});
    block = nullptr;  // the copy must not need it
    BOOST_REQUIRE_EQUAL(copy->size(), count);
    BOOST_TEST((copy->version() == version));
    BOOST_TEST(copy->publisher() == 8U);
    BOOST_TEST(copy->connection_epoch() == 9U);
    BOOST_TEST((copy->received_at() == time_point(77ms)));
    for (std::uint32_t i = 0; i != count; ++i)
      check_entry(*copy, i, messages[first + i]);
    BOOST_TEST(copy->bytes() <= 2 * (wire_bytes(*copy) + count * sizeof(message_entry)) + 16);
  }
}

// [MQTT5-3.3.2-5]
BOOST_AUTO_TEST_CASE(a_message_expires_when_its_interval_has_passed_since_it_was_received) {
  const auto block = make_block({{.topic = "a", .properties = {expiry_property(10)}},
                                 {.topic = "b"},
                                 {.topic = "c", .properties = {expiry_property(0)}},
                                 {.topic = "d", .properties = {expiry_property(0xFFFFFFFF)}}},
                                protocol_version::v5, {.received_at = time_point(500ms)});
  const auto expired = [&](std::uint32_t index, std::chrono::milliseconds now) {
    return block->expired((*block)[index], time_point(now));
  };
  BOOST_TEST(!expired(0, 500ms));
  BOOST_TEST(!expired(0, 10'499ms));
  BOOST_TEST(expired(0, 10'500ms));
  BOOST_TEST(!expired(1, 1'000'000h));
  BOOST_TEST(expired(2, 500ms));
  BOOST_TEST(!expired(3, 500ms + std::chrono::seconds(0xFFFFFFFEU)));
  BOOST_TEST(expired(3, 500ms + std::chrono::seconds(0xFFFFFFFFU)));
}

BOOST_AUTO_TEST_CASE(stamps_are_copied_with_their_messages) {
  const auto block = make_block({{.topic = "a"}, {.topic = "b"}, {.topic = "c"}});
  BOOST_TEST(!block->has_stamps());
  BOOST_TEST((block->stamp(1) == retained_stamp()));
  message_block::set_stamps(*block, 10, 3);
  message_block::change_stamp(*block, 1, {50, 3});
  message_block_builder builder;
  const auto plain = make_block({{.topic = "none"}});
  builder.add(*plain, (*plain)[0]);
  builder.add(*block, (*block)[1]);
  builder.add(*block, (*block)[2]);
  const auto copy = builder.seal({});
  BOOST_TEST((copy->stamp(0) == retained_stamp()));
  BOOST_TEST((copy->stamp(1) == retained_stamp{50, 3}));
  BOOST_TEST((copy->stamp(2) == retained_stamp{12, 3}));
  builder.add(*plain, (*plain)[0]);
  BOOST_TEST(!builder.seal({})->has_stamps());
}

BOOST_AUTO_TEST_CASE(identities_are_copied_with_their_messages) {
  const auto plain = make_block({{.topic = "a"}, {.topic = "b"}, {.topic = "c"}});
  BOOST_TEST((plain->identity(1) == message_identity()));
  message_block_builder builder;
  builder.add(*plain, (*plain)[0]);
  for (const std::uint32_t i : {1U, 2U})
    builder.add((*plain)[i], plain->wire((*plain)[i]), plain->version(), {}, {7, 40 + i});
  const auto block = builder.seal({});
  BOOST_TEST((block->identity(0) == message_identity()));
  BOOST_TEST((block->identity(2) == message_identity{7, 42}));
  BOOST_TEST((copy_run({block, 1, 2})->identity(1) == message_identity{7, 42}));
  builder.add(*plain, (*plain)[0]);
  BOOST_TEST((builder.seal({})->identity(0) == message_identity()));
}

BOOST_AUTO_TEST_SUITE_END()
