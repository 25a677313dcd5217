#include "tests/libbroker/codec/random_packet.hpp"

namespace troupe::test {

namespace {

void put_two(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

void put_four(std::string& out, std::uint32_t value) {
  put_two(out, value >> 16);
  put_two(out, value & 0xFFFF);
}

void put_string(std::string& out, std::string_view text) {
  put_two(out, text.size());
  out += text;
}

}  // namespace

std::string_view packet_generator::text(std::size_t smallest) {
  static constexpr std::string_view characters[] = {"a",
                                                    "Z",
                                                    "0",
                                                    "/",
                                                    "+",
                                                    "#",
                                                    "$",
                                                    " ",
                                                    "\x01",
                                                    "\x7F",
                                                    "ä",
                                                    "€",
                                                    "\xEF\xBB\xBF",
                                                    "𐍈",
                                                    "\xF4\x8F\xBF\xBF"};
  std::string made;
  const std::size_t wanted = smallest + (below(20) == 0 ? below(300) : below(12));
  while (made.size() < wanted)
    made += characters[below(std::size(characters))];
  return keep(std::move(made));
}

std::string_view packet_generator::topic() {
  std::string made(text(1));
  for (char& c : made)
    if (c == '+' || c == '#') c = '-';
  return keep(std::move(made));
}

byte_view packet_generator::data() {
  std::string made(below(20) == 0 ? below(2'000) : below(12), '\0');
  for (char& c : made)
    c = static_cast<char>(engine_());
  return as_bytes(keep(std::move(made)));
}

user_properties_view packet_generator::user_properties() {
  std::string made;
  for (std::uint32_t n = flip() ? below(4) : 0; n != 0; --n) {
    made += '\x26';
    put_string(made, text());
    put_string(made, text());
  }
  return as_bytes(keep(std::move(made)));
}

byte_view packet_generator::publish_properties(publish& packet) {
  std::string made;
  if (flip()) {
    packet.payload_is_utf8 = flip();
    made += {'\x01', static_cast<char>(packet.payload_is_utf8)};
  }
  if (flip()) {
    packet.topic_alias = nonzero();
    made += '\x23';
    put_two(made, packet.topic_alias);
  }
  made += as_text(user_properties());
  if (flip()) {
    packet.has_message_expiry_interval = true;
    packet.message_expiry_interval = static_cast<std::uint32_t>(engine_());
    made += '\x02';
    put_four(made, packet.message_expiry_interval);
  }
  if (flip()) {
    made += '\x08';
    put_string(made, topic());
    made += '\x09';
    put_string(made, as_text(data()));
  }
  made += as_text(user_properties());
  return as_bytes(keep(std::move(made)));
}

byte_view packet_generator::will_properties(will& packet) {
  std::string made(as_text(user_properties()));
  if (flip()) {
    packet.has_message_expiry_interval = true;
    packet.message_expiry_interval = static_cast<std::uint32_t>(engine_());
    made += '\x02';
    put_four(made, packet.message_expiry_interval);
  }
  if (flip()) {
    made += '\x03';
    put_string(made, text());
  }
  return as_bytes(keep(std::move(made)));
}

connect packet_generator::random_connect(protocol_version version) {
  const bool is_5 = version == protocol_version::v5;
  connect packet;
  packet.version = version;
  packet.bridge = !is_5 && flip();
  packet.clean_start = flip();
  packet.keep_alive = static_cast<std::uint16_t>(engine_());
  packet.client_id = text(packet.clean_start || is_5 ? 0 : 1);
  if (flip()) {
    will& message = packet.will.emplace();
    message.topic = topic();
    message.payload = data();
    message.qos = quality();
    message.retain = flip();
    if (is_5) {
      message.delay_interval = flip() ? static_cast<std::uint32_t>(engine_()) : 0;
      message.message_properties = will_properties(message);
    }
  }
  if (flip()) packet.user_name = text();
  if ((is_5 || packet.user_name) && flip()) packet.password = data();
  if (!is_5) return packet;
  if (flip()) packet.session_expiry_interval = static_cast<std::uint32_t>(engine_());
  if (flip()) packet.receive_maximum = nonzero();
  if (flip()) packet.maximum_packet_size = nonzero();
  if (flip()) packet.topic_alias_maximum = nonzero();
  packet.request_response_information = flip();
  packet.request_problem_information = flip();
  if (flip()) {
    packet.authentication_method = text();
    packet.authentication_data = data();
  }
  packet.user_properties = user_properties();
  return packet;
}

connack packet_generator::random_connack(protocol_version version) {
  using enum reason_code;
  connack packet;
  packet.code = any_of({success, unsupported_protocol_version, client_identifier_not_valid,
                        server_unavailable, bad_user_name_or_password, not_authorized});
  packet.session_present = packet.code == success && version != protocol_version::v3_1 && flip();
  if (version != protocol_version::v5) return packet;
  if (flip()) packet.session_expiry_interval = static_cast<std::uint32_t>(engine_());
  if (flip()) packet.receive_maximum = nonzero();
  if (flip()) packet.maximum_qos = any_of({qos::at_most_once, qos::at_least_once});
  if (flip()) packet.retain_available = flip();
  if (flip()) packet.maximum_packet_size = nonzero();
  if (flip()) packet.assigned_client_identifier = text();
  if (flip()) packet.topic_alias_maximum = nonzero();
  if (flip()) packet.reason_string = text();
  packet.user_properties = user_properties();
  if (flip()) packet.wildcard_subscription_available = flip();
  if (flip()) packet.subscription_identifiers_available = flip();
  if (flip()) packet.shared_subscription_available = flip();
  if (flip()) packet.server_keep_alive = static_cast<std::uint16_t>(engine_());
  if (flip()) packet.response_information = text();
  if (flip()) packet.server_reference = text();
  if (flip()) packet.authentication_method = text();
  if (flip()) packet.authentication_data = data();
  return packet;
}

publish packet_generator::random_publish(protocol_version version) {
  publish packet;
  packet.qos = quality();
  packet.dup = packet.qos != qos::at_most_once && flip();
  packet.retain = flip();
  packet.topic = topic();
  packet.id = packet.qos != qos::at_most_once ? id() : packet_id{0};
  packet.payload = data();
  if (version == protocol_version::v5 && flip()) packet.properties = publish_properties(packet);
  if (packet.topic_alias != 0 && flip()) packet.topic = {};
  return packet;
}

typed_response packet_generator::random_response(packet_type type, protocol_version version) {
  using enum reason_code;
  typed_response response{type, {}};
  response.packet.id = id();
  if (version != protocol_version::v5) return response;
  const bool answers_publish = type == packet_type::puback || type == packet_type::pubrec;
  response.packet.code = answers_publish
                             ? any_of({success, no_matching_subscribers, payload_format_invalid})
                             : any_of({success, packet_identifier_not_found});
  if (flip()) response.packet.reason_string = text();
  response.packet.user_properties = user_properties();
  return response;
}

subscribe packet_generator::random_subscribe(protocol_version version) {
  subscribe packet;
  packet.id = id();
  const bool is_5 = version == protocol_version::v5;
  if (is_5) {
    if (flip()) packet.subscription_identifier = 1 + below(268'435'455);
    packet.user_properties = user_properties();
  }
  for (std::uint32_t n = 1 + below(4); n != 0; --n) {
    subscription_options options{.qos = quality()};
    if (is_5) {
      options.no_local = flip();
      options.retain_as_published = flip();
      options.retain_handling = static_cast<retain_handling>(below(3));
    }
    packet.entries.push_back({text(1), options});
  }
  return packet;
}

suback packet_generator::random_suback(protocol_version version) {
  using enum reason_code;
  suback packet;
  packet.id = id();
  const bool is_5 = version == protocol_version::v5;
  for (std::uint32_t n = 1 + below(4); n != 0; --n)
    packet.codes.push_back(is_5 ? any_of({granted_qos_2, not_authorized, quota_exceeded})
                                : any_of({granted_qos_0, granted_qos_1, unspecified_error}));
  if (!is_5) return packet;
  if (flip()) packet.reason_string = text();
  packet.user_properties = user_properties();
  return packet;
}

unsubscribe packet_generator::random_unsubscribe(protocol_version version) {
  unsubscribe packet;
  packet.id = id();
  if (version == protocol_version::v5) packet.user_properties = user_properties();
  for (std::uint32_t n = 1 + below(4); n != 0; --n)
    packet.filters.push_back(text(1));
  return packet;
}

unsuback packet_generator::random_unsuback(protocol_version version) {
  using enum reason_code;
  unsuback packet;
  packet.id = id();
  if (version != protocol_version::v5) return packet;
  for (std::uint32_t n = 1 + below(4); n != 0; --n)
    packet.codes.push_back(any_of({success, no_subscription_existed, not_authorized}));
  if (flip()) packet.reason_string = text();
  packet.user_properties = user_properties();
  return packet;
}

disconnect packet_generator::random_disconnect(protocol_version version) {
  using enum reason_code;
  disconnect packet;
  if (version != protocol_version::v5) return packet;
  packet.code = any_of({normal_disconnection, disconnect_with_will_message, session_taken_over,
                        wildcard_subscriptions_not_supported});
  if (flip()) packet.session_expiry_interval = static_cast<std::uint32_t>(engine_());
  if (flip()) packet.reason_string = text();
  if (flip()) packet.server_reference = text();
  packet.user_properties = user_properties();
  return packet;
}

auth packet_generator::random_auth() {
  using enum reason_code;
  auth packet;
  packet.code = any_of({success, continue_authentication, reauthenticate});
  packet.authentication_method = text();
  packet.authentication_data = data();
  if (flip()) packet.reason_string = text();
  packet.user_properties = user_properties();
  return packet;
}

any_packet packet_generator::next(protocol_version version) {
  texts_.clear();
  const bool is_5 = version == protocol_version::v5;
  const auto type = static_cast<packet_type>(1 + below(is_5 ? 15 : 14));
  switch (type) {
  case packet_type::connect: return random_connect(version);
  case packet_type::connack: return random_connack(version);
  case packet_type::publish: return random_publish(version);
  case packet_type::puback:
  case packet_type::pubrec:
  case packet_type::pubrel:
  case packet_type::pubcomp: return random_response(type, version);
  case packet_type::subscribe: return random_subscribe(version);
  case packet_type::suback: return random_suback(version);
  case packet_type::unsubscribe: return random_unsubscribe(version);
  case packet_type::unsuback: return random_unsuback(version);
  case packet_type::pingreq: return pingreq{};
  case packet_type::pingresp: return pingresp{};
  case packet_type::disconnect: return random_disconnect(version);
  case packet_type::auth: break;
  }
  return random_auth();
}

}  // namespace troupe::test
