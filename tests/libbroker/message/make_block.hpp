#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/packet.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::test {

/// A PUBLISH as a test writes it down.
struct test_message {
  std::string topic;
  std::string payload = "payload";
  troupe::qos qos = qos::at_most_once;
  bool retain = false;
  packet_id id = 0;
  std::vector<std::string> properties{};  ///< each in wire form
};

// Properties in wire form.
[[nodiscard]] std::string expiry_property(std::uint32_t seconds);
[[nodiscard]] std::string alias_property(std::uint16_t alias);
[[nodiscard]] std::string user_property(std::string_view name, std::string_view value);
[[nodiscard]] std::string content_type_property(std::string_view type);
[[nodiscard]] std::string correlation_property(std::string_view data);
[[nodiscard]] std::string payload_format_property();
[[nodiscard]] std::string identifier_property(std::uint32_t identifier);

/// The properties of a section, one by one.
[[nodiscard]] std::vector<std::string> split_properties(byte_view section);

/// What is left of `properties` once a broker passes them on: no topic alias,
/// the message expiry interval in front.
[[nodiscard]] std::vector<std::string> forwarded(const std::vector<std::string>& properties);

/// The PUBLISH that takes up all of `wire`, decoded as a client does.
[[nodiscard]] publish decode_whole(byte_view wire, protocol_version version);

/// Adds `message` as the decoder hands it out to a server of `version`.
void add_to(message_block_builder& builder, const test_message& message, protocol_version version,
            std::size_t more = 0);

[[nodiscard]] message_block_ptr make_block(const std::vector<test_message>& messages,
                                           protocol_version version = protocol_version::v3_1_1,
                                           const message_block_builder::origin& from = {});

/// A random message: for MQTT 5.0 with any properties, in any order.
[[nodiscard]] test_message random_message(std::mt19937_64& engine, protocol_version version);

}  // namespace troupe::test
