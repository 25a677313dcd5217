#include "libbroker/cluster/frame.hpp"

#include "libbroker/codec/variable_byte_integer.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>

namespace troupe {

// -- routes ---------------------------------------------------------------------------

namespace {

constexpr std::uint64_t begins_bit = 1;
constexpr std::uint64_t ends_bit = 2;

}  // namespace

void encode(const routes_record& record, std::string& out) {
  wire_writer to(out);
  to.number(record.number);
  to.number((record.begins_snapshot ? begins_bit : 0) | (record.ends_snapshot ? ends_bit : 0));
  to.number(record.changes.size());
  for (const route_change& change : record.changes) {
    to.number(static_cast<std::uint64_t>(change.interest));
    to.text(change.filter);
  }
}

std::optional<routes_record> decode_routes(std::string_view content, bool are_shared) {
  wire_reader in(content);
  routes_record record{.number = in.number()};
  const std::uint64_t flags = in.number();
  record.begins_snapshot = (flags & begins_bit) != 0;
  record.ends_snapshot = (flags & ends_bit) != 0;
  const std::uint64_t count = in.number();
  if (!in.ok() || count > in.rest().size()) return std::nullopt;
  record.changes.reserve(count);
  for (std::uint64_t i = 0; i != count; ++i) {
    const std::uint64_t interest = in.number();
    const std::string_view filter = in.text();
    const auto parsed = parse_topic_filter(filter);
    if (!in.ok() || !parsed || parsed->is_shared() != are_shared) return std::nullopt;
    // A later version may know of more.
    const std::uint64_t known = static_cast<std::uint64_t>(route_interest::lasting);
    record.changes.push_back(
        {std::string(filter), static_cast<route_interest>(std::min(interest, known))});
  }
  return record;
}

// -- publishes ------------------------------------------------------------------------

namespace {

constexpr std::uint64_t qos_bits = 0x03;
constexpr std::uint64_t retain_bit = 0x04;
constexpr std::uint64_t expires_bit = 0x08;
constexpr std::uint64_t logged_bit = 0x10;

/// The first byte of the packets that blocks are made of.
constexpr char publish_byte = 0x30;

bool is_version(std::uint64_t number) noexcept {
  return number == static_cast<std::uint64_t>(protocol_version::v3_1) ||
         number == static_cast<std::uint64_t>(protocol_version::v3_1_1) ||
         number == static_cast<std::uint64_t>(protocol_version::v5);
}

/// A variable byte integer of MQTT.
struct short_number {
  std::uint32_t value = 0;
  std::uint8_t size = 0;  ///< in bytes; 0: there is none
};
short_number read_short_number(std::string_view from) noexcept {
  short_number read;
  for (std::size_t i = 0; i != std::min<std::size_t>(from.size(), 4); ++i) {
    const auto byte = static_cast<std::uint8_t>(from[i]);
    read.value |= static_cast<std::uint32_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      read.size = static_cast<std::uint8_t>(i + 1);
      return read;
    }
  }
  return {};
}

/// Finds out from the packet at the front of `wires` where its parts lie. False: there is none.
bool measure(std::string_view wires, protocol_version version, message_entry& entry) noexcept {
  if (wires.size() < 2 || wires[0] != publish_byte) return false;
  const short_number remaining = read_short_number(wires.substr(1));
  entry.header_size = static_cast<std::uint8_t>(1 + remaining.size);
  entry.size = entry.header_size + remaining.value;
  if (remaining.size == 0 || remaining.value < 2 || entry.size > wires.size()) return false;
  const std::string_view rest = wires.substr(entry.header_size, remaining.value);
  entry.topic_size = static_cast<std::uint16_t>(static_cast<std::uint8_t>(rest[0]) << 8 |
                                                static_cast<std::uint8_t>(rest[1]));
  std::size_t used = 2UL + entry.topic_size;
  if (used > rest.size() || !check_topic_name(rest.substr(2, entry.topic_size))) return false;
  if (version == protocol_version::v5) {
    const short_number properties = read_short_number(rest.substr(used));
    entry.prefix_size = properties.size;
    entry.properties_size = properties.value;
    used += properties.size + std::size_t{properties.value};
    if (properties.size == 0 || used > rest.size()) return false;
  }
  return true;
}

void encode_stamp(const retained_stamp& stamp, wire_writer& to) {
  to.number(stamp.time);
  to.number(stamp.node);
}

/// `stamps`: one for each message with RETAIN; empty: there are none.
void encode_run(const message_run& run, bool at_most_once, time_point now, std::string_view stamps,
                std::string& out) {
  const message_block& block = *run.block;
  std::string marks;
  wire_writer mark(marks);
  for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
    const message_entry& entry = block[i];
    const auto level = at_most_once ? 0 : static_cast<std::uint64_t>(entry.qos);
    // QoS 0 does not wait for its turn: its place in the log would be taken for others'.
    const bool is_logged = entry.log_offset != 0 && entry.qos != qos::at_most_once && !at_most_once;
    mark.number(level | (entry.retain ? retain_bit : 0) | (entry.expires ? expires_bit : 0) |
                (is_logged ? logged_bit : 0));
    if (entry.expires) mark.number(entry.expiry_interval);
    if (is_logged) mark.number(entry.log_offset);
  }
  const auto age = std::max(now - block.received_at(), time_point::duration::zero());
  std::string header;
  wire_writer head(header);
  head.number(static_cast<std::uint64_t>(block.version()));
  head.number(static_cast<std::uint64_t>(age.count()));
  head.number(run.count);
  const std::string_view wires = as_text(run.wire());
  wire_writer to(out);
  // The section's length first, so that the wire forms, nearly all of it, are copied once.
  std::string lengths;
  wire_writer(lengths).number(marks.size());
  std::string wires_length;
  wire_writer(wires_length).number(wires.size());
  std::string end;
  if (!stamps.empty()) wire_writer(end).text(stamps);
  to.number(header.size() + lengths.size() + marks.size() + wires_length.size() + wires.size() +
            end.size());
  out.append(header).append(lengths).append(marks).append(wires_length).append(wires).append(end);
}

}  // namespace

void encode_run(const message_run& run, bool at_most_once, time_point now, std::string& out) {
  std::string stamps;
  if (run.block->has_stamps()) {
    wire_writer to(stamps);
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      if ((*run.block)[i].retain) encode_stamp(run.block->stamp(i), to);
  }
  encode_run(run, at_most_once, now, stamps, out);
}

void encode_retained(const message_block_ptr& message, const retained_stamp& stamp, time_point now,
                     std::string& out) {
  std::string stamps;
  wire_writer to(stamps);
  encode_stamp(stamp, to);
  encode_run({message, 0, 1}, false, now, stamps, out);
}

bool publishes_reader::open_run() {
  wire_reader run = runs_.section();
  const std::uint64_t version = run.number();
  const std::uint64_t age = run.number();
  left_ = run.number();
  marks_ = run.section();
  wires_ = run.section();
  stamps_ = wire_reader(run.at_end() ? std::string_view() : run.text());
  // Nothing is older than a century.
  constexpr std::uint64_t oldest = 100ULL * 365 * 24 * 60 * 60 * 1000;
  if (!run.ok() || !is_version(version) || age > oldest) return false;
  common_.version = static_cast<protocol_version>(version);
  common_.received_at = now_ - std::chrono::milliseconds(age);
  return true;
}

std::optional<publishes_reader::message> publishes_reader::next() {
  while (ok() && left_ == 0) {
    if (runs_.at_end()) return std::nullopt;
    ok_ = open_run();
  }
  if (!ok()) return std::nullopt;
  --left_;
  message found = common_;
  const std::uint64_t mark = marks_.number();
  found.entry.qos = static_cast<qos>(std::min<std::uint64_t>(mark & qos_bits, 2));
  found.entry.retain = (mark & retain_bit) != 0;
  found.entry.expires = (mark & expires_bit) != 0;
  if (found.entry.expires) found.entry.expiry_interval = marks_.number<std::uint32_t>();
  if ((mark & logged_bit) != 0) found.entry.log_offset = marks_.number();
  if (found.entry.retain && !stamps_.at_end()) {
    found.stamp.time = stamps_.number();
    found.stamp.node = stamps_.number();
  }
  ok_ = marks_.ok() && stamps_.ok() && measure(wires_.rest(), found.version, found.entry);
  if (!ok_) return std::nullopt;
  found.wire = as_bytes(wires_.take(found.entry.size));
  return found;
}

}  // namespace troupe
