#include "tests/libbroker/codec/packet_line.hpp"

#include <array>
#include <iomanip>
#include <sstream>

namespace troupe::test {

namespace {

/// The subscription identifiers and the offset of a replay among the properties of a PUBLISH
/// that hold nothing else but identifiers, user properties, an expiry interval and an alias.
std::string shown_of(byte_view properties) {
  std::string list;
  std::string offset;
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(properties[i]); };
  for (std::size_t i = 0; i < properties.size();) {
    switch (at(i)) {
    case 0x02: i += 5; break;
    case 0x23: i += 3; break;
    case 0x0B: {
      unsigned value = 0;
      unsigned shift = 0;
      do {
        value |= (at(++i) & 127U) << shift;
        shift += 7;
      } while (at(i) >= 128);
      ++i;
      list += (list.empty() ? "" : ",") + std::to_string(value);
      break;
    }
    case 0x26: {
      const auto text = [&] {
        const std::size_t size = at(i + 1) << 8 | at(i + 2);
        i += 2 + size;
        return as_text(properties.subspan(i - size + 1, size));
      };
      const std::string_view name = text();
      const std::string_view value = text();
      ++i;
      if (name == "offset") offset = value;
      break;
    }
    default: return " ?";
    }
  }
  return (list.empty() ? "" : " ids=" + list) + (offset.empty() ? "" : " offset=" + offset);
}

}  // namespace

std::string packet_line(const any_packet& packet) {
  std::ostringstream line;
  const auto code = [&](reason_code value) {
    line << ' ' << std::hex << std::setw(2) << std::setfill('0') << static_cast<unsigned>(value)
         << std::dec;
  };
  const auto reason = [&](std::string_view why) {
    if (!why.empty()) line << " +reason";
  };
  if (const auto* p = std::get_if<connack>(&packet)) {
    line << "CONNACK";
    if (p->code != reason_code::success) code(p->code);
    if (p->session_present) line << " present";
  } else if (const auto* p = std::get_if<publish>(&packet)) {
    line << "PUBLISH " << (p->topic.empty() ? "-" : p->topic) << ' ' << as_text(p->payload);
    if (p->qos != qos::at_most_once) line << " q" << static_cast<int>(p->qos) << " id=" << p->id;
    if (p->dup) line << " dup";
    if (p->retain) line << " retain";
    if (p->topic_alias != 0) line << " alias";
    if (p->has_message_expiry_interval) line << " expiry=" << p->message_expiry_interval;
    line << shown_of(p->properties);
  } else if (const auto* p = std::get_if<typed_response>(&packet)) {
    static constexpr std::array names{"PUBACK", "PUBREC", "PUBREL", "PUBCOMP"};
    line << names[static_cast<std::size_t>(p->type) - 4] << ' ' << p->packet.id;
    if (p->packet.code != reason_code::success) code(p->packet.code);
    reason(p->packet.reason_string);
  } else if (const auto* p = std::get_if<suback>(&packet)) {
    line << "SUBACK " << p->id;
    for (const reason_code each : p->codes)
      code(each);
    reason(p->reason_string);
  } else if (const auto* p = std::get_if<unsuback>(&packet)) {
    line << "UNSUBACK " << p->id;
    for (const reason_code each : p->codes)
      code(each);
  } else if (std::holds_alternative<pingresp>(packet)) {
    line << "PINGRESP";
  } else if (const auto* p = std::get_if<disconnect>(&packet)) {
    line << "DISCONNECT";
    code(p->code);
    reason(p->reason_string);
  } else {
    line << "packet that only a client sends";
  }
  line << '\n';
  return line.str();
}

}  // namespace troupe::test
