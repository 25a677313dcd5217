#pragma once

#include "actors/actor_roster.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace troupe {

/// Base of typed actors that stand in the node's roster, with what they have to do and have done.
/// `Handle` is the actor's typed handle.
template <class Handle>
class counted : public Handle::base, private listed_actor {
public:
  /// `roster` outlives the actor.
  counted(caf::actor_config& config, actor_roster& roster)
      : Handle::base(config), roster_(roster) {}

  using Handle::base::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* sender) override {
    arrived_.fetch_add(1, std::memory_order_relaxed);
    Handle::base::enqueue(std::move(message), sender);
  }

  caf::resumable::resume_result resume(caf::execution_unit* host, std::size_t messages) override {
    const std::uint32_t turn = turns_++;
    const bool is_new = turn < first_turns;
    if (!is_new && turn % timed_turn != 0) return Handle::base::resume(host, messages);
    const auto begun = clock::now();
    const auto outcome = Handle::base::resume(host, messages);
    const auto took = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - begun).count());
    // Another worker may have the actor's next turn already.
    busy_.fetch_add(is_new ? took : took * timed_turn, std::memory_order_relaxed);
    return outcome;
  }

  using Handle::base::consume;
  caf::invoke_message_result consume(caf::mailbox_element& message) override {
    // In the actor's turn only: no read-modify-write needed.
    handled_.store(handled_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return Handle::base::consume(message);
  }

  void initialize() override {
    Handle::base::initialize();
    roster_.add(*this, this->id());
  }

  bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
    roster_.remove(*this, this->id());
    return Handle::base::cleanup(std::move(reason), host);
  }

protected:
  /// Whose actor it is, if there are several of its kind: never changes. By any thread.
  [[nodiscard]] virtual std::string_view subject() const { return {}; }

private:
  using clock = std::chrono::steady_clock;
  /// Reading the clock twice takes longer than a small turn may be made: of an actor that has had
  /// many turns one in so many is timed, and stands for all of them. An odd number, as turns
  /// often alternate.
  static constexpr std::uint32_t timed_turn = 7;
  static constexpr std::uint32_t first_turns = 14;

  [[nodiscard]] actor_glance glance() const final {
    const std::uint64_t handled = handled_.load(std::memory_order_relaxed);
    const std::uint64_t arrived = arrived_.load(std::memory_order_relaxed);
    return {.id = this->id(),
            .kind = this->name(),
            .subject = subject(),
            .waiting = arrived > handled ? arrived - handled : 0,
            .messages = handled,
            .busy = std::chrono::nanoseconds(busy_.load(std::memory_order_relaxed))};
  }
  [[nodiscard]] caf::abstract_actor& itself() final { return *this; }

  std::uint32_t turns_ = 0;  // first: there is room behind the base's last member
  actor_roster& roster_;
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> busy_{0};  ///< nanoseconds
};

}  // namespace troupe
