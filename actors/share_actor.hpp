#pragma once

#include "actors/alarm.hpp"
#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/share/share_group.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Runs one `share_group`: subscribes for its members, hands each message to one of them, or to
/// another node that has some, and has the store keep where it is. Collects while its mailbox holds
/// more.
class share_actor final : public homed<share_handle> {
public:
  share_actor(caf::actor_config& config, const node_context& house, std::string share);

  const char* name() const override { return "share-group"; }

protected:
  behavior_type make_behavior() override;
  std::string_view subject() const override { return group_.share(); }
  void on_exit() override;

private:
  struct member {
    subscriber_handle who;  ///< a session, or a peer
    std::uint32_t epoch = 0;
    session_flow_ptr flow;
  };
  /// Who wants to know when what it reported is on the disk.
  struct reporter {
    session_handle session;  ///< null: a node
    peer_handle node;
    share_kept message;
    write_number write = 0;  ///< 0: the next one
  };

  void handle(const deliver& batch);
  void handle(to_share& request);
  void take(to_share& from, const share_join& request);
  void take(to_share& from, const share_leave& request);
  void expect_confirmation(const to_share& from, const share_report& report);
  void take(to_share& from, const share_room& request);
  void take(to_share& from, const share_report& request);
  void take(to_share& from, const share_return& request);
  void take(to_share& from, const share_link_up& event);
  void take(to_share& from, const share_link_down&);
  void take(to_share& from, const share_holds& answer);
  void take(to_share& from, share_lend& request);
  void take(to_share& from, const share_ask& question);
  void take(to_share& from, const share_ask_me&);
  void take(to_share& from, const share_confirmed& word);
  void handle(const share_node_died& event);
  void handle(const loans_appended& reply);
  void set_epoch(const to_share& from);
  void answer_joined(const share_effects::answer& to);
  void answer(const reporter& whom);
  void append(share_effects::loan_append&& what);
  void handle(const share_written& reply);
  [[nodiscard]] caf::result<settled> settle_all();

  /// Does what the group wants; `at_once`: and writes down where it is, if that changed.
  void carry_out(bool at_once = false);
  void hand_out();
  void hand_out(share_effects::outgoing&& batch);
  void write_down(share_effects::progress&& what);
  void set_timer();

  void ask_shard(shard_subscribe&& request);
  void ask_shard(shard_unsubscribe&& request);
  void ask_shard(const shard_set_live& request);
  [[nodiscard]] subscriber_handle self() { return caf::actor_cast<subscriber_handle>(this); }

  const node_context& house_;
  const std::uint64_t number_;  ///< of the shards' subscriber
  const session_flow_ptr flow_;
  share_group group_;
  share_effects effects_;
  std::unordered_map<std::uint64_t, member> members_;  ///< by session, or node
  /// A node that has spoken, and in which epoch it did last.
  struct other_node {
    peer_handle peer;
    std::uint32_t epoch = 0;
  };
  std::unordered_map<std::uint64_t, other_node> nodes_;
  std::deque<share_effects::loan_append> appending_;  ///< that the store has not answered
  std::vector<reporter> reporters_;
  write_number last_write_ = 0;  ///< that the store was sent
  /// Wait until everything is written down, or cannot be.
  std::vector<caf::typed_response_promise<settled>> settling_;
  std::uint64_t joins_seen_ = 0;
  bool flush_requested_ = false;
  alarm<share_timer> alarm_;
};

}  // namespace troupe
