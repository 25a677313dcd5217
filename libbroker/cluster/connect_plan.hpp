#pragma once

#include "libbroker/time_point.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct connect_settings {
  std::chrono::milliseconds first_retry{200};  ///< doubles with each failure, ±25 %
  std::chrono::milliseconds longest_retry{10'000};
  /// Of two nodes the one with the greater name waits that much longer.
  std::chrono::milliseconds second_mover_delay{1'000};
};

/// Where a node is to connect to.
struct connect_request {
  std::string address;
  std::string expected;  ///< the name of who should be there; empty: anybody
  friend bool operator==(const connect_request&, const connect_request&) = default;
};

/// When a node connects to which address: at once to a new one, with back-off to one where that
/// failed or where links do not last, and never twice at a time.
class connect_plan {
public:
  connect_plan(const connect_settings& settings, std::uint64_t jitter) noexcept
      : settings_(settings), random_(jitter) {}

  struct target {
    std::string_view expected;
    bool wanted = false;     ///< else only its back-off is kept
    bool is_second = false;  ///< the other node is to try first
  };
  using targets = std::map<std::string_view, target>;  ///< by address
  /// From now on it is these, and no others.
  void set(const targets& all, time_point now);
  /// Appends those that are due, which are under way until they ended.
  void start(time_point now, std::vector<connect_request>& out);
  /// Somebody is there, or linked in another way. An address that is wanted all the same is not
  /// tried again soon.
  void ended(std::string_view address, time_point now) noexcept;
  /// Does nothing if none is under way.
  void failed(std::string_view address, time_point now) noexcept;
  /// A link with who is there went down. A short one counts as a failure.
  void link_lost(std::string_view address, bool was_short) noexcept;
  void forget(std::string_view address);
  /// Somebody asked for it: what failed before does not count, and all that is wanted is due.
  void try_now(time_point now) noexcept;
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

private:
  struct attempt {
    std::string expected;
    bool wanted = false;
    bool is_second = false;
    bool under_way = false;
    std::uint32_t failures = 0;
    time_point next{};  ///< counts if `wanted` and not `under_way`
  };
  [[nodiscard]] attempt* find(std::string_view address) noexcept;
  [[nodiscard]] std::chrono::milliseconds delay(const attempt& of) noexcept;

  connect_settings settings_;
  std::uint64_t random_;
  std::map<std::string, attempt, std::less<>> attempts_;  ///< by address
};

}  // namespace troupe
