#include "persistence/keys.hpp"

#include "persistence/big_endian.hpp"

namespace troupe::keys {

std::string record(log_offset last) {
  std::string key(1, record_table);
  append_big_endian(last, key);
  return key;
}

std::optional<log_offset> last_of_record(std::string_view key) noexcept {
  if (key.size() != 1 + sizeof(log_offset) || key[0] != record_table) return std::nullopt;
  return get_big_endian<log_offset>(key.substr(1));
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

std::string topic(std::string_view name) { return topic_table + std::string(name); }

}  // namespace troupe::keys
