#pragma once

#include "libbroker/log_offset.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The keys of the store: a byte for the table, then what sorts inside it. Byte by
/// byte in docs/offset_log.md.
namespace troupe {

/// Numbers topics that have messages in the log; never used twice.
using topic_id = std::uint64_t;

namespace keys {

// The first byte.
inline constexpr char meta_table = 'A';
inline constexpr char index_table = 'I';
inline constexpr char retained_table = 'M';
inline constexpr char record_table = 'R';
inline constexpr char topic_table = 'T';

inline constexpr std::string_view format = "Aformat";
inline constexpr std::string_view partitions = "Apartitions";
inline constexpr std::string_view commits = "Acommits";
inline constexpr std::string_view ceiling = "Aceiling";
inline constexpr std::string_view next_topic = "Anext-topic";
inline constexpr std::string_view trimmed = "Atrimmed";

/// Of the record whose last message is at `last`.
[[nodiscard]] std::string record(log_offset last);
/// The other way round; nothing if `key` is no such key.
[[nodiscard]] std::optional<log_offset> last_of_record(std::string_view key) noexcept;

/// Says that the record at `last` holds messages of the topic.
[[nodiscard]] std::string index(topic_id topic, log_offset last);
/// The record that an index key of `topic` names; nothing if `key` is of another kind
/// or topic.
[[nodiscard]] std::optional<log_offset> record_of_index(std::string_view key,
                                                        topic_id topic) noexcept;

/// Of the retained message of a topic.
[[nodiscard]] std::string retained(std::string_view topic);

/// Leads to the number of the topic.
[[nodiscard]] std::string topic(std::string_view name);

}  // namespace keys
}  // namespace troupe
