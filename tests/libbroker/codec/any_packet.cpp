#include "tests/libbroker/codec/any_packet.hpp"

#include "libbroker/codec/properties.hpp"

#include <sstream>

namespace troupe::test {

namespace {

class description {
public:
  explicit description(const char* name) { text_ << name; }

  template <class T>
  description& add(const char* field, const T& value) {
    text_ << ' ' << field << '=';
    put(value);
    return *this;
  }

  [[nodiscard]] std::string str() const { return text_.str(); }

private:
  void put(byte_view bytes) {
    text_ << '<';
    for (const std::byte byte : bytes)
      text_ << "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4]
            << "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15];
    text_ << '>';
  }
  void put(std::string_view text) { put(as_bytes(text)); }
  void put(const byte_buffer& bytes) { put(bytes.view()); }
  void put(bool value) { text_ << value; }
  void put(std::uint16_t value) { text_ << value; }
  void put(std::uint32_t value) { text_ << value; }
  template <class T>
  requires std::is_enum_v<T>
  void put(T value) { text_ << static_cast<unsigned>(value); }
  template <class T>
  void put(const std::optional<T>& value) {
    if (value)
      put(*value);
    else
      text_ << "none";
  }

  std::ostringstream text_;
};

byte_buffer user_only(user_properties_view view) {
  byte_buffer out;
  append_user_properties(view, out);
  return out;
}

std::string text_of(const will& packet) {
  byte_buffer properties;
  append_message_properties(packet.message_properties, properties);
  return description("will")
      .add("topic", packet.topic)
      .add("payload", packet.payload)
      .add("qos", packet.qos)
      .add("retain", packet.retain)
      .add("delay_interval", packet.delay_interval)
      .add("message_properties", properties)
      .add("has_message_expiry_interval", packet.has_message_expiry_interval)
      .add("message_expiry_interval", packet.message_expiry_interval)
      .str();
}

std::string text_of(const connect& packet) {
  return description("connect")
             .add("version", packet.version)
             .add("bridge", packet.bridge)
             .add("clean_start", packet.clean_start)
             .add("keep_alive", packet.keep_alive)
             .add("client_id", packet.client_id)
             .add("user_name", packet.user_name)
             .add("password", packet.password)
             .add("session_expiry_interval", packet.session_expiry_interval)
             .add("receive_maximum", packet.receive_maximum)
             .add("maximum_packet_size", packet.maximum_packet_size)
             .add("topic_alias_maximum", packet.topic_alias_maximum)
             .add("request_response_information", packet.request_response_information)
             .add("request_problem_information", packet.request_problem_information)
             .add("authentication_method", packet.authentication_method)
             .add("authentication_data", packet.authentication_data)
             .add("user_properties", user_only(packet.user_properties))
             .str() +
         (packet.will ? ' ' + text_of(*packet.will) : " will=none");
}

std::string text_of(const connack& packet) {
  return description("connack")
      .add("session_present", packet.session_present)
      .add("code", packet.code)
      .add("session_expiry_interval", packet.session_expiry_interval)
      .add("receive_maximum", packet.receive_maximum)
      .add("maximum_qos", packet.maximum_qos)
      .add("retain_available", packet.retain_available)
      .add("maximum_packet_size", packet.maximum_packet_size)
      .add("assigned_client_identifier", packet.assigned_client_identifier)
      .add("topic_alias_maximum", packet.topic_alias_maximum)
      .add("reason_string", packet.reason_string)
      .add("user_properties", user_only(packet.user_properties))
      .add("wildcard_subscription_available", packet.wildcard_subscription_available)
      .add("subscription_identifiers_available", packet.subscription_identifiers_available)
      .add("shared_subscription_available", packet.shared_subscription_available)
      .add("server_keep_alive", packet.server_keep_alive)
      .add("response_information", packet.response_information)
      .add("server_reference", packet.server_reference)
      .add("authentication_method", packet.authentication_method)
      .add("authentication_data", packet.authentication_data)
      .str();
}

std::string text_of(const publish& packet) {
  return description("publish")
      .add("dup", packet.dup)
      .add("qos", packet.qos)
      .add("retain", packet.retain)
      .add("topic", packet.topic)
      .add("id", packet.id)
      .add("payload", packet.payload)
      .add("topic_alias", packet.topic_alias)
      .add("payload_is_utf8", packet.payload_is_utf8)
      .add("has_message_expiry_interval", packet.has_message_expiry_interval)
      .add("message_expiry_interval", packet.message_expiry_interval)
      .add("properties", packet.properties)
      .str();
}

std::string text_of(const typed_response& response) {
  return description("response")
      .add("type", response.type)
      .add("id", response.packet.id)
      .add("code", response.packet.code)
      .add("reason_string", response.packet.reason_string)
      .add("user_properties", user_only(response.packet.user_properties))
      .str();
}

std::string text_of(const subscribe& packet) {
  description text("subscribe");
  text.add("id", packet.id)
      .add("subscription_identifier", packet.subscription_identifier)
      .add("user_properties", user_only(packet.user_properties));
  for (const subscribe::entry& entry : packet.entries)
    text.add("filter", entry.filter)
        .add("qos", entry.options.qos)
        .add("no_local", entry.options.no_local)
        .add("retain_as_published", entry.options.retain_as_published)
        .add("retain_handling", entry.options.retain_handling);
  return text.str();
}

template <class Packet>
std::string acknowledgement_text(const char* name, const Packet& packet) {
  description text(name);
  text.add("id", packet.id)
      .add("reason_string", packet.reason_string)
      .add("user_properties", user_only(packet.user_properties));
  for (const reason_code code : packet.codes)
    text.add("code", code);
  return text.str();
}

std::string text_of(const suback& packet) { return acknowledgement_text("suback", packet); }
std::string text_of(const unsuback& packet) { return acknowledgement_text("unsuback", packet); }

std::string text_of(const unsubscribe& packet) {
  description text("unsubscribe");
  text.add("id", packet.id).add("user_properties", user_only(packet.user_properties));
  for (const std::string_view filter : packet.filters)
    text.add("filter", filter);
  return text.str();
}

std::string text_of(const pingreq&) { return "pingreq"; }
std::string text_of(const pingresp&) { return "pingresp"; }

std::string text_of(const disconnect& packet) {
  return description("disconnect")
      .add("code", packet.code)
      .add("session_expiry_interval", packet.session_expiry_interval)
      .add("reason_string", packet.reason_string)
      .add("server_reference", packet.server_reference)
      .add("user_properties", user_only(packet.user_properties))
      .str();
}

std::string text_of(const auth& packet) {
  return description("auth")
      .add("code", packet.code)
      .add("authentication_method", packet.authentication_method)
      .add("authentication_data", packet.authentication_data)
      .add("reason_string", packet.reason_string)
      .add("user_properties", user_only(packet.user_properties))
      .str();
}

template <class T>
result<any_packet> any(result<T> decoded) {
  if (!decoded) return decoded.error();
  return any_packet(std::move(*decoded));
}

template <class T>
result<any_packet> any(const result<void>& decoded, T&& packet) {
  if (!decoded) return decoded.error();
  return any_packet(std::forward<T>(packet));
}

struct encoder {
  protocol_version version;
  byte_buffer& out;

  void operator()(const connect& packet) const { encode(packet, out); }
  void operator()(const auth& packet) const { encode(packet, out); }
  void operator()(pingreq packet) const { encode(packet, out); }
  void operator()(pingresp packet) const { encode(packet, out); }
  void operator()(const typed_response& response) const {
    encode(response.type, response.packet, version, out);
  }
  template <class Packet>
  void operator()(const Packet& packet) const {
    encode(packet, version, out);
  }
};

}  // namespace

result<any_packet> decode_any(const frame& packet, protocol_version version, role decode_as) {
  switch (packet.type) {
  case packet_type::connect: return any(decode_connect(packet));
  case packet_type::connack: return any(decode_connack(packet, version));
  case packet_type::publish: return any(decode_publish(packet, version, decode_as));
  case packet_type::puback:
  case packet_type::pubrec:
  case packet_type::pubrel:
  case packet_type::pubcomp: {
    const auto decoded = decode_publish_response(packet, version);
    if (!decoded) return decoded.error();
    return any_packet(typed_response{packet.type, *decoded});
  }
  case packet_type::subscribe: {
    subscribe into;
    const auto decoded = decode_subscribe(packet, version, into);
    return any(decoded, std::move(into));
  }
  case packet_type::suback: return any(decode_suback(packet, version));
  case packet_type::unsubscribe: {
    unsubscribe into;
    const auto decoded = decode_unsubscribe(packet, version, into);
    return any(decoded, std::move(into));
  }
  case packet_type::unsuback: return any(decode_unsuback(packet, version));
  case packet_type::pingreq: return any(decode_pingreq(packet));
  case packet_type::pingresp: return any(decode_pingresp(packet));
  case packet_type::disconnect: return any(decode_disconnect(packet, version));
  case packet_type::auth: return any(decode_auth(packet, version));
  }
  return error{reason_code::implementation_specific_error, "", "no such packet type"};
}

byte_buffer encode_any(const any_packet& packet, protocol_version version) {
  byte_buffer out;
  std::visit(encoder{version, out}, packet);
  return out;
}

std::string describe(const any_packet& packet) {
  return std::visit([](const auto& any) { return text_of(any); }, packet);
}

std::string describe(const result<any_packet>& decoded) {
  if (decoded) return describe(*decoded);
  const error& refusal = decoded.error();
  return std::string(to_string(refusal.code)) + " [" + std::string(refusal.clause) + "] " +
         std::string(refusal.what);
}

}  // namespace troupe::test
