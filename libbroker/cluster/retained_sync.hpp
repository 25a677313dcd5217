#pragma once

#include "libbroker/cluster/retained_wire.hpp"
#include "libbroker/router/retained_exchange.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe {

struct retained_sync_settings {
  std::uint32_t shards = 1;  ///< of this node: each answers `ask_digests`
  bool begins = false;       ///< this side begins at link-up and from time to time
  std::chrono::milliseconds every{60'000};
  std::chrono::milliseconds soon{1'000};  ///< after `missed`
};

/// What a `retained_sync` wants done; the caller owns and reuses it.
struct retained_sync_effects {
  /// For the shard that has the bucket, or all of them: `ask_digests`.
  struct question {
    std::uint64_t ticket = 0;
    retained_question what;
  };
  std::vector<question> questions;
  /// A round that this side began has come to its end.
  struct result {
    std::size_t wanted = 0;  ///< topics that were newer there
    std::size_t given = 0;   ///< that were newer here, or looked so
  };
  std::optional<result> finished;

  void clear() noexcept {
    questions.clear();
    finished.reset();
  }
};

/// Brings the retained messages of two nodes that have a link to the same state, as a state machine
/// without I/O: a round compares digests of buckets, then, for those that differ, which versions
/// of topics both have, a page at a time, and sends what is newer, both ways. What changes
/// meanwhile is forwarded as ever; the stamps decide. A round that a broken link ends is begun
/// anew.
///
/// One side *inquires*: it says its digests. The other one *lists* pages, some of which are under
/// way at a time, and each is answered by what the first one wants of it, and preceded by what it
/// has that is newer. Both may have rounds of their own at the same time.
class retained_sync {
public:
  explicit retained_sync(retained_sync_settings settings) : settings_(settings) {}

  // -- the link

  void link_up(time_point now, retained_sync_effects& effects);
  void link_down();
  /// Some change could not be forwarded to the node, or may not have been.
  void missed(time_point now);
  void tick(time_point now, retained_sync_effects& effects);
  /// What the other side says.
  void take(retained_word&& said, time_point now, retained_sync_effects& effects);

  // -- this node's shards

  void answered(std::uint64_t ticket, retained_answer&& answer, retained_sync_effects& effects);

  // -- for the other side, in this order, when the link has room

  using outgoing = std::variant<retained_word, retained_value>;
  [[nodiscard]] std::optional<outgoing> pop();

private:
  enum class phase : std::uint8_t {
    down,
    idle,
    collecting,  ///< this side's digests for a round of its own
    inquiring
  };
  /// A round that the other side began.
  struct listing {
    std::uint64_t round = 0;
    time_point since{};
    std::array<std::uint64_t, retained_buckets> theirs{};
    std::uint64_t digests_ticket = 0;
    std::deque<std::uint32_t> differing;  ///< buckets; the first one is being listed
    std::string after;                    ///< in that
    std::uint64_t list_ticket = 0;        ///< 0: no page is being made
    std::size_t unanswered = 0;           ///< pages
    std::size_t fetching = 0;             ///< answers of shards that are to come
  };
  /// Digests of all shards.
  struct collected {
    std::uint32_t missing = 0;  ///< answers of shards
    std::array<std::uint64_t, retained_buckets> digests{};
    /// Returns whether they are complete.
    bool add(const retained_digests& part) noexcept;
  };

  std::uint64_t ask(retained_question&& what, retained_sync_effects& effects);
  void begin(retained_sync_effects& effects);
  void list_on(retained_sync_effects& effects);

  void heard(round_begun&& said, time_point now, retained_sync_effects& effects);
  void heard(page_sent&& said, time_point now, retained_sync_effects& effects);
  void heard(topics_wanted&& said, time_point now, retained_sync_effects& effects);
  void heard(round_ended&& said, time_point now, retained_sync_effects& effects);

  void answered(std::uint64_t ticket, const retained_digests& part, retained_sync_effects& effects);
  void answered(std::uint64_t ticket, retained_page&& page, retained_sync_effects& effects);
  void answered(std::uint64_t ticket, page_difference&& found, retained_sync_effects& effects);
  void answered(std::uint64_t ticket, retained_values&& found, retained_sync_effects& effects);

  const retained_sync_settings settings_;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t first_ticket_ = 1;  ///< of this link
  std::deque<outgoing> outgoing_;

  // Inquiring.
  phase phase_ = phase::down;
  std::uint64_t round_ = 0;
  std::uint64_t digests_ticket_ = 0;
  collected own_;
  retained_sync_effects::result result_;
  std::optional<time_point> next_at_;  ///< of the next round; counts when idle
  bool missed_some_ = false;           ///< since the round began

  // Listing.
  std::optional<listing> listing_;
  collected listed_;
};

}  // namespace troupe
