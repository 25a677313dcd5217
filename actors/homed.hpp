#pragma once

#include "actors/counted.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <exception>

namespace troupe {

/// Base of typed actors that always run on one worker: whoever sends to them,
/// they are put into the ready queue of their home. `Handle` is the actor's
/// typed handle. See docs/decisions for why sessions and shards have homes.
template <class Handle>
class homed : public counted<Handle> {
public:
  /// Without a home in `config.host` the actor runs wherever it is woken.
  homed(caf::actor_config& config, actor_roster& roster)
      : counted<Handle>(config, roster), home_(config.host) {
    // Half a broker serves nobody: what escapes a handler is a bug or want of memory.
    this->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& failed) {
        spdlog::critical("event=actor_failed kind={} reason=\"{}\"", this->name(), failed.what());
      }
      std::abort();
    });
  }

  using counted<Handle>::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* sender) override {
    counted<Handle>::enqueue(std::move(message), home_ != nullptr ? home_ : sender);
  }

protected:
  [[nodiscard]] caf::execution_unit* home() const noexcept { return home_; }

private:
  caf::execution_unit* const home_;
};

/// Spawns `Actor` at `home`; null: anywhere.
template <class Actor, class... Arguments>
auto spawn_at(caf::actor_system& system, caf::execution_unit* home, Arguments&&... arguments) {
  caf::actor_config config{home};
  return system.spawn_class<Actor, caf::no_spawn_options>(config,
                                                          std::forward<Arguments>(arguments)...);
}

}  // namespace troupe
