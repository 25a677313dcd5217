#include "libbroker/message/encode_delivery.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto received_at = time_point(1'000'300ms);

/// The properties that a subscriber of MQTT 5.0 gets, those of the message first.
std::vector<std::string> expected_properties(const test_message& message,
                                             const delivery_header& header,
                                             std::chrono::milliseconds waited) {
  auto properties = forwarded(message.properties);
  if (!properties.empty() && properties[0][0] == '\x02') {
    std::int64_t interval = 0;
    for (const char c : properties[0].substr(1))
      interval = interval * 256 + static_cast<std::uint8_t>(c);
    const std::int64_t left = std::max<std::int64_t>(interval - waited.count() / 1000, 0);
    properties[0] = expiry_property(static_cast<std::uint32_t>(left));
  }
  if (header.topic_alias != 0) properties.push_back(alias_property(header.topic_alias));
  for (const std::uint32_t identifier : header.identifiers)
    properties.push_back(identifier_property(identifier));
  return properties;
}

void check(const message_block& block, std::uint32_t index, const test_message& message,
           const delivery_header& header, std::chrono::milliseconds waited) {
  const message_entry& entry = block[index];
  byte_buffer out;
  out.append("before");
  encode_delivery(block, entry, header, received_at + waited, out);
  const byte_view wire = out.view().subspan(6);
  BOOST_TEST(as_text(out.view().first(6)) == "before");
  BOOST_TEST(delivery_size(entry, header) == wire.size());
  const publish decoded = decode_whole(wire, header.version);
  BOOST_TEST((decoded.qos == header.qos));
  BOOST_TEST(decoded.retain == header.retain);
  BOOST_TEST(decoded.dup == header.dup);
  BOOST_TEST(decoded.id == (header.qos == qos::at_most_once ? 0 : header.id));
  BOOST_TEST(decoded.topic == (header.omit_topic ? "" : message.topic));
  BOOST_TEST((as_text(decoded.payload) == message.payload));
  const auto properties = header.version == protocol_version::v5
                              ? expected_properties(message, header, waited)
                              : std::vector<std::string>();
  BOOST_TEST((split_properties(decoded.properties) == properties));
}

const std::vector<std::vector<std::uint32_t>> identifier_lists{
    {}, {1}, {1, 127, 128, 16'383, 16'384, 2'097'152, 268'435'455}, {5, 5}};

}  // namespace

BOOST_AUTO_TEST_SUITE(encode_delivery_)

// [MQTT5-3.3.2-6] [MQTT5-3.3.2-4] [MQTT5-3.3.2-17] [MQTT5-3.3.2-20] [MQTT5-3.3.4-4]
BOOST_AUTO_TEST_CASE(every_combination_decodes_to_the_packet_that_was_meant) {
  const std::vector<test_message> plain{
      {.topic = "a"},
      {.topic = "a/b", .payload = ""},
      {.topic = "a", .qos = qos::exactly_once, .retain = true, .id = 77}};
  std::vector<test_message> rich = plain;
  rich.push_back({.topic = "alone", .properties = {expiry_property(100)}});
  rich.push_back(
      {.topic = "all",
       .properties = {user_property("k", "1"), payload_format_property(), alias_property(9),
                      content_type_property("text"), expiry_property(60), user_property("k", "2"),
                      correlation_property("\x26\x23\x02")}});
  using enum protocol_version;
  for (const auto publisher : {v3_1, v3_1_1, v5}) {
    const auto& messages = publisher == v5 ? rich : plain;
    const auto block = make_block(messages, publisher, {.received_at = received_at});
    for (std::uint32_t index = 0; index != messages.size(); ++index)
      for (const auto subscriber : {v3_1, v3_1_1, v5})
        for (const auto quality : {qos::at_most_once, qos::at_least_once, qos::exactly_once})
          for (const bool retain : {false, true})
            for (const bool dup : {false, true})
              for (const auto& identifiers : identifier_lists)
                for (const std::uint16_t alias : {0, 1, 0xFFFF})
                  for (const bool omit : {false, true})
                    for (const auto waited : {0ms, 999ms, 1'000ms, 59'999ms, 61'000ms}) {
                      if (dup && quality == qos::at_most_once) continue;  // [MQTT5-3.3.1-2]
                      if (alias != 0 && subscriber != v5) continue;
                      if (omit && alias == 0) continue;
                      check(*block, index, messages[index],
                            {.version = subscriber,
                             .qos = quality,
                             .retain = retain,
                             .dup = dup,
                             .id = 0xABCD,
                             .topic_alias = alias,
                             .omit_topic = omit,
                             .identifiers = identifiers},
                            waited);
                    }
  }
}

BOOST_AUTO_TEST_CASE(random_messages_survive_any_pair_of_versions) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  using enum protocol_version;
  for (int round = 0; round != 300; ++round)
    for (const auto publisher : {v3_1, v3_1_1, v5}) {
      std::vector<test_message> messages(1 + engine() % 5);
      for (test_message& message : messages)
        message = random_message(engine, publisher);
      const auto block = make_block(messages, publisher, {.received_at = received_at});
      for (std::uint32_t index = 0; index != messages.size(); ++index)
        for (const auto subscriber : {v3_1, v3_1_1, v5})
          check(*block, index, messages[index],
                {.version = subscriber,
                 .qos = static_cast<qos>(engine() % 3),
                 .retain = engine() % 2 == 0,
                 .id = static_cast<packet_id>(1 + engine() % 0xFFFF),
                 .topic_alias = static_cast<std::uint16_t>(subscriber == v5 ? engine() % 3 : 0),
                 .identifiers = identifier_lists[engine() % identifier_lists.size()]},
                std::chrono::milliseconds(engine() % 200'000));
    }
}

BOOST_AUTO_TEST_CASE(lengths_are_right_where_their_encoding_grows) {
  using enum protocol_version;
  for (const auto publisher : {v3_1_1, v5})
    for (const auto subscriber : {v3_1_1, v5})
      for (const std::size_t edge : {128U, 16'384U, 2'097'152U})
        for (std::size_t size = edge - 9; size != edge + 1; ++size) {
          const test_message message{.topic = "t", .payload = std::string(size, 'p')};
          const auto block = make_block({message}, publisher, {.received_at = received_at});
          check(*block, 0, message, {.version = subscriber, .qos = qos::at_least_once, .id = 1},
                0ms);
        }
  // The identifiers alone make the property length grow by a byte.
  for (std::size_t size = 110; size != 130; ++size) {
    const test_message message{.topic = "t",
                               .properties = {content_type_property(std::string(size, 'c'))}};
    const auto block = make_block({message}, v5, {.received_at = received_at});
    const std::vector<std::uint32_t> identifiers{1, 2};
    check(*block, 0, message, {.version = v5, .topic_alias = 1, .identifiers = identifiers}, 0ms);
  }
}

BOOST_AUTO_TEST_CASE(a_message_sent_again_after_its_expiry_says_0_seconds) {
  const test_message message{.topic = "t", .properties = {expiry_property(1)}};
  const auto block = make_block({message}, protocol_version::v5, {.received_at = received_at});
  check(*block, 0, message,
        {.version = protocol_version::v5, .qos = qos::at_least_once, .dup = true, .id = 1}, 24h);
}

BOOST_AUTO_TEST_SUITE_END()
