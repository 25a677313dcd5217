#pragma once

#include "actors/counted.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/statistics/cluster_totals.hpp"
#include "libbroker/statistics/sys_topics.hpp"

#include <vector>

namespace troupe {

/// Publishes `$SYS/broker/…` as retained messages, every `sys.interval`, and tells other nodes what
/// they sum up.
class statistics_actor final : public counted<statistics_handle> {
public:
  statistics_actor(caf::actor_config& config, const node_context& house,
                   inspector_handle inspector);

  const char* name() const override { return "statistics"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void publish(const node_description& description);
  void add_totals(const node_figures& figures, std::vector<sys_message>& messages);
  void handle(const figures_heard& news);

  const node_context& house_;
  inspector_handle inspector_;
  sys_topics topics_;
  cluster_totals totals_;
  time_point started_;
  time_point last_;
};

}  // namespace troupe
