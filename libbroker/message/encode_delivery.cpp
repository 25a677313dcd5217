#include "libbroker/message/encode_delivery.hpp"

#include "libbroker/codec/variable_byte_integer.hpp"
#include "libbroker/message/message_properties.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace troupe {

namespace {

constexpr std::size_t topic_alias_property_size = 3;
constexpr std::byte topic_alias{0x23};
constexpr std::byte subscription_identifier{0x0B};
constexpr std::byte user_property{0x26};
constexpr std::string_view offset_name = "offset";
constexpr std::string_view timestamp_name = "timestamp";

struct layout {
  std::size_t topic_size = 0;
  std::size_t properties_size = 0;  // without prefix
  std::size_t prefix_size = 0;
  std::size_t remaining = 0;
};

/// An offset in decimal digits.
class offset_text {
public:
  explicit offset_text(log_offset offset) noexcept
      : end_(std::to_chars(digits_.begin(), digits_.end(), offset).ptr) {}
  [[nodiscard]] std::string_view view() const noexcept { return {digits_.begin(), end_}; }

private:
  std::array<char, std::numeric_limits<log_offset>::digits10 + 1> digits_;
  const char* end_;
};

std::size_t user_property_size(std::string_view name, std::string_view value) noexcept {
  return 1 + 2 + name.size() + 2 + value.size();
}

layout layout_of(const message_entry& entry, const delivery_header& header) noexcept {
  layout sizes;
  sizes.topic_size = header.omit_topic ? 0 : entry.topic_size;
  if (header.version == protocol_version::v5) {
    sizes.properties_size = entry.properties_size;
    if (header.topic_alias != 0) sizes.properties_size += topic_alias_property_size;
    for (const std::uint32_t identifier : header.identifiers)
      sizes.properties_size += 1 + variable_byte_integer_size(identifier);
    if (!header.timestamp.empty())
      sizes.properties_size +=
          user_property_size(offset_name, offset_text(entry.log_offset).view()) +
          user_property_size(timestamp_name, header.timestamp);
    sizes.prefix_size = variable_byte_integer_size(sizes.properties_size);
  }
  sizes.remaining = 2 + sizes.topic_size + (header.qos != qos::at_most_once ? 2 : 0) +
                    sizes.prefix_size + sizes.properties_size + entry.payload_size();
  return sizes;
}

std::byte* copy(byte_view bytes, std::byte* out) noexcept {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

std::byte* write_u16(std::size_t value, std::byte* out) noexcept {
  *out++ = static_cast<std::byte>(value >> 8);
  *out++ = static_cast<std::byte>(value);
  return out;
}

std::byte* write_user_property(std::string_view name, std::string_view value,
                               std::byte* out) noexcept {
  *out++ = user_property;
  for (const std::string_view part : {name, value})
    out = copy(as_bytes(part), write_u16(part.size(), out));
  return out;
}

std::byte* write_properties(const message_block& block, const message_entry& entry,
                            const delivery_header& header, std::size_t size, time_point now,
                            std::byte* out) noexcept {
  out = write_variable_byte_integer(size, out);
  byte_view properties = block.properties(entry);
  if (entry.expires) {
    const auto waited = std::chrono::floor<std::chrono::seconds>(now - block.received_at());
    const auto left = std::max(std::chrono::seconds(entry.expiry_interval) - waited,
                               std::chrono::seconds(0));  // a message sent again does not expire
    out = write_message_expiry(static_cast<std::uint32_t>(left.count()), out);  // [MQTT5-3.3.2-6]
    properties = properties.subspan(message_expiry_property_size);
  }
  out = copy(properties, out);
  if (header.topic_alias != 0) {
    *out++ = topic_alias;
    out = write_u16(header.topic_alias, out);
  }
  for (const std::uint32_t identifier : header.identifiers) {
    *out++ = subscription_identifier;
    out = write_variable_byte_integer(identifier, out);
  }
  if (!header.timestamp.empty()) {  // behind the publisher's own [MQTT5-3.3.2-18]
    out = write_user_property(offset_name, offset_text(entry.log_offset).view(), out);
    out = write_user_property(timestamp_name, header.timestamp, out);
  }
  return out;
}

/// Whether the packet is the kept wire form with a packet identifier put in.
bool only_adds_identifier(const message_block& block, const message_entry& entry,
                          const delivery_header& header) noexcept {
  return header.version == block.version() && header.qos != qos::at_most_once && !entry.expires &&
         header.topic_alias == 0 && header.identifiers.empty() && header.timestamp.empty();
}

std::byte first_byte(const delivery_header& header) noexcept {
  return static_cast<std::byte>((static_cast<unsigned>(packet_type::publish) << 4) |
                                (header.dup ? 8U : 0U) | (static_cast<unsigned>(header.qos) << 1) |
                                (header.retain ? 1U : 0U));
}

void add_identifier(const message_block& block, const message_entry& entry,
                    const delivery_header& header, byte_buffer& out) {
  const byte_view body = block.wire(entry).subspan(entry.header_size);
  const std::size_t before = 2U + entry.topic_size;
  std::byte* const begin = out.prepare(5 + body.size() + 2);
  std::byte* at = begin;
  *at++ = first_byte(header);
  at = write_variable_byte_integer(body.size() + 2, at);
  at = copy(body.first(before), at);
  at = write_u16(header.id, at);
  at = copy(body.subspan(before), at);
  out.commit(static_cast<std::size_t>(at - begin));
}

}  // namespace

std::size_t delivery_size(const message_entry& entry, const delivery_header& header) noexcept {
  const std::size_t remaining = layout_of(entry, header).remaining;
  return 1 + variable_byte_integer_size(remaining) + remaining;
}

void encode_delivery(const message_block& block, const message_entry& entry,
                     const delivery_header& header, time_point now, byte_buffer& out) {
  if (only_adds_identifier(block, entry, header)) return add_identifier(block, entry, header, out);
  const layout sizes = layout_of(entry, header);
  std::byte* const begin = out.prepare(5 + sizes.remaining);
  std::byte* at = begin;
  *at++ = first_byte(header);
  at = write_variable_byte_integer(sizes.remaining, at);
  at = write_u16(sizes.topic_size, at);
  if (sizes.topic_size != 0) at = copy(as_bytes(block.topic(entry)), at);
  if (header.qos != qos::at_most_once) at = write_u16(header.id, at);
  if (header.version == protocol_version::v5)
    at = write_properties(block, entry, header, sizes.properties_size, now, at);
  at = copy(block.payload(entry), at);
  out.commit(static_cast<std::size_t>(at - begin));
}

}  // namespace troupe
