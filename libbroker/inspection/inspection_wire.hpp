#pragma once

#include "libbroker/inspection/actor_facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What `troupectl actors` asks a node, and is answered. Bytes: docs/cluster_wire.md.
namespace troupe {

// -- questions ------------------------------------------------------------------------

/// The most comes first, and of those with as much the one that began first.
enum class actor_order : std::uint8_t {
  mailbox = 1,
  time = 2,
  messages = 3,
  id = 4  ///< in the order in which they began
};
/// Where a row stands in an order.
struct actor_place {
  std::uint64_t value = 0;
  std::uint64_t id = 0;

  friend bool operator==(const actor_place&, const actor_place&) = default;
};
[[nodiscard]] actor_place place_in(actor_order order, const actor_row& row) noexcept;

/// Rows of one page at most.
inline constexpr std::uint32_t most_rows = 500;

struct list_actors {
  std::string kind;  ///< empty: all
  actor_order order = actor_order::mailbox;
  std::uint32_t limit = most_rows;
  std::optional<actor_place> after;  ///< only what stands behind it

  friend bool operator==(const list_actors&, const list_actors&) = default;
};
/// What one actor has.
struct show_actor {
  std::uint64_t id = 0;

  friend bool operator==(const show_actor&, const show_actor&) = default;
};
/// Where another member's cluster port is.
struct locate_node {
  std::string name;

  friend bool operator==(const locate_node&, const locate_node&) = default;
};
using inspection_question = std::variant<list_actors, show_actor, locate_node>;

// -- answers --------------------------------------------------------------------------

/// Why there is no answer: a sentence for a person.
struct inspection_refusal {
  std::string what;

  friend bool operator==(const inspection_refusal&, const inspection_refusal&) = default;
};
struct actor_page {
  std::uint64_t total = 0;   ///< of the kind, on all pages
  std::uint64_t behind = 0;  ///< that stand behind this page
  std::vector<actor_row> rows;

  friend bool operator==(const actor_page&, const actor_page&) = default;
};
struct actor_detail {
  actor_row actor;
  bool has_answered = true;  ///< else it is stuck, or has just ended: there are no facts
  std::vector<fact_group> groups;

  friend bool operator==(const actor_detail&, const actor_detail&) = default;
};
struct node_location {
  std::string address;  ///< "host:port"

  friend bool operator==(const node_location&, const node_location&) = default;
};
using inspection_answer = std::variant<inspection_refusal, actor_page, actor_detail, node_location>;

[[nodiscard]] std::string encode(const inspection_question& question);
[[nodiscard]] std::string encode(const inspection_answer& answer);
/// Nothing for what cannot be understood.
[[nodiscard]] std::optional<inspection_question> decode_question(std::string_view content);
[[nodiscard]] std::optional<inspection_answer> decode_answer(std::string_view content);

}  // namespace troupe
