#pragma once

#include "libbroker/codec/frame.hpp"
#include "libbroker/inspection/actor_facts.hpp"
#include "libbroker/log_cursor.hpp"
#include "libbroker/log_interests.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/message/message_queue.hpp"
#include "libbroker/output_queue.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/session/moved_session.hpp"
#include "libbroker/session/outbound_window.hpp"
#include "libbroker/session/packet_id_set.hpp"
#include "libbroker/session/replay.hpp"
#include "libbroker/session/retained_pulls.hpp"
#include "libbroker/session/session_effects.hpp"
#include "libbroker/session/session_host.hpp"
#include "libbroker/session/session_moves.hpp"
#include "libbroker/session/shard_parts.hpp"
#include "libbroker/session/topic_aliases.hpp"
#include "libbroker/shared_text.hpp"
#include "libbroker/topic.hpp"
#include "libbroker/wall_clock.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace troupe {

struct delivery_header;

/// What the caller knows of a session's connection, for `session::facts`.
struct connection_facts {
  std::string user;     ///< as the client called itself; empty: it did not
  std::string address;  ///< of the client; empty: it is away
  time_point since{};   ///< when it came or went; {}: not in this life of the process
  std::string node;     ///< this one
};

/// One client's session and, while it is online, its connection: everything that
/// MQTT asks of a server towards one client, as a state machine without I/O.
///
/// Inputs are packets of the client, replies of the shards, and time; outputs are
/// bytes in `output()` and the `session_effects` that each call fills. The
/// caller serialises the calls. Source: MQTT5 §3, §4; MQTT311 §3, §4.
class session {
public:
  /// `name`: the client's identifier, or that of an end; see moved_session.hpp. `number`: unique in
  /// this process. `host` outlives the session.
  session(const shared_text& name, std::uint64_t number, const session_host& host);
  ~session();

  /// Becomes a session of an earlier life of the process, whose client is away.
  /// REQUIRES: nothing was done with this one.
  void restore(const kept_session& kept, session_effects& effects);
  /// Does what was due while the process was down; a will after `will_grace`, if it is still there.
  /// REQUIRES: restored, not attached to yet.
  void go_on(time_point now, session_effects& effects, std::chrono::milliseconds will_grace = {});

  // -- the connection

  /// Takes over for a client whose CONNECT was accepted: CONNACK, then what was
  /// in flight or waiting. `assigned_id`: the broker made up the client id.
  /// REQUIRES: !connected().
  void attach(const connect& request, bool assigned_id, time_point now, session_effects& effects);

  /// Sends the client away because of `code`, by DISCONNECT if it speaks 5.0;
  /// does nothing when there is none. Used for take-over (0x8E), shutdown (0x8B), and 0x9C and 0x9D
  /// with `servers`, which it may go to: "host:port" of each, with blanks between.
  void dismiss(reason_code code, time_point now, session_effects& effects,
               std::string_view servers = {});

  /// The connection is gone without a DISCONNECT.
  void connection_lost(time_point now, session_effects& effects);

  /// The caller does not read from the client for now: keep alive stands still.
  void reading_paused(time_point now) noexcept { last_received_ = now; }

  /// Handles the whole packets at the start of `input` and returns how many
  /// bytes they took. Stops early when the connection is to be closed.
  std::size_t receive(byte_view input, time_point now, session_effects& effects);

  /// Goes on sending after `output()` has shrunk.
  void output_drained(time_point now, session_effects& effects);

  /// Does what is due at `now`; see `deadline`.
  void tick(time_point now, session_effects& effects);
  /// When to call `tick` at the latest: keep alive, will delay, session expiry, or
  /// memory that a slow client keeps for no good reason. May change with every call.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

  // -- replies and messages of the shards

  /// Messages that matched the session's subscriptions.
  void deliver(const delivery& messages, const delivery_options& options, shard_index from,
               time_point now, session_effects& effects);
  /// Messages that were sent to an earlier epoch of this session: those of share groups
  /// go to other members [MQTT5-4.8.2-5].
  void return_delivery(const delivery& messages, const delivery_options& options,
                       session_effects& effects);
  /// A share group has written down what report `number` said.
  void share_kept(request_number number, time_point now, session_effects& effects);
  /// A shard has taken all messages of `block`, one of this session's.
  void accepted(const message_block& block, session_effects& effects);
  /// The same for a block of a session that this one replaced: its packet identifiers were
  /// written down as this one's.
  void forget_packet_ids(const message_block& block, session_effects& effects);
  /// The disk failed to keep messages of `block`: the client is told, if its protocol
  /// allows, and may send them again.
  void not_kept(const message_block& block, session_effects& effects);
  /// No shard will get `block`, one of this session's that was not accepted: as if the
  /// client had never sent it, so that it may send it again.
  void not_routed(const message_block& block);
  /// `with_retained`: positions of the filters that have retained messages there.
  void subscribed(shard_index shard, request_number number, std::uint64_t retained_sequence,
                  const std::vector<std::uint32_t>& with_retained, session_effects& effects);
  /// `through`: what a shard sent before lies in the log at or below it.
  void unsubscribed(request_number number, log_offset through, time_point now,
                    session_effects& effects);
  /// The write `number` of `session_effects::write` is on the disk, or failed.
  void written(write_number number, bool done, time_point now, session_effects& effects);
  /// A shard left messages to the log.
  void deliveries_missed(shard_index from, session_effects& effects);
  /// A shard's answer to `shard_set_live`.
  void live_set(shard_index from, request_number number, log_offset through, time_point now,
                session_effects& effects);
  /// An answer to `session_effects::read_log`.
  void log_read(request_number number, log_page&& page, bool failed, time_point now,
                session_effects& effects);
  /// The answer to a request that asked where a replay begins.
  void replay_found(request_number number, const replay_beginning& found, time_point now,
                    session_effects& effects);
  /// Everything in the log up to `head` has been handed out: returns what of it the session
  /// still needs.
  [[nodiscard]] std::optional<log_interest> interest(log_offset head);
  /// To be called after all others, before `effects` are carried out: has share groups told
  /// what became of their messages, and written down how far the client is in the log, if it
  /// is time.
  void keep_progress(time_point now, session_effects& effects);
  void retained_read(request_number number, const retained_store::page& page, time_point now,
                     session_effects& effects);

  // -- between nodes

  /// What is published if the client is lost, alone in its block; null: nothing.
  [[nodiscard]] const message_block_ptr& will() const noexcept {
    static const message_block_ptr none;
    return will_ == nullptr ? none : will_->message;
  }
  /// How long after that, in seconds, or `never_ends`.
  [[nodiscard]] std::uint32_t will_delay() const noexcept {
    return will_ == nullptr ? 0 : std::min(will_->delay, expiry_);
  }
  /// Another node has published it, as this one was taken for dead. Does nothing if the client is
  /// there.
  void forget_will(time_point now, session_effects& effects);

  /// The client logged in by the claim `stamp`; to be called before `attach`.
  void claimed(hybrid_stamp stamp) noexcept { stamp_ = stamp; }
  [[nodiscard]] hybrid_stamp stamp() const noexcept { return stamp_; }
  /// A QoS 2 message of its client is not accepted yet, and may still be refused. Another node must
  /// not answer for it.
  [[nodiscard]] bool awaits_acceptance() const noexcept {
    return inbound_qos2_.size() != accepted_qos2_.size();
  }
  /// What another node needs to go on with it. REQUIRES: exists(), !is_end(), !awaits_acceptance().
  [[nodiscard]] moved_session describe_move() const;
  /// Another node goes on with it: what is left becomes the end `number`, with a name of its
  /// own, which has what `cuts` say; empty: what comes until it leaves. REQUIRES: as above,
  /// !connected().
  void hand_over(std::uint64_t number, const std::vector<origin_cut>& cuts, time_point now,
                 session_effects& effects);
  /// Goes on with what becomes the end `from` on another node once `session_effects::adopted` says
  /// so. REQUIRES: !is_end(), !is_adopting().
  void adopt(const moved_session& moved, const session_end& from, session_effects& effects);
  /// The answer to `wants_cuts`: the log of each node has come so far, and what it publishes from
  /// there on comes here, too; of those that are away that is not known.
  void cut(std::vector<origin_cut>&& reached, session_effects& effects);
  /// The same of nodes that were away. To be called for each `origins_asked`.
  void cuts_found(const std::vector<origin_cut>& reached, time_point now, session_effects& effects);
  /// An end: the node that has the client says up to where it is its own.
  void cut_end(const std::vector<origin_cut>& cuts, session_effects& effects);
  /// Nodes that it waits for were asked. An end: `origins_come` is the answer to it. Else it is
  /// `cuts_found`, before which nothing is sent: what they publish meanwhile may be its own.
  void origins_asked() noexcept { ++moves().asked; }
  /// An end: what these nodes had for it is here. Behind the first of them it has come to its
  /// provisional end; when all have come it leaves.
  void origins_come(const std::vector<origin_cut>& reached, time_point now,
                    session_effects& effects);
  /// What other nodes had for the end is here: it subscribes to nothing any more.
  void leave(time_point now, session_effects& effects);
  /// Of the nodes that it waits for. An end: they may have something for it. Else: it is not known
  /// how far they are.
  [[nodiscard]] std::vector<origin_cut> awaited() const;
  /// Of the end, or of the move by which it is becoming one elsewhere; 0: neither.
  [[nodiscard]] std::uint64_t move_number() const noexcept {
    return is_adopting() ? moves_->adopting->from.number : end_number();
  }
  /// An end: nodes are away that may have more for it.
  [[nodiscard]] bool waits_for_origins() const noexcept {
    return moves_ != nullptr && !std::ranges::all_of(moves_->cuts, &origin_cut::has_come);
  }
  /// An end: what nodes had that were away is here, too, and nobody reads it.
  [[nodiscard]] bool has_more() const noexcept {
    return is_end() && moves_->has_left && moves_->has_late_cuts() && !connected_;
  }
  [[nodiscard]] bool is_adopting() const noexcept {
    return moves_ != nullptr && moves_->adopting.has_value();
  }
  /// Nobody wants it any more: it ends, with its client if there is one.
  void finish(time_point now, session_effects& effects);

  /// The end whose messages come next, before the session's own; null: there is none.
  [[nodiscard]] const session_end* next_end() const noexcept {
    if (moves_ == nullptr) return nullptr;
    const auto found = std::ranges::find(moves_->ends, false, &session_end::is_late);
    return found == moves_->ends.end() ? nullptr : &*found;
  }
  /// The end whose relay is open, or else the next one; null: there is none. An earlier one may
  /// have something again meanwhile.
  [[nodiscard]] const session_end* end_in_turn() const noexcept {
    if (!has_relay()) return next_end();
    const auto found = std::ranges::find(moves_->ends, moves_->read);
    return found == moves_->ends.end() ? nullptr : &*found;
  }
  /// Where else messages of it are, the oldest first.
  [[nodiscard]] std::span<const session_end> ends() const noexcept {
    return moves_ == nullptr ? std::span<const session_end>() : moves_->ends;
  }
  /// The node of the next end can be reached: nothing new is sent, and when the client has
  /// acknowledged what was, `session_effects::open_relay` says so. From `attach` on this or
  /// `end_relay` is waited for.
  void want_relay() noexcept;
  [[nodiscard]] bool has_relay() const noexcept {
    return moves_ != nullptr && moves_->relay == relay_stage::open;
  }
  [[nodiscard]] relay_terms terms() const;
  /// An end: the client may know these identifiers of others, so that they are not given out. To be
  /// called before `attach`.
  void avoid(const std::vector<packet_id>& taken);
  /// Packets of the end wait for the disk.
  [[nodiscard]] bool holds_relayed() const noexcept {
    return moves_ != nullptr && !moves_->held.empty();
  }
  /// `packets`: output of the end, cut anywhere.
  void relay(byte_view packets, time_point now, session_effects& effects);
  /// The relay is gone, or cannot be had.
  void end_relay(time_point now, session_effects& effects);
  /// Nothing is left of the end.
  void end_consumed(const session_end& which, time_point now, session_effects& effects);
  /// `is_late`: nothing is left of the end for now. Else there is something again.
  void end_waits(const session_end& which, bool is_late, time_point now, session_effects& effects);

  /// An end: the node that has the client can be reached, and it does not expire.
  void hold(session_effects& effects);
  /// That node is lost.
  void let_go(time_point now, session_effects& effects);

  // -- what the caller sends and shows

  [[nodiscard]] output_queue& output() noexcept { return output_; }
  [[nodiscard]] bool connected() const noexcept { return connected_; }
  /// Whether there is state of a session to resume.
  [[nodiscard]] bool exists() const noexcept { return exists_; }
  /// Whether its client went on to another node.
  [[nodiscard]] bool is_end() const noexcept {
    return moves_ != nullptr && moves_->end_number != 0;
  }
  [[nodiscard]] std::uint64_t end_number() const noexcept {
    return moves_ == nullptr ? 0 : moves_->end_number;
  }
  /// Whether its client wanted nothing of what came before.
  [[nodiscard]] bool began_clean() const noexcept { return began_clean_; }
  /// Lives as long as the session.
  [[nodiscard]] std::string_view client_id() const noexcept { return client_id_; }
  /// Under which it is known on this node, and kept.
  [[nodiscard]] std::string name() const {
    return is_end() ? name_of_end(client_id_, moves_->end_number) : std::string(client_id());
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  /// Bumped when a clean start makes a new session of this one: what was sent
  /// for an earlier epoch does not concern it.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint32_t connection_epoch() const noexcept { return connection_epoch_; }
  [[nodiscard]] protocol_version version() const noexcept { return version_; }
  [[nodiscard]] std::size_t subscriptions() const noexcept {
    return subscriptions_.size() + (replays_ == nullptr ? 0 : replays_->size());
  }
  [[nodiscard]] bool has_shared_subscriptions() const noexcept {
    return shared_subscriptions_ != 0;
  }
  /// The filters of its shared subscriptions.
  [[nodiscard]] std::vector<std::string> shares() const;
  /// Messages of a durable share group that its client takes at a time; 0: it is away.
  [[nodiscard]] std::uint32_t share_room() const noexcept;
  /// Whether it outlives the process.
  [[nodiscard]] bool is_durable() const noexcept { return cursor_ != nullptr; }
  [[nodiscard]] std::uint16_t keep_alive() const noexcept { return keep_alive_; }
  /// SUBSCRIBE and UNSUBSCRIBE packets under way.
  [[nodiscard]] std::size_t pending_requests() const noexcept {
    return extras_ == nullptr ? 0 : extras_->requests.size();
  }
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return window_.size(); }
  [[nodiscard]] std::size_t queued_messages() const noexcept {
    return queue_ == nullptr ? 0 : queue_->messages();
  }
  [[nodiscard]] std::size_t queued_bytes() const noexcept {
    return queue_ == nullptr ? 0 : queue_->bytes();
  }
  /// What there is to know about it, for people; never payloads.
  [[nodiscard]] std::vector<fact_group> facts(const connection_facts& connection,
                                              const clock_reading& now) const;

private:
  static constexpr std::chrono::seconds tidy_interval{2};

  struct subscription_state {
    subscription_options options;
    std::uint32_t identifier = 0;
    log_offset begin = 0;  ///< what lies in the log at or below it came before
    bool adopted = false;  ///< as in `kept_subscription`
  };
  using subscription_map = std::map<std::string, subscription_state, std::less<>>;
  /// A message, or its PUBREL, that is sent once that is on the disk.
  struct unkept_message {
    write_number number = 0;  ///< 0: not asked for yet
    packet_id id = 0;
  };
  /// What of the session's progress in the log is to be written down.
  struct progress_state {
    std::vector<unkept_message> unkept;  ///< in order
    std::optional<time_point> due;
    bool wanted = false;  ///< at once
  };
  /// A SUBSCRIBE or UNSUBSCRIBE that waits for its shards.
  struct pending_request {
    request_number number = 0;
    packet_type reply = packet_type::suback;
    packet_id id = 0;
    std::uint32_t waiting_for = 0;  ///< shards, and the write
    write_number write = 0;         ///< 0: none is waited for
    std::uint32_t connection_epoch = 0;
    std::vector<reason_code> codes;
    std::vector<std::string> wants_retained;  ///< by position; empty = does not
    std::vector<std::string> filters;         ///< that are being written
    std::string_view reason_string;
  };
  /// An answer that waits until what it promises is on the disk.
  struct unwritten_response {
    write_number number = 0;
    std::uint32_t connection_epoch = 0;
    packet_type type{};  ///< PUBREC or PUBCOMP
    packet_id id = 0;
  };
  /// What share groups are to hear of their messages of the log.
  struct share_state {
    std::vector<share_call> reports;  ///< a `share_report` each
    struct done_message {
      request_number number = 0;  ///< of the report
      packet_id id = 0;
    };
    /// At QoS 2, of reports that groups have not written down yet.
    std::vector<done_message> unconfirmed;
  };
  struct will_state {
    message_block_ptr message;
    std::uint32_t delay = 0;  ///< seconds
  };
  /// What few connections need, and only now and then.
  struct extras {
    std::deque<pending_request> requests;  ///< numbers ascend
    std::deque<packet_id> resends;         ///< in flight, to be sent again as the quota allows
    std::optional<inbound_topic_aliases> inbound_aliases;
    std::optional<outbound_topic_aliases> outbound_aliases;
  };

  // session_connection.cpp
  void discard_state(time_point now, session_effects& effects);
  /// Returns false, and refuses, if the client cannot take what it would be told.
  bool send_connack(const connect& request, bool assigned_id, bool session_present,
                    session_effects& effects);
  void begin_resend();
  void resend(time_point now, session_effects& effects);
  void end_connection(time_point now, bool will_wanted, session_effects& effects);
  void let_expire(time_point now) noexcept;
  void publish_will(time_point now, session_effects& effects);
  void fail(const error& reason, time_point now, session_effects& effects);

  // session_moves.cpp
  moves_state& moves() {
    if (moves_ == nullptr) moves_ = std::make_unique<moves_state>();
    return *moves_;
  }
  [[nodiscard]] message_identity identify(const message_block& block,
                                          std::uint32_t index) const noexcept;
  void write_moves(session_effects& effects);
  void restore_moves(const kept_moves& kept);

  // session_end.cpp
  void leave_shares(session_effects& effects);
  [[nodiscard]] bool is_leaving(request_number number) const noexcept {
    return moves_ != nullptr && moves_->unanswered != 0 && moves_->leaving == number;
  }
  void left_shard(log_offset through, time_point now, session_effects& effects);
  void have_left(time_point now, session_effects& effects);
  [[nodiscard]] bool is_consumed() const noexcept;
  /// Of an end: whether the session, where its client is, has the message.
  [[nodiscard]] bool is_left_to_session(const message_block& block, std::uint32_t index) const;

  // session_adoption.cpp
  void adopt_subscriptions(const std::vector<kept_subscription>& moved, session_effects& effects);
  void adopted_in_part(session_effects& effects);
  void adoption_subscribed(request_number number, session_effects& effects);
  void adoption_written(write_number number, bool done, time_point now, session_effects& effects);
  bool complete_ends();
  void drop_late_ends(session_effects& effects);
  /// Whether an end has the message, so that it is not for the session to send. Asked for each
  /// message. REQUIRES: moves_.
  [[nodiscard]] bool is_left_to_end(const message_block& block, std::uint32_t index,
                                    const delivery_options& options) const;

  // session_relay.cpp
  void follow_moves(session_effects& effects);
  [[nodiscard]] bool is_relaying() const noexcept {
    return moves_ != nullptr && moves_->relay != relay_stage::none;
  }
  /// Returns false if it is malformed.
  bool relay_packet(const frame& packet, byte_view whole, session_effects& effects);
  void relay_publish(const publish& packet, byte_view whole, session_effects& effects);
  void relay_release(packet_id id, byte_view whole, session_effects& effects);
  void hold_relayed();
  void pass_to_client(byte_view packet, session_effects& effects);
  void release_relayed(write_number number);
  /// Returns whether it is a message that the client does not get.
  bool decline(const publish& packet, session_effects& effects);
  void forget_declined();
  void answer_end(packet_type type, packet_id id, reason_code code, session_effects& effects) const;
  /// Whether the client is subscribed to it.
  [[nodiscard]] bool is_wanted(std::string_view topic) const;
  /// Returns whether the packet is about something that an end has sent. REQUIRES: moves_.
  bool pass_acknowledgement(packet_type type, const publish_response& packet,
                            session_effects& effects);
  void turn_to_next_end(time_point now, session_effects& effects);
  void orphan_exchanges(session_effects& effects);
  void resend_orphans(session_effects& effects);
  void break_relay();
  /// Whether it may send what is its own: nothing is relayed, it cannot turn out soon that a
  /// message is an end's, and there are identifiers left. Asked for each message.
  /// REQUIRES: moves_.
  [[nodiscard]] bool sends_its_own() const noexcept;
  /// Room in the window, under an identifier that no end uses. REQUIRES: moves_.
  [[nodiscard]] outbound_window::place place_in_window();

  // session_inbound.cpp
  bool handle(const frame& packet, std::size_t more, time_point now, session_effects& effects);
  void on_publish(const frame& packet, std::size_t more, time_point now, session_effects& effects);
  bool resolve_alias(publish& packet, time_point now, session_effects& effects);
  [[nodiscard]] result<void> check_publish(const publish& packet) const;
  void refuse_publish(const publish& packet, const error& reason, time_point now,
                      session_effects& effects);
  bool register_publish(const publish& packet, time_point now, session_effects& effects);
  void on_acknowledgement(const frame& packet, time_point now, session_effects& effects);
  void on_puback(const publish_response& packet, time_point now);
  void on_pubrec(const publish_response& packet, time_point now, session_effects& effects);
  void on_pubrel(const publish_response& packet, session_effects& effects);
  void on_pubcomp(const publish_response& packet, time_point now);
  void on_disconnect(const frame& packet, time_point now, session_effects& effects);
  void collect_publish(const publish& packet, std::size_t more, session_effects& effects);
  void seal_publishes(time_point now, session_effects& effects);

  // session_subscribe.cpp
  void on_subscribe(const frame& packet, time_point now, session_effects& effects);
  void on_unsubscribe(const frame& packet, time_point now, session_effects& effects);
  /// What a filter that is not served is answered with.
  [[nodiscard]] static reason_code refusal(protocol_version version, reason_code code) noexcept;
  void subscribe_replay(const subscribe::entry& wanted, const subscribe& packet,
                        pending_request& pending, session_effects& effects);
  [[nodiscard]] result<topic_filter> check_filter(std::string_view text,
                                                  const subscribe& packet) const;
  [[nodiscard]] shard_subscribe empty_request() const noexcept {
    return {.epoch = epoch_,
            .lasting = cursor_ != nullptr,
            .live = cursor_ == nullptr || cursor_->wants_live(),
            .filters = {}};
  }
  /// Has the shards of a filter, or its share group, forget it; `number`: of the request, 0 if
  /// nobody waits for it. Returns how many answers a share group owes.
  std::uint32_t request_unsubscribe(const std::string& filter, request_number number,
                                    shard_parts<shard_unsubscribe>& parts,
                                    session_effects& effects);
  /// Forgets a subscription; else as `request_unsubscribe`.
  std::uint32_t end_subscription(subscription_map::iterator which, request_number number,
                                 shard_parts<shard_unsubscribe>& parts, session_effects& effects);
  std::uint32_t request_subscribe(filter_request&& wanted, request_number number,
                                  shard_parts<shard_subscribe>& parts,
                                  session_effects& effects) const;
  template <class Request>
  void dispatch(shard_parts<Request>& parts, pending_request&& pending, session_effects& effects);
  [[nodiscard]] pending_request* find_request(request_number number);
  [[nodiscard]] pending_request* find_unwritten(write_number number);
  /// One of those that `request` waits for has done its part.
  void answered(pending_request& request, session_effects& effects);
  /// It could not be written: as if the client had not subscribed.
  void refuse_request(pending_request& request, session_effects& effects);
  [[nodiscard]] bool takes_reply(std::size_t codes) const noexcept;
  void complete_request(const pending_request& request, session_effects& effects);
  void read_retained(session_effects& effects);

  // session_facts.cpp
  [[nodiscard]] fact_group login_facts(const connection_facts& connection,
                                       const clock_reading& now) const;
  [[nodiscard]] fact_group qos_facts() const;
  [[nodiscard]] fact_group cursor_facts() const;
  [[nodiscard]] fact_group will_facts() const;
  [[nodiscard]] fact_group move_facts() const;

  // session_share.cpp
  [[nodiscard]] match_details_ptr share_details(const std::string& share) const;
  [[nodiscard]] static match_details_ptr without_share(const match_details_ptr& details);
  [[nodiscard]] share_report& report_to(const std::string& share);
  /// What the group is to hear and has not been told.
  [[nodiscard]] share_report take_report(const std::string& share);
  /// No other member is to get the message.
  void report_done(packet_id id, outbound_window::message& sent);
  void report_done(const message_entry& entry, const delivery_options& options);
  /// The client is away: others are to get what it was not, or only perhaps, sent.
  void return_tracked();
  /// Those that wait; `share`: of one group, or of all if empty.
  void return_queued(std::string_view share);
  void give_back_queued(std::string_view share, session_effects& effects);
  /// The session ends: groups hear of what is in the log with the word that it leaves them, and
  /// get the rest back after that, for others.
  void report_all();
  void return_shared(session_effects& effects);
  static void give_back(const message_block& block, std::uint32_t index, const std::string& share,
                        session_effects& effects);
  /// The client unsubscribes: what it was sent of the group becomes its own.
  void leave_share(const std::string& share);
  void restore_tracked(const kept_in_flight& kept, outbound_window::message& sent);
  void send_reports(session_effects& effects);

  // session_replay.cpp
  [[nodiscard]] result<replay_filter> check_replay(std::string_view text,
                                                   const subscribe& packet) const;
  [[nodiscard]] replay* find_replay(std::string_view text) const noexcept;
  replay& make_replay(std::string_view text, const replay_filter& wanted);
  /// Returns whether there was one.
  bool stop_replay(std::string_view text, session_effects& effects);
  void ask_where_to_begin(replay& waiting, session_effects& effects);
  [[nodiscard]] bool takes_replayed(const replay& from, const message_entry& entry) const noexcept;
  void follow_replays(time_point now, session_effects& effects);
  /// Returns whether the answer was for one of them.
  bool replay_read(request_number number, log_page& page, bool failed, time_point now,
                   session_effects& effects);
  void send_replayed(replay& from, const page_reader::message& next, time_point now,
                     session_effects& effects);
  [[nodiscard]] match_details_ptr replay_details(std::uint32_t identifier,
                                                 const log_run& run) const;
  /// Of a message in flight; 0 = none.
  [[nodiscard]] static std::uint32_t replay_identifier(const outbound_window::message& sent) {
    const auto identifiers = identifiers_of(sent.details);
    return sent.replayed && !identifiers.empty() ? identifiers.front() : 0;
  }
  void interrupt_replays() noexcept;
  void write_replay(replay& changed, session_effects& effects);
  void write_replays(session_effects& effects);
  /// What was written of them is not on the disk.
  void forget_written_replays() noexcept;
  void restore_replay(const kept_subscription& kept);

  // session_durable.cpp
  write_number write(session_change&& change, session_effects& effects);
  void write_login(session_effects& effects);
  void write_end(session_effects& effects);
  [[nodiscard]] dropped_session everything_written() const;
  /// Answers once `change` is written; at once if nothing is kept.
  void respond_when_written(packet_type type, packet_id id, session_change&& change,
                            session_effects& effects);
  void finish_response(const unwritten_response& waiting, bool done, session_effects& effects);
  void restore_in_flight(const std::vector<kept_in_flight>& kept);
  void restore_subscriptions(const std::vector<kept_subscription>& kept, session_effects& effects);

  /// Of QoS 2: sent again it would be there twice.
  [[nodiscard]] static bool is_in_log(const message_entry& entry) noexcept {
    return entry.qos == qos::exactly_once && entry.log_offset != 0;
  }

  // session_log.cpp
  [[nodiscard]] bool comes_from_log(const message_entry& entry,
                                    const delivery_options& options) const noexcept;
  void deliver_logged(const message_block_ptr& block, std::uint32_t index,
                      const delivery_options& options, shard_index from, time_point now,
                      session_effects& effects);
  void fall_behind(std::optional<shard_index> missed, session_effects& effects);
  void leave_log(session_effects& effects);
  void leave_to_log(message_queue& waiting);
  void set_live(request_number number, bool live, session_effects& effects);
  void follow_log(time_point now, session_effects& effects);
  void send_from_log(const page_reader::message& next, time_point now, session_effects& effects);
  void become_live(time_point now, session_effects& effects);
  [[nodiscard]] log_offset log_head() const noexcept {
    return host_.log_head == nullptr ? 0 : host_.log_head->load(std::memory_order_acquire);
  }
  [[nodiscard]] std::vector<std::string> logged_filters() const;
  /// How a message of the log is to be delivered; nothing if no subscription wants it.
  [[nodiscard]] std::optional<delivery_options> match(std::string_view topic, log_offset offset,
                                                      bool own) const;
  [[nodiscard]] static bool is_to_be_fetched(const outbound_window::message& sent) noexcept {
    return sent.stage == outbound_window::stage::published && sent.block == nullptr;
  }
  void fetch_in_flight(session_effects& effects);
  void take_in_flight(const log_page& page);
  /// Something changed that is to be kept, some time.
  void progressed(time_point now) noexcept;
  void send_when_kept(packet_id id);
  void forget_unkept(packet_id id) noexcept;
  [[nodiscard]] bool is_unkept(packet_id id) const noexcept;
  [[nodiscard]] std::vector<log_offset> positions() const;
  void write_progress(session_effects& effects);
  void progress_written(write_number number, bool done, time_point now, session_effects& effects);

  // session_outbound.cpp
  void deliver_run(const message_run& run, const delivery_options& options, shard_index from,
                   time_point now, session_effects& effects);
  void drop_expired(const message_entry& entry, const delivery_options& options,
                    session_effects& effects);
  void send_qos0(const message_block& block, const message_entry& entry,
                 const delivery_options& options, time_point now, session_effects& effects);
  void send_queued(time_point now, session_effects& effects);
  void send_in_flight(packet_id id, outbound_window::message& sent, bool dup, time_point now,
                      session_effects& effects);
  [[nodiscard]] std::optional<time_point> keep_alive_due() const noexcept;
  [[nodiscard]] bool may_send() const noexcept;
  /// Whether messages of an earlier connection are still to be sent again.
  [[nodiscard]] bool is_resending() const noexcept {
    return extras_ != nullptr && !extras_->resends.empty();
  }
  /// Whether a message that was not sent before may go out.
  [[nodiscard]] bool window_is_open() const noexcept;
  void complete(packet_id id, outbound_window::message& sent);
  /// Lets a topic alias stand for the topic where the packet stays within the client's limit.
  void choose_alias(const message_block& block, const message_entry& entry,
                    delivery_header& header);
  void tidy(time_point now);
  [[nodiscard]] bool has_room(const message_queue& queue, std::size_t size) const noexcept;
  /// Returns false if there is no room for it.
  [[nodiscard]] bool send_or_queue(const message_block_ptr& block, std::uint32_t index,
                                   const delivery_options& options, time_point now,
                                   session_effects& effects);
  void send_first_time(const message_block_ptr& block, std::uint32_t index,
                       const delivery_options& options, time_point now, session_effects& effects);
  /// `what`, or nothing if it makes a packet of `size` bytes longer than the client takes.
  [[nodiscard]] std::string_view reason_that_fits(std::string_view what,
                                                  std::size_t size) const noexcept;
  void respond(packet_type type, packet_id id, reason_code code, session_effects& effects,
               std::string_view what = {});

  extras& more_state() {
    if (extras_ == nullptr) extras_ = std::make_unique<extras>();
    return *extras_;
  }

  // -- the session (survives a connection)
  const session_host& host_;
  const shared_text client_id_;
  const std::uint64_t number_;
  subscription_map subscriptions_;
  std::uint32_t epoch_ = 0;
  std::uint32_t first_connection_ = 0;  ///< its epoch; what came over earlier ones is not ours
  request_number last_request_ = 0;
  outbound_window window_;
  std::unique_ptr<message_queue> queue_;
  std::unique_ptr<retained_pulls> pulls_;
  std::unique_ptr<std::vector<replay>> replays_;
  std::unique_ptr<share_state> shares_;
  packet_id_set inbound_qos2_;   ///< received; PUBREL is due
  packet_id_set accepted_qos2_;  ///< of these, the ones that shards have taken
  optional_time expires_at_;
  optional_time will_due_;
  std::unique_ptr<will_state> will_;
  write_number last_write_ = 0;
  std::unique_ptr<std::deque<unwritten_response>> unwritten_;
  std::unique_ptr<log_cursor> cursor_;        ///< null: it does not outlive the process
  std::unique_ptr<progress_state> progress_;  ///< null as `cursor_`
  std::unique_ptr<moves_state> moves_;        ///< null: it was always here, alone
  hybrid_stamp stamp_ = 0;                    ///< of the client's claim; 0: none
  std::uint32_t shared_subscriptions_ = 0;
  std::uint32_t expiry_ = 0;  ///< seconds

  // -- the connection
  output_queue output_;
  std::unique_ptr<extras> extras_;
  time_point last_received_{};
  optional_time tidy_due_;  ///< set while messages are kept for the client
  std::uint32_t connection_epoch_ = 0;
  std::uint32_t maximum_packet_size_ = 0;  ///< the client's, in bytes; 0 = no limit
  std::uint32_t unacknowledged_ = 0;       ///< QoS 1 and 2 PUBLISH packets of the client
  std::uint16_t keep_alive_ = 0;           ///< seconds; 0 = none
  std::uint16_t receive_maximum_ = 0;      ///< QoS 1 and 2 PUBLISH packets it takes at a time
  std::uint16_t send_quota_ = 0;           ///< and how many more now
  protocol_version version_ = protocol_version::v3_1_1;
  bool exists_ = false;      ///< there is state of a session to resume
  bool is_written_ = false;  ///< something of it is on the disk, or soon will be
  bool connected_ = false;
  bool was_connected_ = false;  ///< when the process went down
  bool began_clean_ = false;
  bool clean_start_ = false;  ///< in CONNECT
  bool problem_information_ = true;
  bool expiry_was_zero_ = true;  ///< in CONNECT
};

}  // namespace troupe
