#pragma once

#include "actors/alarm.hpp"
#include "actors/counted.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/client_registry.hpp"
#include "libbroker/cluster/will_guard.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace troupe {

/// Runs this node's `client_registry` and `will_guard`, and tells sessions of the nodes they care
/// for.
class registry_actor final : public counted<registry_handle> {
public:
  registry_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "registry"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void change_view(const std::vector<std::string>& names);
  void tell_followers(const std::string& node);
  void follow(const follow_node& request);
  void unfollow(const unfollow_node& request);
  void hear(const clients_heard& message);
  void carry_out();
  void handle(const will_changed& news);
  void handle(const follower_timer& due);
  void hear(const wills_heard& message);
  void carry_out_wills();
  void publish(const will_effects::due_will& due);
  void set_timer();
  [[nodiscard]] wall_time wall() const;

  const node_context& house_;
  client_registry registry_;
  registry_effects effects_;
  will_guard wills_;
  will_effects will_effects_;
  const std::uint64_t number_;  ///< as the publisher of wills
  std::set<std::string, std::less<>> linked_;
  std::map<std::string, std::unordered_set<session_handle>, std::less<>> followers_;  ///< by node
  alarm<registry_timer> alarm_;
};

}  // namespace troupe
