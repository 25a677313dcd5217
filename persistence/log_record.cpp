#include "persistence/log_record.hpp"

#include "persistence/big_endian.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cassert>

namespace troupe {

namespace {

constexpr std::uint8_t record_format = 1;

// Places in the header.
constexpr std::size_t checksum_at = 4;
constexpr std::size_t checksummed_from = 8;
constexpr std::size_t first_at = 8;
constexpr std::size_t received_at = 16;
constexpr std::size_t count_at = 24;
constexpr std::size_t publisher_size_at = 28;
constexpr std::size_t header_size = 32;

// Places in an entry. The wire form's place follows from the sizes before it.
constexpr std::size_t size_at = 0;
constexpr std::size_t properties_size_at = 4;
constexpr std::size_t expiry_at = 8;
constexpr std::size_t topic_size_at = 12;
constexpr std::size_t id_at = 14;
constexpr std::size_t header_size_at = 16;
constexpr std::size_t prefix_size_at = 17;
constexpr std::size_t flags_at = 18;
constexpr std::size_t offset_at = 20;
constexpr std::size_t entry_size = 24;

constexpr std::uint8_t qos_bits = 0x03;
constexpr std::uint8_t retain_bit = 0x04;
constexpr std::uint8_t expires_bit = 0x08;
constexpr std::uint8_t stamped_bit = 0x10;
constexpr std::uint8_t identified_bit = 0x20;

// Behind the wire form of a message: its stamp, if it has one, and its identity, if that is not
// where the record lies.
constexpr std::size_t stamp_node_at = 8;
constexpr std::size_t stamp_size = 16;
constexpr std::size_t identity_offset_at = 8;
constexpr std::size_t identity_size = 16;

std::uint32_t checksum(std::string_view record) noexcept {
  return static_cast<std::uint32_t>(
      XXH3_64bits(record.data() + checksummed_from, record.size() - checksummed_from));
}

/// `bits`: which of the rest it has.
void put_entry(const message_entry& entry, std::uint32_t offset, unsigned bits, char* to) noexcept {
  put_big_endian(entry.size, to + size_at);
  put_big_endian(entry.properties_size, to + properties_size_at);
  put_big_endian(entry.expiry_interval, to + expiry_at);
  put_big_endian(entry.topic_size, to + topic_size_at);
  put_big_endian(entry.id, to + id_at);
  to[header_size_at] = static_cast<char>(entry.header_size);
  to[prefix_size_at] = static_cast<char>(entry.prefix_size);
  to[flags_at] =
      static_cast<char>(static_cast<unsigned>(entry.qos) | (entry.retain ? retain_bit : 0U) |
                        (entry.expires ? expires_bit : 0U) | bits);
  put_big_endian(offset, to + offset_at);
}

/// Whether what `entry` says of itself, with `more` bytes behind it, fits into `bytes` of wire
/// forms.
bool is_sound(const message_entry& entry, std::size_t more, std::size_t bytes) noexcept {
  const std::size_t parts = std::size_t{entry.header_size} + 2 + entry.topic_size +
                            entry.prefix_size + entry.properties_size;
  return entry.qos <= qos::exactly_once && parts <= entry.size && entry.offset <= bytes &&
         entry.size + more <= bytes - entry.offset;
}

/// What of the rest a message has.
unsigned rest_of(const message_block& block, std::uint32_t index) noexcept {
  const bool is_stamped = block.stamp(index) != retained_stamp() && block[index].retain;
  const bool is_identified = block.identity(index) != message_identity();
  return (is_stamped ? stamped_bit : 0U) | (is_identified ? identified_bit : 0U);
}

std::size_t size_of_rest(unsigned bits) noexcept {
  return ((bits & stamped_bit) != 0 ? stamp_size : 0) +
         ((bits & identified_bit) != 0 ? identity_size : 0);
}

bool is_version(std::uint8_t number) noexcept {
  return number == static_cast<std::uint8_t>(protocol_version::v3_1) ||
         number == static_cast<std::uint8_t>(protocol_version::v3_1_1) ||
         number == static_cast<std::uint8_t>(protocol_version::v5);
}

}  // namespace

void encode_record(const message_block& block, std::span<const std::uint32_t> which,
                   log_offset first, const record_origin& origin, std::string& out) {
  assert(!which.empty());
  std::size_t wires = 0;
  for (const std::uint32_t index : which)
    wires += block[index].size + size_of_rest(rest_of(block, index));
  const std::size_t begin = out.size();
  out.resize(begin + header_size + origin.publisher.size() + which.size() * entry_size + wires);
  char* const record = out.data() + begin;
  record[0] = static_cast<char>(record_format);
  record[1] = static_cast<char>(block.version());
  put_big_endian(first, record + first_at);
  put_big_endian(static_cast<std::uint64_t>(origin.received_at.time_since_epoch().count()),
                 record + received_at);
  put_big_endian(static_cast<std::uint32_t>(which.size()), record + count_at);
  put_big_endian(static_cast<std::uint32_t>(origin.publisher.size()), record + publisher_size_at);
  char* at = record + header_size;
  at = std::copy(origin.publisher.begin(), origin.publisher.end(), at);
  char* const wire_begin = at + which.size() * entry_size;
  char* wire = wire_begin;
  for (const std::uint32_t index : which) {
    const message_entry& entry = block[index];
    const unsigned rest = rest_of(block, index);
    put_entry(entry, static_cast<std::uint32_t>(wire - wire_begin), rest, at);
    at += entry_size;
    const std::string_view bytes = as_text(block.wire(entry));
    wire = std::copy(bytes.begin(), bytes.end(), wire);
    if ((rest & stamped_bit) != 0) {
      put_big_endian(block.stamp(index).time, wire);
      put_big_endian(block.stamp(index).node, wire + stamp_node_at);
      wire += stamp_size;
    }
    if ((rest & identified_bit) != 0) {
      put_big_endian(block.identity(index).home, wire);
      put_big_endian(block.identity(index).offset, wire + identity_offset_at);
      wire += identity_size;
    }
  }
  put_big_endian(checksum({record, out.size() - begin}), record + checksum_at);
}

std::optional<record_view> record_view::parse(std::string_view bytes) {
  if (bytes.size() < header_size || static_cast<std::uint8_t>(bytes[0]) != record_format ||
      get_big_endian<std::uint32_t>(bytes.substr(checksum_at)) != checksum(bytes))
    return std::nullopt;
  record_view view;
  const auto version = static_cast<std::uint8_t>(bytes[1]);
  view.version_ = static_cast<protocol_version>(version);
  view.first_ = get_big_endian<log_offset>(bytes.substr(first_at));
  view.size_ = get_big_endian<std::uint32_t>(bytes.substr(count_at));
  view.origin_.received_at = wall_time(std::chrono::milliseconds(
      static_cast<std::int64_t>(get_big_endian<std::uint64_t>(bytes.substr(received_at)))));
  const std::size_t publisher = get_big_endian<std::uint32_t>(bytes.substr(publisher_size_at));
  std::string_view rest = bytes.substr(header_size);
  // Whoever can make up checksums can make up sizes.
  if (!is_version(version) || view.first_ == 0 || view.size_ == 0 || publisher > rest.size() ||
      view.size_ > (rest.size() - publisher) / entry_size)
    return std::nullopt;
  view.origin_.publisher = rest.substr(0, publisher);
  rest.remove_prefix(publisher);
  view.entries_ = rest.substr(0, std::size_t{view.size_} * entry_size);
  view.wires_ = rest.substr(view.entries_.size());
  for (std::uint32_t i = 0; i != view.size_; ++i)
    if (!is_sound(view[i], size_of_rest(view.flags(i)), view.wires_.size())) return std::nullopt;
  return view;
}

message_entry record_view::operator[](std::uint32_t index) const noexcept {
  const std::string_view from = entries_.substr(std::size_t{index} * entry_size, entry_size);
  const auto flags = static_cast<std::uint8_t>(from[flags_at]);
  return {
      .log_offset = first_ + index,
      .offset = get_big_endian<std::uint32_t>(from.substr(offset_at)),
      .size = get_big_endian<std::uint32_t>(from.substr(size_at)),
      .properties_size = get_big_endian<std::uint32_t>(from.substr(properties_size_at)),
      .expiry_interval = get_big_endian<std::uint32_t>(from.substr(expiry_at)),
      .topic_size = get_big_endian<std::uint16_t>(from.substr(topic_size_at)),
      .id = get_big_endian<std::uint16_t>(from.substr(id_at)),
      .header_size = static_cast<std::uint8_t>(from[header_size_at]),
      .prefix_size = static_cast<std::uint8_t>(from[prefix_size_at]),
      .qos = static_cast<qos>(flags & qos_bits),
      .retain = (flags & retain_bit) != 0,
      .expires = (flags & expires_bit) != 0,
  };
}

std::uint8_t record_view::flags(std::uint32_t index) const noexcept {
  return static_cast<std::uint8_t>(entries_[std::size_t{index} * entry_size + flags_at]);
}

retained_stamp record_view::stamp(std::uint32_t index) const noexcept {
  if ((flags(index) & stamped_bit) == 0) return {};
  const message_entry entry = (*this)[index];
  const std::string_view from = wires_.substr(std::size_t{entry.offset} + entry.size, stamp_size);
  return {.time = get_big_endian<hybrid_stamp>(from),
          .node = get_big_endian<std::uint64_t>(from.substr(stamp_node_at))};
}

message_identity record_view::identity(std::uint32_t index) const noexcept {
  const std::uint8_t bits = flags(index);
  if ((bits & identified_bit) == 0) return {};
  const message_entry entry = (*this)[index];
  const std::size_t stamp = size_of_rest(bits & stamped_bit);
  const std::string_view from =
      wires_.substr(std::size_t{entry.offset} + entry.size + stamp, identity_size);
  return {.home = get_big_endian<std::uint64_t>(from),
          .offset = get_big_endian<log_offset>(from.substr(identity_offset_at))};
}

message_block_ptr single_message(const record_view& record, time_point received_at) {
  message_entry entry = record[0];
  entry.log_offset = 0;
  message_block_builder builder;
  builder.add(entry, record.wire(entry), record.version(), record.stamp(0));
  return builder.seal({.received_at = received_at});
}

}  // namespace troupe
