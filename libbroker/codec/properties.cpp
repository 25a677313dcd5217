#include "libbroker/codec/properties.hpp"

#include "libbroker/topic.hpp"

#include <array>
#include <cassert>

namespace troupe {

namespace {

enum class property_type : std::uint8_t {
  none,  ///< no such property
  flag,  ///< a byte that is 0 or 1
  two_byte_integer,
  four_byte_integer,
  variable_byte_integer,
  string,
  string_pair,
  binary,
};

struct property_rule {
  property_type type = property_type::none;
  bool is_never_zero = false;
  std::uint16_t owners = 0;  // bit n: the property_owner of value n
};

template <class... Owners>
constexpr std::uint16_t in(Owners... owners) noexcept {
  return static_cast<std::uint16_t>(((1U << static_cast<unsigned>(owners)) | ...));
}

using rule_table = std::array<property_rule, 0x2B>;

// MQTT5 §2.2.2.2, Table 2-4.
constexpr rule_table make_rules() noexcept {
  using id = property_id;
  using type = property_type;
  using enum property_owner;
  rule_table rules{};
  const auto set = [&rules](property_id identifier, property_rule rule) {
    rules[static_cast<std::size_t>(identifier)] = rule;
  };
  set(id::payload_format_indicator, {type::flag, false, in(publish, will)});
  set(id::message_expiry_interval, {type::four_byte_integer, false, in(publish, will)});
  set(id::content_type, {type::string, false, in(publish, will)});
  set(id::response_topic, {type::string, false, in(publish, will)});
  set(id::correlation_data, {type::binary, false, in(publish, will)});
  set(id::subscription_identifier, {type::variable_byte_integer, true, in(publish, subscribe)});
  set(id::session_expiry_interval,
      {type::four_byte_integer, false, in(connect, connack, disconnect)});
  set(id::assigned_client_identifier, {type::string, false, in(connack)});
  set(id::server_keep_alive, {type::two_byte_integer, false, in(connack)});
  set(id::authentication_method, {type::string, false, in(connect, connack, auth)});
  set(id::authentication_data, {type::binary, false, in(connect, connack, auth)});
  set(id::request_problem_information, {type::flag, false, in(connect)});
  set(id::will_delay_interval, {type::four_byte_integer, false, in(will)});
  set(id::request_response_information, {type::flag, false, in(connect)});
  set(id::response_information, {type::string, false, in(connack)});
  set(id::server_reference, {type::string, false, in(connack, disconnect)});
  set(id::reason_string,
      {type::string, false,
       in(connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth)});
  set(id::receive_maximum, {type::two_byte_integer, true, in(connect, connack)});
  set(id::topic_alias_maximum, {type::two_byte_integer, false, in(connect, connack)});
  set(id::topic_alias, {type::two_byte_integer, false, in(publish)});
  set(id::maximum_qos, {type::flag, false, in(connack)});
  set(id::retain_available, {type::flag, false, in(connack)});
  set(id::user_property, {type::string_pair, false,
                          in(connect, connack, publish, will, puback, pubrec, pubrel, pubcomp,
                             subscribe, suback, unsubscribe, unsuback, disconnect, auth)});
  set(id::maximum_packet_size, {type::four_byte_integer, true, in(connect, connack)});
  set(id::wildcard_subscription_available, {type::flag, false, in(connack)});
  set(id::subscription_identifier_available, {type::flag, false, in(connack)});
  set(id::shared_subscription_available, {type::flag, false, in(connack)});
  return rules;
}

constexpr rule_table rules = make_rules();

constexpr property_rule rule_of(std::uint32_t identifier) noexcept {
  return identifier < rules.size() ? rules[identifier] : property_rule{};
}

/// Takes one property apart without judging its value.
void read_property(packet_reader& in, property& read) noexcept {
  const std::byte* const begin = in.position();
  // An identifier is a variable byte integer, but all that exist fit one byte.
  const std::uint32_t identifier = in.variable_byte_integer();
  read.id = static_cast<property_id>(identifier);
  read.number = 0;
  read.data = {};
  read.value = {};
  switch (rule_of(identifier).type) {
  case property_type::none:
    in.fail(reason_code::malformed_packet, {"MQTT5 §2.2.2.2", {}}, "unknown property");
    break;
  case property_type::flag: read.number = in.byte(); break;
  case property_type::two_byte_integer: read.number = in.two_byte_integer(); break;
  case property_type::four_byte_integer: read.number = in.four_byte_integer(); break;
  case property_type::variable_byte_integer: read.number = in.variable_byte_integer(); break;
  case property_type::string:
  case property_type::binary: read.data = in.binary(); break;
  case property_type::string_pair:
    read.data = in.binary();
    read.value = in.binary();
    break;
  }
  read.wire = {begin, in.position()};
}

template <class Predicate>
void append_if(byte_view section, byte_buffer& out, Predicate wanted) {
  packet_reader in(section, protocol_version::v5);
  while (!in.at_end()) {
    property read;
    read_property(in, read);
    assert(in.ok());
    if (wanted(read.id)) out.append(read.wire);
  }
}

}  // namespace

property_reader::property_reader(packet_reader& packet, property_owner owner) noexcept
    : packet_(packet),
      section_(packet.take(packet.variable_byte_integer())),
      rest_(section_, packet.version()),
      owner_(owner) {}

bool property_reader::next(property& into) noexcept {
  if (!packet_.ok() || rest_.at_end()) return false;
  read_property(rest_, into);
  if (rest_.ok()) check(into);
  if (!rest_.ok()) {
    packet_.fail(rest_.failure());
    return false;
  }
  if (into.id == property_id::user_property)
    user_properties_ = {user_properties_.empty() ? into.wire.data() : user_properties_.data(),
                        rest_.position()};
  return true;
}

void property_reader::check(const property& read) noexcept {
  const auto identifier = static_cast<unsigned>(read.id);
  const property_rule rule = rule_of(identifier);
  if ((rule.owners >> static_cast<unsigned>(owner_) & 1) == 0)
    return rest_.fail(reason_code::malformed_packet, {"MQTT5 §2.2.2.2", {}},
                      "a property that this packet may not carry");

  const std::uint64_t bit = std::uint64_t{1} << identifier;
  const bool may_repeat =
      read.id == property_id::user_property ||
      (read.id == property_id::subscription_identifier && owner_ == property_owner::publish);
  if ((seen_ & bit) != 0 && !may_repeat)
    return rest_.fail(reason_code::protocol_error, {"MQTT5 §2.2.2.2", {}},
                      "a property is there twice");
  seen_ |= bit;

  // [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.7-1] [MQTT5-3.3.2-13] [MQTT5-3.3.2-19]
  const bool is_pair = rule.type == property_type::string_pair;
  if (is_pair || rule.type == property_type::string) (void)rest_.checked_text(read.data);
  if (is_pair) (void)rest_.checked_text(read.value);
  if (rule.type == property_type::flag && read.number > 1)
    return rest_.fail(reason_code::protocol_error, {"MQTT5 §2.2.2.2", {}},
                      "a property that is 0 or 1 has another value");
  if (rule.is_never_zero && read.number == 0)
    return rest_.fail(reason_code::protocol_error, {"MQTT5 §2.2.2.2", {}},
                      "a property that is never 0 is 0");
  if (read.id == property_id::topic_alias && read.number == 0)  // [MQTT5-3.3.2-8]
    return rest_.fail(reason_code::topic_alias_invalid, {"MQTT5-3.3.2-8", {}}, "topic alias 0");
  // [MQTT5-3.3.2-14]
  if (read.id == property_id::response_topic && rest_.ok() && !check_topic_name(read.text()))
    return rest_.fail(reason_code::protocol_error, {"MQTT5-3.3.2-14", {}},
                      "the response topic is not a topic name");
}

void append_user_properties(user_properties_view view, byte_buffer& out) {
  append_if(view, out, [](property_id id) { return id == property_id::user_property; });
}

void append_message_properties(byte_view section, byte_buffer& out) {  // [MQTT5-3.1.3-10]
  append_if(section, out, [](property_id id) { return id != property_id::will_delay_interval; });
}

}  // namespace troupe
