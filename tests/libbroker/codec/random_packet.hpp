#pragma once

#include "libbroker/packet.hpp"
#include "tests/libbroker/codec/any_packet.hpp"

#include <cstdint>
#include <deque>
#include <random>
#include <string>

namespace troupe::test {

/// Makes legal packets of every type. What a packet refers to lives until the
/// next call.
class packet_generator {
public:
  explicit packet_generator(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] any_packet next(protocol_version version);

private:
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) { return engine_() % bound; }
  [[nodiscard]] bool flip() { return below(2) == 1; }
  [[nodiscard]] std::uint16_t nonzero() { return static_cast<std::uint16_t>(1 + below(65535)); }
  template <class T>
  [[nodiscard]] T any_of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<std::uint32_t>(values.size()))];
  }

  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::string_view text(std::size_t smallest = 0);
  std::string_view topic();
  byte_view data();
  packet_id id() { return nonzero(); }
  troupe::qos quality() { return static_cast<troupe::qos>(below(3)); }
  user_properties_view user_properties();
  byte_view publish_properties(publish& packet);
  byte_view will_properties(will& packet);

  connect random_connect(protocol_version version);
  connack random_connack(protocol_version version);
  publish random_publish(protocol_version version);
  typed_response random_response(packet_type type, protocol_version version);
  subscribe random_subscribe(protocol_version version);
  suback random_suback(protocol_version version);
  unsubscribe random_unsubscribe(protocol_version version);
  unsuback random_unsuback(protocol_version version);
  disconnect random_disconnect(protocol_version version);
  auth random_auth();

  std::mt19937_64 engine_;
  std::deque<std::string> texts_;
};

}  // namespace troupe::test
