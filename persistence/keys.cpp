#include "persistence/keys.hpp"

#include "libbroker/topic.hpp"

#include "persistence/big_endian.hpp"

namespace troupe::keys {

std::string stream(stream_number number) {
  std::string key(1, stream_table);
  append_big_endian(number, key);
  return key;
}

std::optional<stream_number> stream_of(std::string_view key) noexcept {
  if (key.size() != 1 + sizeof(stream_number) || key[0] != stream_table) return std::nullopt;
  return get_big_endian<stream_number>(key.substr(1));
}

std::string record(stream_number stream, log_offset last) {
  std::string key(1, record_table);
  append_big_endian(stream, key);
  append_big_endian(last, key);
  return key;
}

std::optional<record_place> parse_record(std::string_view key) noexcept {
  if (key.size() != 1 + sizeof(stream_number) + sizeof(log_offset) || key[0] != record_table)
    return std::nullopt;
  return record_place{.stream = get_big_endian<stream_number>(key.substr(1)),
                      .last = get_big_endian<log_offset>(key.substr(1 + sizeof(stream_number)))};
}

std::optional<log_offset> last_of_record(std::string_view key, stream_number stream) noexcept {
  const auto place = parse_record(key);
  return place && place->stream == stream ? std::optional(place->last) : std::nullopt;
}

std::string index(topic_id topic, log_offset last) {
  std::string key(1, index_table);
  append_big_endian(topic, key);
  append_big_endian(last, key);
  return key;
}

std::optional<log_offset> record_of_index(std::string_view key, topic_id topic) noexcept {
  if (key.size() != 1 + sizeof(topic_id) + sizeof(log_offset) || key[0] != index_table ||
      get_big_endian<topic_id>(key.substr(1)) != topic)
    return std::nullopt;
  return get_big_endian<log_offset>(key.substr(1 + sizeof(topic_id)));
}

std::string retained(std::string_view topic) { return retained_table + std::string(topic); }

std::string session(std::string_view client_id) {
  // A client identifier has no U+0000 [MQTT5-1.5.4-2].
  return session_table + std::string(client_id) + '\0';
}

std::string login(std::string_view client_id) { return session(client_id) + login_part; }

std::string subscription(std::string_view client_id, std::string_view filter) {
  return session(client_id) + subscription_part + std::string(filter);
}

std::string progress(std::string_view client_id) { return session(client_id) + progress_part; }

std::string moves(std::string_view client_id) { return session(client_id) + moves_part; }

std::string inbound_packet(std::string_view client_id, std::uint16_t id) {
  std::string key = session(client_id) + inbound_part;
  append_big_endian(id, key);
  return key;
}

session_part parse_session(std::string_view key) noexcept {
  const std::size_t end = key.find('\0');
  if (key.empty() || key[0] != session_table || end == std::string_view::npos ||
      end + 1 == key.size())
    return {};
  return {.client_id = key.substr(1, end - 1), .part = key[end + 1], .rest = key.substr(end + 2)};
}

std::string share(std::string_view share) { return share_table + std::string(share); }

std::string loan(std::string_view share, std::uint64_t lender, log_offset offset) {
  std::string key = (loan_table + std::string(share)).append(1, '\0');
  append_big_endian(lender, key);
  append_big_endian(offset, key);
  return key;
}

std::optional<loan_place> parse_loan(std::string_view key) noexcept {
  constexpr std::size_t numbers = sizeof(std::uint64_t) + sizeof(log_offset);
  const std::size_t end = key.find('\0');
  if (key.empty() || key[0] != loan_table || end == std::string_view::npos ||
      key.size() != end + 1 + numbers)
    return std::nullopt;
  return loan_place{.share = key.substr(1, end - 1),
                    .lender = get_big_endian<std::uint64_t>(key.substr(end + 1)),
                    .offset =
                        get_big_endian<log_offset>(key.substr(end + 1 + sizeof(std::uint64_t)))};
}

std::string node_of(std::string_view name) {
  return (node_table + std::string(name)).append(1, '\0');
}

std::string node_progress(std::string_view name) { return node_of(name) + node_progress_part; }

std::string node_route(std::string_view name, std::string_view filter) {
  return (node_of(name) + node_route_part).append(filter);
}

node_part parse_node(std::string_view key) noexcept {
  const std::size_t end = key.find('\0');
  if (key.empty() || key[0] != node_table || end == std::string_view::npos || end + 1 == key.size())
    return {};
  return {.name = key.substr(1, end - 1), .part = key[end + 1], .rest = key.substr(end + 2)};
}

std::string origin_mark(std::uint64_t home, std::uint32_t partition) {
  std::string key(1, origin_table);
  append_big_endian(home, key);
  return key += static_cast<char>(partition);
}

std::optional<origin_place> parse_origin_mark(std::string_view key) noexcept {
  if (key.size() != 1 + sizeof(std::uint64_t) + 1 || key[0] != origin_table) return std::nullopt;
  const auto partition = static_cast<std::uint8_t>(key.back());
  if (partition >= partition_count) return std::nullopt;
  return origin_place{get_big_endian<std::uint64_t>(key.substr(1)), partition};
}

std::string topic(std::string_view name) { return topic_table + std::string(name); }

}  // namespace troupe::keys
