#pragma once

#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/router/router.hpp"

#include <vector>

namespace troupe {

/// Runs one `router`: collects what arrives while more is queued, then hands
/// out deliveries and acknowledgements in one go.
class shard_actor final : public homed<shard_handle> {
public:
  shard_actor(caf::actor_config& config, const node_context& house, shard_index number);

  const char* name() const override { return "shard"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  struct subscriber {
    session_handle handle;
    std::uint32_t epoch = 0;
    session_flow_ptr flow;
  };

  void route_block(route& request);
  void subscribe(add_subscriptions& request);
  void unsubscribe(const remove_subscriptions& request);
  void request_flush();
  void hand_out();
  void return_credit();

  const node_context& house_;
  const shard_index number_;
  router router_;
  std::vector<subscriber> subscribers_;  ///< by `subscriber_index`
  std::vector<routed> deliveries_;
  std::vector<route> routed_;                    ///< publishers get their credit back
  std::vector<session_handle> wait_for_credit_;  ///< publishers that want to know of it
  std::uint64_t deliveries_dropped_ = 0;
  bool flush_requested_ = false;
};

}  // namespace troupe
