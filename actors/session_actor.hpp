#pragma once

#include "actors/alarm.hpp"
#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/session/session.hpp"

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace troupe {

class relay_connection;

/// Runs one client session: moves bytes between its socket and the `session`
/// machine, and carries out what the machine wants of shards, directory and other nodes.
class session_actor final : public homed<session_handle> {
public:
  /// `name`: a client identifier, or that of an end.
  session_actor(caf::actor_config& config, const node_context& house, const shared_text& name);

  const char* name() const override { return "session"; }

  caf::resumable::resume_result resume(caf::execution_unit* host, std::size_t messages) override;

protected:
  behavior_type make_behavior() override;
  std::string_view subject() const override { return machine_.client_id(); }
  void on_exit() override;

private:
  /// Publishes that wait for credit, and what came behind them; most sessions
  /// never have any.
  struct held_requests {
    std::deque<routing_request> requests;
    std::size_t bytes = 0;          ///< of the publishes
    bool presence_changed = false;  ///< share groups are to be told behind all this
    bool left_behind = false;       ///< by a client that is gone; see `node_context`
    bool asked = false;             ///< a shard will tell of credit
  };

  /// What is under way between nodes; most sessions never have any of it.
  struct travel_state {
    attach_client waiting;     ///< for what another node has of the session; or without a client
    std::string taking_from;   ///< that node
    std::uint64_t taking = 0;  ///< number of the move; 0: nothing is asked for
    std::vector<session_said> deferred;  ///< until what was taken before is settled
    std::string given_to;                ///< the node that has the client now
    std::string handed_to;               ///< the node that went on with the session
    std::uint64_t offers = 0;            ///< number of the last one
    bool asks_again = false;             ///< nodes that did not say how far they are, soon
    bool is_counted = false;             ///< in `metrics::ends_unread`
    std::set<std::string> followed;      ///< nodes
    // The relay to an end of this session.
    session_end relayed;
    std::uint64_t relay = 0;  ///< 0: it is not open
    std::uint64_t owed = 0;   ///< bytes taken that the end was not told of
    // The relay from this end.
    std::string reader;                    ///< node of the client
    relay_connection* outgoing = nullptr;  ///< `socket_`, if there is one
  };

  // session_actor.cpp
  void handle(attach_client& request);
  void attach(attach_client& request);
  void count_client(const client& arrived) const;
  void close_connection(time_point now);
  void describe_close() const;
  void leave_behind();
  /// Does what the machine wants and lets the output go.
  void carry_out(time_point now);
  void apply_effects(time_point now);
  void carry_out_moves();
  void count_end();
  void retire_when_done();
  session_restored handle(const restore_session& kept);
  void handle(const go_on& request);
  void handle(const stop_reading& request);
  void handle(const dismiss& request);
  [[nodiscard]] facts_told describe() const;

  // session_io.cpp
  void handle(const io_ready& event);
  void handle(const session_timer& due);
  void handle(const flush& due);
  void update_deadline();
  void schedule_timer(time_point now);
  /// Whether the client has to take something before it is read again.
  [[nodiscard]] bool is_owed_too_much() noexcept;
  [[nodiscard]] bool may_read() noexcept;
  void schedule_read();
  void resume_reading();
  /// Bytes that complete the packet in `partial_`, if that is a large one; else 0.
  [[nodiscard]] std::size_t missing_of_large_packet() const;
  void read_input(time_point now);
  void take_input(byte_view input, time_point now);
  void flush_now_or_later(time_point now);
  void flush_later();
  void write_output(time_point now);

  // session_requests.cpp
  [[nodiscard]] const session_flow_ptr& flow();
  /// The shard that keeps a publish for `shard` waiting; none: it may go.
  [[nodiscard]] std::optional<shard_index> out_of_credit(shard_index shard) const noexcept;
  void send_requests();
  void release_held();
  void send_request(shard_publish& request);
  void send_request(shard_subscribe& request);
  void send_request(shard_unsubscribe& request);
  void send_request(shard_set_live& request);
  void send_request(shard_read_retained& request);
  void send_request(share_call& call);
  void read_log_for(log_request&& what, time_point now);
  void tell_presence();
  void handle(const deliver& batch);
  void handle(const accepted& batch);
  void handle(const credit_returned& reply);
  void handle(const subscriptions_added& reply);
  void handle(const subscriptions_removed& reply);
  void handle(const retained_read& reply);
  void handle(const share_kept& reply);
  void handle(const session_written& reply);
  void handle(const deliveries_missed& event);
  void handle(const live_set& reply);
  void handle(log_read& reply);
  void handle(const replay_found& reply);

  // session_travel.cpp
  [[nodiscard]] travel_state& travel();
  void say(const std::string& node, session_message&& message);
  /// `has_spoken`: see `follow_node`.
  void follow(const std::string& node, bool has_spoken = false);
  void unfollow_all();
  void unfollow_unneeded();
  void handle(const session_said& message);
  void handle(const node_followed& news);
  void node_linked(const std::string& node);
  void node_lost(const std::string& node, time_point now);
  // The node that the client comes to.
  [[nodiscard]] bool is_taking() const noexcept;
  void begin_taking(const std::string& node, std::uint64_t number, bool has_spoken);
  void stop_taking();
  void retire_if_empty();
  void refuse_waiting(reason_code why = reason_code::server_unavailable,
                      std::string_view servers = {});
  void attach_waiting();
  void handle(const move_timer& due);
  void take(const std::string& from, const session_message& said);
  void follow_ends();
  void adopted(const session_end& from);
  void await_origins();
  void ask_origin(const std::string& node);
  void ask_awaited();
  void ask_origins(std::vector<origin_cut>&& asked);
  void ask_for_cuts();
  void ask_all_origins();
  void keep_end(const session_end& which);
  void keep_ends();
  void consider(const std::string& from);
  // The node that it goes from.
  void handle(const displace& event);
  void offer();
  void left_over();
  void handle(const send_away& request);
  void leave_client();
  void give(const session_said& message);
  void hand_over(const std::string& from, const session_message& said);
  void become_end(const std::string& from, const session_message& said);
  void handle(const session_fenced& news);
  void keep(const std::string& from, const session_message& said);
  void tell_more();
  void discard(const session_message& said);
  // Both.
  void tell_will();
  void handle(const will_published& news);

  // session_relay.cpp: the client's node,
  void open_relay();
  void close_relay();
  void pass_to_end(byte_view packets);
  void take_output(const std::string& from, const session_message& said);
  void acknowledge_output();
  void end_consumed(const session_end& which, bool is_late);
  void read_more(const session_end& which);
  // and the end's.
  void relay_to(const std::string& from, const session_message& said);
  void hold_for(const std::string& node);
  void serve_relay(const std::string& from, const session_message& said);
  void end_here(time_point now);

  /// A session's effects live only within one handler: one object per worker serves all.
  [[nodiscard]] static session_effects& effects();
  [[nodiscard]] session_handle self() { return caf::actor_cast<session_handle>(this); }

  const node_context& house_;
  session machine_;
  std::unique_ptr<connection> socket_;
  byte_buffer partial_;  ///< start of a packet that has not arrived whole
  std::unique_ptr<held_requests> held_;
  std::unique_ptr<travel_state> travel_;
  message_block_ptr told_will_;              ///< that other nodes know, in a cluster
  std::unique_ptr<const std::string> user_;  ///< as the client called itself; null: it did not
  time_point came_or_went_{};                ///< the client; {}: not in this life
  session_flow_ptr flow_;                    ///< null: nothing was ever under way
  optional_time deadline_;                   ///< as the socket knows it
  alarm<session_timer> alarm_;
  std::uint32_t attempts_ = 0;      ///< `attach_client::attempt` of the last one
  shard_index last_published_ = 0;  ///< where the last block went
  std::uint32_t removals_ = 0;      ///< `remove_subscriptions` not answered yet
  std::uint32_t watch_ = 0;
  bool ending_ = false;  ///< `retire` is to be sent
  bool flush_requested_ = false;
  bool read_scheduled_ = false;
  bool write_blocked_ = false;
  bool write_broken_ = false;     ///< what waits for the client is no reason not to read
  bool read_to_the_end_ = false;  ///< a short read does not say that nothing is left
  bool read_blocked_ = false;     ///< input may be waiting that we did not want to read
  bool reading_stopped_ = false;
};

}  // namespace troupe
