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

/// Numbers the parts of the log; see log_streams.hpp.
using stream_number = std::uint16_t;

/// The part for what other nodes have lent to share groups: found by offset only.
inline constexpr stream_number loan_part = 0xFFFF;

namespace keys {

// The first byte.
inline constexpr char meta_table = 'A';
inline constexpr char share_table = 'G';
inline constexpr char loan_table = 'H';
inline constexpr char index_table = 'I';
inline constexpr char stream_table = 'L';
inline constexpr char retained_table = 'M';
inline constexpr char node_table = 'N';
inline constexpr char origin_table = 'O';
inline constexpr char record_table = 'R';
inline constexpr char session_table = 'S';
inline constexpr char topic_table = 'T';

inline constexpr std::string_view format = "Aformat";
inline constexpr std::string_view partitions = "Apartitions";
inline constexpr std::string_view commits = "Acommits";
inline constexpr std::string_view node = "Anode";
inline constexpr std::string_view members = "Amembers";
inline constexpr std::string_view ceiling = "Aceiling";
inline constexpr std::string_view next_topic = "Anext-topic";
inline constexpr std::string_view declared_streams = "Astreams";

/// Of the figures of one part of the log.
[[nodiscard]] std::string stream(stream_number number);
/// The other way round; nothing if `key` is no such key.
[[nodiscard]] std::optional<stream_number> stream_of(std::string_view key) noexcept;

/// Of the record in part `stream` whose last message is at `last`.
[[nodiscard]] std::string record(stream_number stream, log_offset last);
struct record_place {
  stream_number stream = 0;
  log_offset last = 0;
};
/// The other way round; nothing if `key` is no such key.
[[nodiscard]] std::optional<record_place> parse_record(std::string_view key) noexcept;
/// The same if the record is in part `stream`.
[[nodiscard]] std::optional<log_offset> last_of_record(std::string_view key,
                                                       stream_number stream) noexcept;

/// Says that the record at `last` holds messages of the topic.
[[nodiscard]] std::string index(topic_id topic, log_offset last);
/// The record that an index key of `topic` names; nothing if `key` is of another kind
/// or topic.
[[nodiscard]] std::optional<log_offset> record_of_index(std::string_view key,
                                                        topic_id topic) noexcept;

/// Of the retained message of a topic.
[[nodiscard]] std::string retained(std::string_view topic);

/// Of everything of one client's session; also the prefix of what follows.
[[nodiscard]] std::string session(std::string_view client_id);
[[nodiscard]] std::string login(std::string_view client_id);
[[nodiscard]] std::string subscription(std::string_view client_id, std::string_view filter);
[[nodiscard]] std::string progress(std::string_view client_id);
[[nodiscard]] std::string moves(std::string_view client_id);
[[nodiscard]] std::string inbound_packet(std::string_view client_id, std::uint16_t id);
/// A key of a session taken apart; `part` is empty if `key` is no such key.
struct session_part {
  std::string_view client_id;
  char part = 0;          ///< one of those below
  std::string_view rest;  ///< filter or packet identifier
};
inline constexpr char login_part = 'L';
inline constexpr char subscription_part = 'F';
inline constexpr char progress_part = 'P';
inline constexpr char inbound_part = 'Q';
inline constexpr char moves_part = 'M';
[[nodiscard]] session_part parse_session(std::string_view key) noexcept;

/// Of the group of a `$share/…`.
[[nodiscard]] std::string share(std::string_view share);
/// Of a message that the node with the home `lender` has lent to the group, by its place there.
[[nodiscard]] std::string loan(std::string_view share, std::uint64_t lender, log_offset offset);
struct loan_place {
  std::string_view share;
  std::uint64_t lender = 0;
  log_offset offset = 0;
};
/// The other way round; nothing if `key` is no such key.
[[nodiscard]] std::optional<loan_place> parse_loan(std::string_view key) noexcept;

/// Of everything of another node; also the prefix of what follows.
[[nodiscard]] std::string node_of(std::string_view name);
[[nodiscard]] std::string node_progress(std::string_view name);
[[nodiscard]] std::string node_route(std::string_view name, std::string_view filter);
/// A key of a node taken apart; `part` is 0 if `key` is no such key.
struct node_part {
  std::string_view name;
  char part = 0;          ///< one of those below
  std::string_view rest;  ///< filter
};
inline constexpr char node_progress_part = 'P';
inline constexpr char node_route_part = 'F';
[[nodiscard]] node_part parse_node(std::string_view key) noexcept;

/// Of the last message of a partition that the node with that home forwarded.
[[nodiscard]] std::string origin_mark(std::uint64_t home, std::uint32_t partition);
struct origin_place {
  std::uint64_t home = 0;
  std::uint32_t partition = 0;
};
/// The other way round; nothing if `key` is no such key.
[[nodiscard]] std::optional<origin_place> parse_origin_mark(std::string_view key) noexcept;

/// Leads to the number of the topic.
[[nodiscard]] std::string topic(std::string_view name);

}  // namespace keys
}  // namespace troupe
