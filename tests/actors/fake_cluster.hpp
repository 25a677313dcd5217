#pragma once

#include "libbroker/cluster/session_wire.hpp"
#include "tests/actors/stage.hpp"

#include <string>
#include <vector>

namespace troupe::test {

/// Other nodes, all of which can be reached and let every client in here. What is said to them is
/// kept, and what they are asked they do not answer: tests do. Outlives its stage.
class fake_cluster {
public:
  /// Between `make` of the stage and the first client.
  void join(stage& home) {
    node_context& node = home.node();
    node.registry = home.system().spawn([this, &node]() -> registry_handle::behavior_type {
      return {
          [&node](const ask_login& request) {
            caf::anon_send(
                node.directory_of(request.client_id),
                login_decided{.client_id = request.client_id, .granted = true, .stamp = 100});
          },
          [](const session_over&) {},
          [](const session_known&) {},
          [](const session_left_over&) {},
          [](const nodes_linked&) {},
          [](const node_gone&) {},
          [](const clients_heard&) {},
          [](const will_changed&) {},
          [](const node_dead&) {},
          [](const wills_heard&) {},
          [](const settle&) { return settled{}; },
          [this](const follow_node& request) {
            follows.push_back(request);
            caf::anon_send(request.who, node_followed{request.node, true});
          },
          [](const unfollow_node&) {},
          [](const follower_timer&) {},
          [](const ask_facts&) { return facts_told{}; },
          [](const registry_timer&) {},
      };
    });
    node.cluster = home.system().spawn([this]() -> cluster_handle::behavior_type {
      return {
          [](const link_packet&) {},
          [](const enter_cluster&) {},
          [](const link_changed&) {},
          [](const gossip_heard&) {},
          [](const cluster_timer&) {},
          [](const clients_heard&) {},
          [](const wills_heard&) {},
          [this](const say_to_node& what) {
            if (what.kind == record_kind::session)
              said.push_back(*decode_session_message(what.content));
          },
          [](const cluster_command&) { return cluster_status{}; },
          [this](const fence_session& request) { fences.push_back(request); },
          [](const restore_node&) { return node_restored{}; },
          [](const ask_interests&) { return interests{std::make_shared<const log_interests>()}; },
          [](const settle&) { return settled{}; },
          [](const stop_now&) {},
      };
    });
  }

  std::vector<session_message> said;
  std::vector<follow_node> follows;
  std::vector<fence_session> fences;
};

}  // namespace troupe::test
