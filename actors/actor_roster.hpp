#pragma once

#include <caf/abstract_actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

namespace troupe {

class actor_roster;

/// What is known of an actor without asking it.
struct actor_glance {
  std::uint64_t id = 0;
  const char* kind = "";
  std::string_view subject;    ///< a client identifier, a node, …; lives as long as the actor
  std::uint64_t waiting = 0;   ///< messages in its mailbox
  std::uint64_t messages = 0;  ///< that it has handled
  std::chrono::nanoseconds busy{0};  ///< in its handlers
};

/// An actor that is in a roster: `counted`.
class listed_actor {
public:
  listed_actor(const listed_actor&) = delete;
  listed_actor& operator=(const listed_actor&) = delete;

protected:
  listed_actor() = default;
  ~listed_actor() = default;

private:
  friend class actor_roster;
  static constexpr std::uint32_t nowhere = 0xFFFFFFFF;

  /// By any thread, between `add` and `remove`.
  [[nodiscard]] virtual actor_glance glance() const = 0;
  [[nodiscard]] virtual caf::abstract_actor& itself() = 0;

  std::uint32_t place_ = nowhere;  ///< in its stripe
};

/// The actors of a node that have begun and not ended. Looking at them asks nobody anything, so
/// that one that is stuck is seen, too; and whoever comes and goes meanwhile waits for no more
/// than a small part of it. For any thread.
class actor_roster {
public:
  actor_roster() = default;
  actor_roster(const actor_roster&) = delete;
  actor_roster& operator=(const actor_roster&) = delete;

  void add(listed_actor& who, std::uint64_t id) {
    stripe& at = stripes_[id % stripes_.size()];
    const std::lock_guard guard(at.mutex);
    who.place_ = static_cast<std::uint32_t>(at.actors.size());
    at.actors.push_back(&who);
  }

  /// Does nothing with one that is not there.
  void remove(listed_actor& who, std::uint64_t id) noexcept {
    stripe& at = stripes_[id % stripes_.size()];
    const std::lock_guard guard(at.mutex);
    if (who.place_ == listed_actor::nowhere) return;
    at.actors.back()->place_ = who.place_;
    at.actors[who.place_] = at.actors.back();
    at.actors.pop_back();
    who.place_ = listed_actor::nowhere;
  }

  /// `visit` gets an `actor_glance` of each, and is not to use the roster.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const stripe& at : stripes_) {
      const std::lock_guard guard(at.mutex);
      for (const listed_actor* const who : at.actors)
        visit(who->glance());
    }
  }

  /// Calls `visit` with a glance of the actor, if it is there, and returns it; null: it is not.
  template <class Visit>
  [[nodiscard]] caf::strong_actor_ptr find(std::uint64_t id, Visit visit) const {
    const stripe& at = stripes_[id % stripes_.size()];
    const std::lock_guard guard(at.mutex);
    for (listed_actor* const who : at.actors) {
      const actor_glance seen = who->glance();
      if (seen.id != id) continue;
      visit(seen);
      // It may be about to end.
      return caf::actor_cast<caf::strong_actor_ptr>(who->itself().address());
    }
    return nullptr;
  }

private:
  struct alignas(64) stripe {
    mutable std::mutex mutex;
    std::vector<listed_actor*> actors;
  };
  std::array<stripe, 256> stripes_;
};

}  // namespace troupe
