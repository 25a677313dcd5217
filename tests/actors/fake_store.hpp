#pragma once

#include "tests/actors/stage.hpp"

namespace troupe::test {

/// A store that forgets everything; tests override what they are about. Outlives its stage.
class fake_store {
public:
  fake_store() = default;
  fake_store(const fake_store&) = delete;
  fake_store& operator=(const fake_store&) = delete;
  virtual ~fake_store() = default;

  stage::store_maker maker() {
    return [this](caf::actor_system& system, node_context& node) {
      node_ = &node;
      node.store = system.spawn([this]() -> store_handle::behavior_type {
        return {
            [this](const append& request) { handle(request); },
            [this](const keep_retained& request) { handle(request); },
            [this](const write_session& request) { handle(request); },
            [](const keep_share&) {},
            [](const append_loans&) {},
            [this](const write_node& request) { handle(request); },
            [](const write_members&) {},
            [](const trim&) {},
            [](const unneeded_found&) {},
            [](const sync_now&) {},
            [](const ask_facts&) { return facts_told{}; },
            [](const flush&) {},
            [](const settle&) { return settled{}; },
        };
      });
    };
  }

protected:
  virtual void handle(const append&) {}
  virtual void handle(const keep_retained&) {}
  virtual void handle(const write_session&) {}
  virtual void handle(const write_node&) {}
  /// REQUIRES: a stage was made.
  [[nodiscard]] node_context& node() noexcept { return *node_; }

private:
  node_context* node_ = nullptr;
};

}  // namespace troupe::test
