#pragma once

#include "actors/append_queue.hpp"
#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "actors/shard_routes.hpp"
#include "libbroker/router/router.hpp"

#include <cstdint>
#include <deque>
#include <unordered_map>
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
  std::string_view subject() const override { return label_; }
  void on_exit() override;

private:
  /// A session or a share group.
  struct subscriber {
    subscriber_handle handle;
    std::uint32_t epoch = 0;
    session_flow_ptr flow;
    bool lasting = false;  ///< reads from the log what it was not sent
    bool live = true;      ///< is sent what is in the log, too
  };
  /// Who gets messages of one kind.
  struct audience {
    explicit audience(const retained_store::limits& retained) : by_filter(retained) {}

    router by_filter;
    std::vector<subscriber> subscribers;  ///< by `subscriber_index`
  };

  void route_block(route& request);
  /// Takes it in, if it has to wait for the log.
  [[nodiscard]] bool waits_for_log(route& request);
  void route_now(route&& request);
  /// Finds out for whom the messages are. `block` is that of `request`, or part of it.
  void match(const route& request, const message_block_ptr& block);
  [[nodiscard]] bool is_for_nodes(const route& request, const message_block& block) const noexcept;
  void route_rest(append_queue::waiting&& failed);
  [[nodiscard]] bool is_refused(const route& request) const;
  void on_appended(const appended& reply);
  void stamp(const route& request) const;
  /// Moves the clock on; returns the greatest stamp that is taken.
  [[nodiscard]] hybrid_stamp take_stamps(const message_block& block, wall_time now);
  void report_refused_stamps(const route& request);
  void append_to_log();
  void change_live(set_live& request);
  void answer_live();
  void subscribe(add_subscriptions& request);
  void unsubscribe(const remove_subscriptions& request);
  /// Does it with the subscriptions to `filter`, of which other nodes may want to hear.
  template <class Action>
  void change_subscriptions(const topic_filter& filter, Action action);
  [[nodiscard]] audience& audience_of(std::string_view share) noexcept {
    return share.empty() ? sessions_ : groups_;
  }
  /// Whether share groups get it: of what came from another node those there have had it.
  [[nodiscard]] bool is_for_groups(const route& request) const noexcept {
    return !request.forwarded && groups_.by_filter.filters() != 0;
  }
  void request_flush();
  void flush_all();
  void hand_out();
  void hand_out(audience& to);
  void hand_out(subscriber& to, routed&& match);
  void deliver_settled();
  void keep_retained_changes();
  void return_credit();
  /// `kept`: what was to be written is on the disk.
  void finish(route& done, bool kept);
  void on_kept(const kept& written);
  [[nodiscard]] caf::result<settled> settle_all();

  const node_context& house_;
  const shard_index number_;
  const std::string label_;  ///< the number
  audience sessions_;
  audience groups_;  ///< beside them, for they take only what clients of this node publish
  router& router_ = sessions_.by_filter;  ///< has the retained messages, too
  shard_routes routes_;
  std::vector<routed> deliveries_;
  /// Publishers get their credit back.
  std::vector<route> routed_;
  /// Those of retained messages first when the store has them.
  std::vector<route> to_keep_;
  append_queue appending_;
  /// By number of the publisher, another node: the last attempt of which something was refused.
  std::unordered_map<std::uint64_t, std::uint32_t> refused_;
  std::vector<std::uint32_t> logged_;             // scratch
  std::vector<std::uint32_t> logged_for_groups_;  // scratch
  struct unkept {
    std::uint64_t ticket = 0;
    std::vector<route> blocks;
  };
  std::deque<unkept> unkept_;
  std::uint64_t last_ticket_ = 0;
  /// Waits for what was there when it was asked for.
  struct settling {
    caf::typed_response_promise<settled> promise;
    std::uint64_t appended = 0;  ///< blocks that `appending_` had been given
    std::uint64_t ticket = 0;    ///< of the last retained messages
  };
  [[nodiscard]] bool is_settled(const settling& waiting) const noexcept;
  std::vector<settling> settling_;
  /// To nodes that are not live any more, behind what came before. Of that some is not in the log;
  /// it must be there before the node reads what lies in the log behind it.
  struct held_answer {
    std::uint64_t appended = 0;  ///< as in `settling`
    subscriber_handle to;
    live_set answer;
  };
  std::deque<held_answer> live_answers_;
  bool has_finished_some_ = false;                 ///< blocks, since credit was last returned
  std::vector<publisher_handle> wait_for_credit_;  ///< publishers that want to know of it
  std::uint64_t deliveries_dropped_ = 0;
  bool flush_requested_ = false;

  // Retained messages that other nodes have, too.
  const bool is_in_cluster_;
  std::uint64_t stamps_refused_ = 0;     ///< as counted last
  std::uint64_t cleared_forgotten_ = 0;  ///< likewise
  time_point refusal_reported_at_{};
};

}  // namespace troupe
