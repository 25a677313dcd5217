#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/config/config.hpp"
#include "libbroker/log_cursor.hpp"
#include "libbroker/log_interests.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/shard_requests.hpp"
#include "libbroker/share/kept_share.hpp"
#include "libbroker/share/share_ledger.hpp"
#include "libbroker/share/share_loans.hpp"
#include "libbroker/share/share_members.hpp"
#include "libbroker/share/share_request.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace troupe {

/// What a share group wants done after it handled an input; the caller owns and reuses it,
/// carries everything out and calls `clear`.
struct share_effects {
  std::vector<std::variant<shard_subscribe, shard_unsubscribe, shard_set_live>> requests;

  struct outgoing {
    std::uint64_t session = 0;
    delivery_ptr messages;
    delivery_options options;
  };
  std::vector<outgoing> deliveries;

  struct answer {
    std::uint64_t session = 0;
    request_number number = 0;
  };
  std::vector<answer> joined;  ///< what is routed from now on reaches the member

  std::optional<log_request> read_log;

  struct progress {
    write_number number = 0;         ///< 0: nothing is to be written
    std::optional<kept_share> kept;  ///< nothing: what was kept goes
    loan_changes loans;
  };
  progress write;

  // -- other nodes, by `share_id_of_node`

  /// Messages of other nodes' logs for the log here; answered with `loans_appended`.
  struct loan_append {
    std::uint64_t node = 0;
    share_lend what;
    std::vector<std::uint32_t> which;  ///< messages of the block, ascending
  };
  std::vector<loan_append> appends;
  struct word {
    std::uint64_t node = 0;
    share_request what;
  };
  std::vector<word> words;  ///< for the groups of the same subscription there

  /// Nothing is left to do: whoever runs the group may end it.
  bool ended = false;

  void clear() noexcept {
    requests.clear();
    deliveries.clear();
    joined.clear();
    read_log.reset();
    write = {};
    appends.clear();
    words.clear();
    ended = false;
  }
};

/// The members of one `$share/<name>/<filter>`, as a state machine without I/O: subscribes to
/// the filter for all of them, and each message goes to one [MQTT5-4.8.2-3].
///
/// Once a member's session outlives the process, the group does, too: it has a cursor in the
/// log, like a session, and a ledger of what members have. A member gets what it has room for;
/// when nobody has, the rest waits in the log, for members at QoS 1 or 2. What a member that
/// went away was sent at QoS 1, or was not sent, others get; QoS 2 that was sent stays with it
/// [MQTT5-4.8.2-4]. A group that was durable is so until its last member at QoS 1 or 2 leaves.
///
/// In a cluster each node has such a group while any node has members. It hands out what is
/// published at its node: to members here, and to other nodes, each of which is a member that
/// stands for all that are there. Messages of the log are *lent*: the ledger here says which node
/// has them until that says what became of them, and gives them to others if it dies. The node
/// that borrows has them in its log, too (share_loans.hpp), and hands them to its own members only.
/// The caller serialises the calls. Source: MQTT5 §4.8.2;
/// docs/decisions/0009-shares-across-nodes.md.
class share_group {
public:
  /// `share`: a valid `$share/…`. `settings` outlives the group, and so does `log_head`, the
  /// last offset that is in the log; null: there is none.
  share_group(std::string share, std::uint32_t shards, const config& settings,
              const std::atomic<log_offset>* log_head);

  /// Whether nothing is left that it would have to do.
  [[nodiscard]] bool is_unused() const noexcept {
    return has_no_members() && loans_.empty() && !loans_.has_changes() && writing_ == 0;
  }

  [[nodiscard]] const std::string& share() const noexcept { return share_; }
  /// Bumped when the group begins anew, as its last member, or its last at QoS 1 or 2, has left:
  /// what shards send for an earlier epoch does not concern it.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  /// Whether something is to be, or is being, written.
  [[nodiscard]] bool is_unwritten() const noexcept {
    return writing_ != 0 || loans_.has_changes() || (is_durable() && changed_);
  }

  // -- an earlier life

  /// Goes on with what was kept. REQUIRES: nothing was done with this one.
  void restore(const kept_share& kept);
  /// All sessions are there again and have said what they hold.
  void go_on(share_effects& effects);

  // -- members

  void join(std::uint64_t session, const share_join& request, share_effects& effects);
  /// `last`: what the member says of its messages.
  void leave(std::uint64_t session, const share_report& last, share_effects& effects);
  void set_room(std::uint64_t session, const share_room& room, share_effects& effects);
  void report(std::uint64_t session, const share_report& report, share_effects& effects);
  /// A session does not deliver `block`, which is not in the log: others get it
  /// [MQTT5-4.8.2-5]. Without members it is dropped.
  void redeliver(const message_block_ptr& block);
  /// Whether the group outlives the process.
  [[nodiscard]] bool is_durable() const noexcept { return cursor_ != nullptr; }

  // -- nodes with members, to which messages are lent: share_group_nodes.cpp

  /// `home`: number of the node's data directory.
  void link_up(std::uint64_t node, std::uint64_t home, share_effects& effects);
  /// Finds out what the node has.
  void ask_node(std::uint64_t node, share_effects& effects);
  void link_down(std::uint64_t node, share_effects& effects);
  void holds(std::uint64_t node, const share_holds& answer, share_effects& effects);
  /// Others get what it has of QoS 1. `for_good`: what it has of QoS 2 nobody gets any more
  /// [MQTT5-4.8.2-5].
  void node_died(std::uint64_t node, bool for_good, share_effects& effects);

  // -- nodes that lend messages to this one: share_group_loans.cpp

  void lend(std::uint64_t node, share_lend&& request, share_effects& effects);
  /// What `effects.appends` asked for is in the log from `first` on, or, if 0, was refused.
  void loans_appended(const share_effects::loan_append& what, log_offset first,
                      share_effects& effects);
  void ask(std::uint64_t node, const share_ask& question, share_effects& effects);
  void confirmed(const share_confirmed& word, share_effects& effects);
  /// The node, whose home was `lender`, will not come back.
  void forget_lender(std::uint64_t node, std::uint64_t lender, share_effects& effects);

  // -- shards and the log

  void subscribed(shard_index shard, request_number number, log_offset through,
                  share_effects& effects);
  void deliver(const delivery& messages, shard_index from, share_effects& effects);
  void deliveries_missed(shard_index from, share_effects& effects);
  void live_set(shard_index from, request_number number, log_offset through,
                share_effects& effects);
  void log_read(request_number number, log_page&& page, bool failed, share_effects& effects);
  /// What of the log at or below `head`, all of which has been handed out by the shards, is
  /// still needed.
  [[nodiscard]] std::optional<log_interest> interest(log_offset head);

  // -- what is collected

  /// Whether something is collected for members.
  [[nodiscard]] bool pending() const noexcept { return pending_messages_ != 0; }
  [[nodiscard]] std::size_t pending_messages() const noexcept { return pending_messages_; }
  /// Hands out what was collected.
  void flush(share_effects& effects);

  // -- what is kept

  /// To be called after all others: writes down where the group is, if it is time, or if
  /// `at_once` and something changed.
  void keep_progress(time_point now, bool at_once, share_effects& effects);
  /// When to call `keep_progress` at the latest.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept {
    return due_ && lend_again_at_ ? std::min(*due_, *lend_again_at_) : due_ ? due_ : lend_again_at_;
  }
  void written(write_number number, bool done, time_point now, share_effects& effects);

private:
  /// Messages that members have and have not done with, in all; beside what those have that are
  /// away, for which nobody waits.
  static constexpr std::size_t most_outstanding = 16384;

  enum class level : std::uint8_t {
    none,   ///< shards know nothing of the group
    plain,  ///< subscribed
    logged  ///< messages are in the log before they are routed
  };

  /// What the group asks of shards: how, and what of that other nodes are to know.
  struct demand {
    level how = level::none;
    route_interest interest = route_interest::none;

    friend bool operator==(const demand&, const demand&) = default;
  };
  [[nodiscard]] demand wanted() const noexcept;
  /// Whether shards do all that is wanted.
  [[nodiscard]] bool is_subscribed() const noexcept {
    return waiting_for_ == 0 && level_ >= wanted_.how && interest_ == wanted_.interest;
  }
  [[nodiscard]] bool has_no_members() const noexcept { return members_.empty() && nodes_.empty(); }
  [[nodiscard]] share_members& members_like(std::uint64_t session) noexcept {
    return is_share_id_of_node(session) ? nodes_ : members_;
  }
  void subscribe(share_effects& effects);
  void answer_joined(share_effects& effects);
  void become_durable(share_effects& effects);
  /// Once there is nobody for whom messages are to be in the log.
  void leave_log_if_unneeded(share_effects& effects);
  void begin_anew(share_effects& effects);
  void take_report(std::uint64_t session, const share_report& report);
  void end(share_effects& effects);
  template <class Action>
  void for_each_shard(Action action) const;

  void deliver_logged(const message_block_ptr& block, std::uint32_t index, shard_index from,
                      share_effects& effects);
  /// Whether the group hands out messages that it has not handed out before.
  [[nodiscard]] bool hands_out_more() const noexcept {
    return ledger_.size() < most_outstanding + members_.held_away() + nodes_.held_away();
  }
  /// Both return false if nobody takes it.
  [[nodiscard]] bool take_turn(const message_block_ptr& block, std::uint32_t index);
  [[nodiscard]] bool hand_over(const message_block_ptr& block, std::uint32_t index);
  void hand_over_passing(const message_block_ptr& block, std::uint32_t index);
  void give_to(share_member& to, const message_block_ptr& block, std::uint32_t index);
  /// Of members here together, and of each node, in proportion to how many are online there;
  /// `with_room`: who takes another message of the log. Null: nobody.
  [[nodiscard]] share_member* whose_turn(bool with_room) noexcept;
  [[nodiscard]] std::size_t room(std::size_t most) noexcept;
  void collect(share_member& to, intrusive_ptr<delivery>& batch, const message_block_ptr& block,
               std::uint32_t index);
  void emit(share_member& to, share_effects& effects);
  void after_returns(share_effects& effects);

  // share_group_nodes.cpp
  /// What was lent at QoS 2 goes out when it is written down who has it.
  void park(share_effects::outgoing&& lent);
  void send_parked(write_number done, share_effects& effects);
  void set_away(std::uint64_t node);
  void return_parked(std::uint64_t node);
  [[nodiscard]] std::vector<kept_share::lent> with_nodes() const;

  // share_group_loans.cpp
  void collect_here(const message_block_ptr& block, std::uint32_t index);
  void take_loan(const message_block_ptr& block, std::uint32_t index);
  void return_loan(log_offset own);
  /// Loans that nobody here can take now go back.
  void return_loans();
  void meet_lender(std::uint64_t node, std::uint64_t home);
  void tell_lenders(share_effects& effects);
  void tell_presence(share_effects& effects);
  [[nodiscard]] std::uint32_t room_for_loans() noexcept;
  /// Whether a loan that was returned by one member may wait for another.
  [[nodiscard]] bool may_wait_here() const noexcept {
    return is_durable() && members_.total_room() != 0;
  }
  [[nodiscard]] std::vector<log_offset> without_loans(std::vector<log_offset> offsets) const;

  void fall_behind(std::optional<shard_index> missed, share_effects& effects);
  void set_live(request_number number, bool live, share_effects& effects);
  void follow_log(share_effects& effects);
  [[nodiscard]] bool can_hand_out_again() noexcept;
  void fetch_returned(share_effects& effects);
  void take_returned(const log_page& page);
  void become_live(share_effects& effects);
  [[nodiscard]] log_offset log_head() const noexcept {
    return log_head_ == nullptr ? 0 : log_head_->load(std::memory_order_acquire);
  }

  const std::string share_;
  const std::string_view filter_;  ///< of `share_`
  const bool has_wildcard_;
  const std::uint32_t shards_;
  const config& settings_;
  const std::atomic<log_offset>* const log_head_;

  share_members members_;                       ///< here
  share_members nodes_;                         ///< other nodes that have some
  std::int64_t turn_here_ = 0;                  ///< see `whose_turn`
  std::vector<share_effects::answer> waiting_;  ///< members that have joined and do not know

  level level_ = level::none;
  route_interest interest_ = route_interest::none;  ///< that other nodes were told
  demand wanted_;                                   ///< of the subscription under way
  std::uint32_t waiting_for_ = 0;                   ///< shards that have not answered it
  request_number subscribing_ = 0;                  ///< its number
  std::vector<log_offset> reached_;                 ///< by shard, while the group becomes durable
  std::vector<shard_index> missed_;  ///< shards that sent less than they had meanwhile
  request_number last_request_ = 0;
  std::uint32_t epoch_ = 0;

  share_ledger ledger_;
  std::unique_ptr<log_cursor> cursor_;  ///< null: the group ends with the process
  bool is_restoring_ = false;
  bool new_have_a_turn_ = false;  ///< in front of loans, which had theirs

  bool changed_ = false;     ///< since the last write began
  bool is_urgent_ = false;   ///< somebody waits for the next one
  bool is_kept_ = false;     ///< one was done
  bool has_failed_ = false;  ///< the last one did
  std::optional<time_point> due_;
  write_number last_write_ = 0;
  write_number writing_ = 0;      ///< 0: nothing is being written
  bool writes_position_ = false;  ///< with that, not only loans

  std::vector<std::uint64_t> pending_;  ///< sessions for which something is collected
  std::size_t pending_messages_ = 0;

  share_loans loans_;
  std::unordered_map<std::uint64_t, std::uint64_t> lenders_;  ///< homes, by node
  std::size_t arriving_ = 0;                                  ///< appends under way
  log_offset arriving_above_ = 0;                             ///< they lie above it
  /// Lent at QoS 2, and the write that has to be done first; 0: the next.
  struct parked {
    share_effects::outgoing what;
    write_number write = 0;
  };
  std::vector<parked> parked_;
  std::unordered_map<std::uint64_t, request_number> asked_;  ///< nodes that have not answered
  /// Nodes that lend, and how many members are online here and what they take, as told last.
  struct presence {
    std::uint32_t members = 0;
    std::uint32_t room = 0;

    friend bool operator==(const presence&, const presence&) = default;
  };
  std::unordered_map<std::uint64_t, std::optional<presence>> presence_told_;
  bool has_refused_ = false;  ///< the last loan could not be written: no more for a while
  bool is_crowded_ = false;   ///< a loan went back, as nobody here had room for it
  std::optional<time_point> lend_again_at_;
};

}  // namespace troupe
