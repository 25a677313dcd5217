#include "tests/libbroker/message/make_block.hpp"

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace troupe::test {

namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  while (bytes-- != 0)
    text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::string counted(std::string_view text) { return number(text.size(), 2) + std::string(text); }

std::string joined(const std::vector<std::string>& parts) {
  std::string whole;
  for (const std::string& part : parts)
    whole += part;
  return whole;
}

std::size_t size_of_property(std::string_view at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(at[i]); };
  const auto length = [&](std::size_t i) { return 2U + (byte(i) << 8 | byte(i + 1)); };
  switch (at[0]) {
  case 0x01: return 2;
  case 0x02: return 5;
  case 0x0B: {
    std::size_t size = 1;
    while ((byte(size++) & 128) != 0) {
    }
    return size;
  }
  case 0x23: return 3;
  case 0x26: {
    const std::size_t name = 1 + length(1);
    return name + length(name);
  }
  default: return 1 + length(1);
  }
}

}  // namespace

std::string expiry_property(std::uint32_t seconds) { return '\x02' + number(seconds, 4); }
std::string alias_property(std::uint16_t alias) { return '\x23' + number(alias, 2); }
std::string user_property(std::string_view name, std::string_view value) {
  return '\x26' + counted(name) + counted(value);
}
std::string content_type_property(std::string_view type) { return '\x03' + counted(type); }
std::string correlation_property(std::string_view data) { return '\x09' + counted(data); }
std::string payload_format_property() { return "\x01\x01"; }

std::string identifier_property(std::uint32_t identifier) {
  std::string text = "\x0B";
  for (; identifier >= 128; identifier /= 128)
    text += static_cast<char>(identifier % 128 + 128);
  return text + static_cast<char>(identifier);
}

std::vector<std::string> split_properties(byte_view section) {
  std::vector<std::string> parts;
  for (std::string_view rest = as_text(section); !rest.empty();) {
    const std::size_t size = size_of_property(rest);
    parts.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return parts;
}

std::vector<std::string> forwarded(const std::vector<std::string>& properties) {
  std::vector<std::string> left;
  std::copy_if(properties.begin(), properties.end(), std::back_inserter(left),
               [](const std::string& p) { return p[0] != '\x23'; });
  std::stable_partition(left.begin(), left.end(),
                        [](const std::string& p) { return p[0] == '\x02'; });
  return left;
}

publish decode_whole(byte_view wire, protocol_version version) {
  const auto scanned = scan_frame(wire, 0);
  BOOST_REQUIRE(scanned.has_value());
  BOOST_REQUIRE(scanned->status == frame_scan::status::complete);
  BOOST_REQUIRE_EQUAL(scanned->size, wire.size());
  BOOST_REQUIRE(scanned->packet.type == packet_type::publish);
  const auto decoded = decode_publish(scanned->packet, version, role::client);
  BOOST_REQUIRE(decoded.has_value());
  return *decoded;
}

void add_to(message_block_builder& builder, const test_message& message, protocol_version version,
            std::size_t more) {
  const std::string properties = joined(message.properties);
  const publish packet{.qos = message.qos,
                       .retain = message.retain,
                       .topic = message.topic,
                       .id = message.id,
                       .payload = as_bytes(message.payload),
                       .properties = as_bytes(properties)};
  byte_buffer wire;
  encode(packet, version, wire);
  const publish decoded = decode_whole(wire.view(), version);
  builder.add(decoded, decoded.topic, version, more);
}

message_block_ptr make_block(const std::vector<test_message>& messages, protocol_version version,
                             const message_block_builder::origin& from) {
  message_block_builder builder;
  for (const test_message& message : messages)
    add_to(builder, message, version);
  return builder.seal(from);
}

test_message random_message(std::mt19937_64& engine, protocol_version version) {
  const auto below = [&](std::size_t bound) { return engine() % bound; };
  const auto text = [&](std::size_t size) {
    return std::string(size, static_cast<char>('a' + below(26)));
  };
  test_message message;
  message.topic = text(below(30) == 0 ? 1 + below(300) : 1 + below(12));
  message.payload = text(below(30) == 0 ? below(40'000) : below(100));
  message.qos = static_cast<qos>(below(3));
  message.retain = below(3) == 0;
  if (message.qos != qos::at_most_once) message.id = static_cast<packet_id>(1 + below(65'535));
  if (version != protocol_version::v5 || below(3) == 0) return message;
  auto& properties = message.properties;
  if (below(2) == 0) properties.push_back(expiry_property(static_cast<std::uint32_t>(below(100))));
  if (below(2) == 0) properties.push_back(alias_property(static_cast<std::uint16_t>(1 + below(9))));
  if (below(2) == 0) properties.push_back(payload_format_property());
  if (below(2) == 0) properties.push_back(content_type_property(text(below(200))));
  if (below(2) == 0) properties.push_back(correlation_property(text(below(9))));
  for (std::size_t i = below(4); i != 0; --i)
    properties.push_back(user_property(text(below(5)), text(below(5))));
  std::shuffle(properties.begin(), properties.end(), engine);
  return message;
}

}  // namespace troupe::test
