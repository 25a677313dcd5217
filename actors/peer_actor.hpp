#pragma once

#include "actors/alarm.hpp"
#include "actors/exposed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/forward_log.hpp"
#include "libbroker/cluster/frame.hpp"
#include "libbroker/cluster/inbound_stream.hpp"
#include "libbroker/cluster/node_link.hpp"
#include "libbroker/cluster/retained_sync.hpp"
#include "libbroker/cluster/route_table.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Runs the link with one other node. Towards the shards it is a subscriber for everything that
/// the node wants, and the publisher of everything that the node sends; what it collects while
/// its mailbox holds more goes out as one frame.
class peer_actor final : public exposed<peer_handle> {
public:
  peer_actor(caf::actor_config& config, const node_context& house, std::string name);

  const char* name() const override { return "peer"; }

protected:
  behavior_type make_behavior() override;
  std::string_view subject() const override { return name_; }
  void on_exit() override;

private:
  // The link.
  void handle(const link_packet& packet);
  void handle(const open_link& request);
  void handle(const link_broken& event);
  void handle(const link_timer& due);
  void carry_out();
  void came_up(bool begins_anew);
  /// `stuck`: the process whose connection is to go with the link.
  void went_down(std::string_view why, const caf::node_id& stuck = {});
  void handle(const node_died& event);
  void forget_stream();
  void reset_stream();
  [[nodiscard]] caf::result<settled> settle_link();
  [[nodiscard]] caf::result<fenced> ask_for_fence();
  void take_fenced(std::string_view content);
  void take_fence(std::string_view content);
  void pass_fences();
  void answer_fences();
  [[nodiscard]] bool is_settled() const noexcept;
  void answer_settled();
  void transmit(link_packet&& packet);
  void watch(const caf::strong_actor_ptr& other);
  void watch_shards(std::uint32_t snapshot);
  void set_timer();

  // To the node: peer_outbound.cpp.
  void handle(const deliver& batch);
  void handle(const tell_node& what);
  void handle(const routes_changed& changes);
  void tell_routes(record_kind kind, routes_record&& record);
  /// Whether messages may go out now.
  [[nodiscard]] bool takes_messages() const noexcept;
  /// Whether messages of the log may, too: what waits goes first.
  [[nodiscard]] bool has_room() const noexcept { return waiting_.empty() && takes_messages(); }
  void pass_on(const deliver& batch);
  void forward(const delivery& messages, bool at_most_once);
  void forward_waiting();
  void drop(const delivery& messages) {
    note_missed_retained(messages);
    count_dropped(messages.messages);
  }
  void count_dropped(std::uint64_t messages);
  void count_forwarded(std::uint64_t messages);
  void count_received(std::uint64_t messages);
  void add_record(record_kind kind, std::string_view content);
  void end_publishes();
  void request_flush();
  void send_all();
  void send_frame();

  // What it gets of the log: peer_log.cpp.
  void enter_log(bool begins_anew);
  void follow_log();
  void carry_out_log(bool had_room);
  void count_waiting() noexcept;
  void set_live(bool live);
  void handle(const deliveries_missed& event);
  void handle(const live_set& reply);
  void handle(log_read& reply);
  void keep_progress();
  void forget_log();
  /// What of the node is to be written down, as it is when that is done, with how far it has come.
  struct pending_write {
    std::vector<std::string> filters{};
    std::vector<std::uint64_t> tickets{};  ///< of installations that wait for it
    bool forgets = false;                  ///< all that is kept of the node
  };
  [[nodiscard]] bool keep_routes(const std::vector<route_change>& changes, std::uint64_t ticket);
  void write_down(pending_write&& what);
  void handle(const node_written& answer);
  void write_again();
  [[nodiscard]] node_restored handle(const restore_node& kept);
  [[nodiscard]] interest handle(const ask_interest& question);
  [[nodiscard]] log_offset log_head() const noexcept {
    return house_.log_head.load(std::memory_order_acquire);
  }
  [[nodiscard]] forward_bounds bounds() const noexcept { return {log_head(), has_room()}; }

  // What it has of retained messages: peer_retained.cpp.
  [[nodiscard]] static retained_sync_settings retained_settings(const node_context& house,
                                                                std::string_view name);
  void compare_retained();
  void take_retained_word(std::string_view content);
  void handle(retained_answered& answer);
  void tick_retained();
  void note_missed_retained(const delivery& messages);
  void carry_out_retained();
  void send_retained();

  // Share groups with members on both: peer_shares.cpp.
  void tell_share(const std::string& share, share_request&& what);
  void install_share(const route_change& change, std::uint64_t ticket);
  void share_installed(request_number number);
  void shares_up();
  void shares_down();
  void shares_died(bool for_good);
  void handle(const share_said& word);
  void lend(const deliver& batch);
  void send_lent(const deliver& batch);
  void return_lent(const deliver& batch);
  void return_waiting(std::string_view share);
  void take_share_word(std::string_view content);
  void take_lent(std::string_view content);
  void take_lent_block(const std::string& share, share_lend&& lent);

  // From the node: peer_inbound.cpp.
  void take_frame(const link_effects::arrival& frame);
  void take_record(std::uint64_t kind, std::string_view content);
  void take_session_word(std::string_view content);
  void take_publishes(std::string_view content, bool is_state);
  void publish_block(shard_index shard, time_point received_at, bool is_state);
  void take_routes(std::string_view content, bool are_shared);
  void install(const std::vector<route_change>& changes, std::uint64_t record);
  void handle(const routes_installed& answer) { installed(answer.ticket); }
  void installed(std::uint64_t ticket);
  void take_routes_installed(std::string_view content);
  void handle(const accepted& batch);
  void report_handled();

  const node_context& house_;
  const std::string name_;      ///< of the node
  const std::uint64_t number_;  ///< as subscriber and publisher
  const session_flow_ptr flow_;

  node_link link_;
  link_effects effects_;
  bool is_reported_up_ = false;  ///< to shards and cluster
  node_introduction node_;
  caf::strong_actor_ptr other_;        ///< the peer actor there, or first its cluster actor
  std::set<caf::actor_addr> watched_;  ///< of those that have not ended
  alarm<link_timer> alarm_;

  // To the node.
  frame_builder frame_;
  std::string publishes_;          ///< runs of a record that is not in the frame yet
  std::deque<deliver> waiting_;    ///< for credit, or for the link
  std::size_t beyond_credit_ = 0;  ///< bytes of frames since there last was some
  bool flush_requested_ = false;
  std::uint64_t last_routes_ = 0;  ///< number of the last record of routes
  struct announcement {
    std::uint64_t record = 0;
    shard_index shard = 0;
    std::uint64_t ticket = 0;
  };
  std::deque<announcement> announcements_;  ///< that the node has not confirmed
  std::uint32_t snapshot_ = 0;              ///< number of the last one
  std::size_t waiting_for_shards_ = 0;      ///< that have not told all of theirs

  std::unique_ptr<forward_log> log_;  ///< null: there is no log, or never was a link
  forward_effects log_effects_;
  std::vector<log_offset> kept_positions_;  ///< as written down last
  time_point kept_at_{};
  std::size_t counted_waiting_ = 0;  ///< bytes that wait for the log, in `flow_`
  /// Filters that are to be written down, and where they begin in the log.
  std::unordered_map<std::string, log_offset> kept_routes_;
  std::unordered_map<std::uint64_t, pending_write> writes_;  ///< that the store has, by number
  std::uint64_t last_write_ = 0;
  pending_write unwritten_;  ///< as the disk failed
  bool is_disk_broken_ = false;
  std::optional<time_point> write_again_at_;  ///< that

  retained_sync retained_;
  retained_sync_effects retained_effects_;
  bool was_live_ = false;  ///< what it gets of the log, when that was looked at last

  // Share groups.
  const std::uint64_t share_id_;  ///< by which they know the node
  std::set<std::string> shares_;  ///< of which it has members
  /// Rises when a link has ended: what groups lend in an earlier one is not sent in the next.
  std::uint32_t lend_epoch_ = 0;
  std::deque<deliver> lending_;  ///< waits for credit

  // From the node.
  route_table routes_;
  inbound_stream inbound_;
  std::vector<message_block_builder> builders_;  ///< by shard
  struct installation {
    std::uint64_t record = 0;     ///< 0: the node does not wait for it
    std::size_t waiting_for = 0;  ///< shards, and the store
  };
  std::deque<installation> installations_;  ///< the last one with `last_ticket_`
  std::uint64_t last_ticket_ = 0;

  std::vector<caf::typed_response_promise<settled>> settling_;
  std::map<std::uint64_t, caf::typed_response_promise<fenced>> fencing_;  ///< asked for, by number
  std::uint64_t last_fence_ = 0;
  struct passed_fence {
    std::uint64_t number = 0;
    log_offset head = 0;  ///< of the log, when they had
  };
  std::vector<std::uint64_t> fences_;       ///< that the node has asked for
  std::vector<passed_fence> fences_ready_;  ///< shards have sent what came before
  bool is_passing_fences_ = false;
  struct passing_fence {
    std::uint64_t frame = 0;
    fenced answer;
    caf::typed_response_promise<fenced> promise;
  };
  std::deque<passing_fence> fenced_;  ///< answered; frames before it are not handled yet
  std::uint64_t arriving_ = 0;        ///< number of the frame whose records are taken
  std::uint64_t fence_link_ = 0;      ///< bumped with each link that ends

  std::uint64_t messages_forwarded_ = 0;
  std::uint64_t messages_received_ = 0;
  std::uint64_t messages_dropped_ = 0;
};

}  // namespace troupe
