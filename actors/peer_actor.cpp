#include "actors/peer_actor.hpp"

#include "actors/gathering.hpp"
#include "actors/log_text.hpp"
#include "actors/random_number.hpp"
#include "libbroker/cluster/log_publisher.hpp"

#include <spdlog/spdlog.h>

#include <utility>

// The link itself. What goes over it: peer_outbound.cpp, peer_inbound.cpp, peer_retained.cpp.

namespace troupe {

namespace {

std::uint64_t make_stream_number() {
  std::uint64_t number = 0;
  while (number == 0)
    number = random_number();
  return number;
}

link_settings settings_of(const cluster_config& settings) {
  return {.heartbeat = settings.heartbeat,
          .missed_heartbeats = static_cast<std::uint32_t>(settings.missed_heartbeats),
          .credit = settings.credit};
}

}  // namespace

peer_actor::peer_actor(caf::actor_config& config, const node_context& house, std::string name)
    : exposed(config, house.roster),
      house_(house),
      name_(std::move(name)),
      number_(++house.last_session_number),
      flow_(std::make_shared<session_flow>(publisher_of_node(name_))),
      link_(make_stream_number(), settings_of(house.settings.cluster)),
      retained_(retained_settings(house, name_)),
      share_id_(share_id_of_node(name_)),
      inbound_(static_cast<std::uint32_t>(house.shards.size())),
      builders_(house.shards.size()) {}

peer_actor::behavior_type peer_actor::make_behavior() {
  return {
      // CAF looks for a message's handler from the top: those per frame come first.
      [this](const deliver& batch) { handle(batch); },
      [this](const link_packet& packet) { handle(packet); },
      [this](const accepted& batch) { handle(batch); },
      [this](const flush&) {
        flush_requested_ = false;
        send_all();
      },
      [this](const link_timer& due) { handle(due); },
      [this](const routes_changed& changes) { handle(changes); },
      [this](const routes_installed& answer) { handle(answer); },
      [this](const node_written& answer) { handle(answer); },
      [this](const tell_node& what) { handle(what); },
      [this](const share_said& word) { handle(word); },
      [this](retained_answered& answer) { handle(answer); },
      [this](const open_link& request) { handle(request); },
      [this](const link_broken& event) { handle(event); },
      [this](const node_died& event) { handle(event); },
      [this](const settle&) { return settle_link(); },
      [this](const fence&) { return ask_for_fence(); },
      [this](const stop_now&) { quit(); },
      [this](const describe_peer&) {
        return peer_description{.name = name_,
                                .is_up = link_.now() == node_link::phase::up,
                                .routes = routes_.size(),
                                .messages_forwarded = messages_forwarded_,
                                .messages_received = messages_received_,
                                .messages_dropped = messages_dropped_,
                                .unhandled_bytes = link_.unhandled_bytes()};
      },
      [this](const deliveries_missed& event) { handle(event); },
      [this](const live_set& reply) { handle(reply); },
      [this](log_read& reply) { handle(reply); },
      [this](const restore_node& kept) { return handle(kept); },
      [this](const ask_interest& question) { return handle(question); },
      // Of share groups.
      [this](const subscriptions_added& answer) { share_installed(answer.number); },
      [this](const subscriptions_removed& answer) { share_installed(answer.number); },
      // Shards are not asked for it.
      [](const credit_returned&) {},
  };
}

void peer_actor::on_exit() {
  other_ = nullptr;
  waiting_.clear();
  lending_.clear();
  watched_.clear();
  settling_.clear();
  fencing_.clear();
  fenced_.clear();
}

// -- connections ----------------------------------------------------------------------

void peer_actor::handle(const open_link& request) {
  const link_session& session = request.session;
  // What was refused comes again behind everything that was under way with it.
  if (inbound_.is_refusing())
    return send(house_.cluster, link_changed{session.other, session.id, false});
  // When both sides have connected, that of the lesser name counts, if it is not of a node that
  // has started again since.
  const auto is_lesser = [&](const link_session& of) {
    return of.is_initiator == (house_.identity.name < name_);
  };
  if (link_.now() != node_link::phase::down && node_ == session.other && !is_lesser(session) &&
      is_lesser(link_.connection()))
    return send(house_.cluster, link_changed{session.other, session.id, false});
  if (is_reported_up_ && node_ != session.other) {
    link_.disconnected();
    went_down("the node has started again");
  } else if (link_.now() != node_link::phase::down) {
    send(house_.cluster, link_changed{node_, link_.session(), false});
  }
  node_ = session.other;
  other_ = request.door;
  link_.open(session, current_time(*this), effects_);
  carry_out();
}

void peer_actor::handle(const link_broken& event) {
  if (event.other) watched_.erase(event.other);
  if (link_.now() == node_link::phase::down ||
      (event.other && event.other != caf::actor_cast<caf::actor_addr>(other_)))
    return;
  link_.disconnected();
  went_down("the connection is gone");
}

void peer_actor::watch(const caf::strong_actor_ptr& other) {
  if (other_ == other) return;
  other_ = other;
  const auto address = caf::actor_cast<caf::actor_addr>(other);
  if (!watched_.insert(address).second) return;
  other->get()->attach_functor([self = caf::actor_cast<caf::actor_addr>(this), address] {
    if (const auto peer = caf::actor_cast<caf::strong_actor_ptr>(self))
      caf::anon_send(caf::actor_cast<caf::actor>(peer), link_broken{address});
  });
}

void peer_actor::handle(const link_packet& packet) {
  const bool is_ours =
      link_.now() != node_link::phase::down && session_of(packet) == link_.session();
  link_.receive(packet, current_time(*this), effects_);
  // Who sends what has the right seal is where answers go.
  if (is_ours && !effects_.lost && current_sender() != nullptr) watch(current_sender());
  carry_out();
}

void peer_actor::handle(const link_timer& due) {
  if (!alarm_.rings(due)) return;
  link_.tick(current_time(*this), effects_);
  carry_out();
}

void peer_actor::handle(const node_died& event) {
  // Whoever returns gets all, and says all, anew.
  const bool was_down = link_.now() == node_link::phase::down;
  link_.refuse_stream();
  if (!was_down) went_down("the node has left");
  forget_stream();
  shares_died(event.left);
  install(event.left ? routes_.clear() : routes_.drop_unless_lasting(), 0);
  for (const shard_handle& shard : house_.shards)
    send(shard, unwatch_routes{number_});
  if (event.left) forget_log();
}

/// What was to be sent to the node and is not in the log is lost.
void peer_actor::forget_stream() {
  link_.begin_anew(make_stream_number());
  reset_stream();
  if (log_ != nullptr) count_dropped(log_->stream_forgotten());
  count_waiting();
  for (const deliver& batch : std::exchange(waiting_, {})) {
    flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
    drop(*batch.messages);
  }
}

/// What is not in a frame yet is said anew, or is in the log, like all that was.
void peer_actor::reset_stream() {
  publishes_.clear();
  frame_ = {};
  beyond_credit_ = 0;
  last_routes_ = 0;
  announcements_.clear();
}

/// Answered when nothing is left that only this process has and the node could be given.
caf::result<settled> peer_actor::settle_link() {
  send_all();
  if (is_settled()) return settled{};
  settling_.push_back(make_response_promise<settled>());
  return settling_.back();
}

caf::result<fenced> peer_actor::ask_for_fence() {
  if (link_.now() != node_link::phase::up) return fenced{};
  std::string content;
  wire_writer(content).number(++last_fence_);
  add_record(record_kind::fence, content);
  request_flush();
  auto promise = make_response_promise<fenced>();
  fencing_.emplace(last_fence_, promise);
  return promise;
}

void peer_actor::take_fence(std::string_view content) {
  fences_.push_back(wire_reader(content).number());
  pass_fences();
}

/// Has shards send what is under way in them; one round serves all that were asked for meanwhile.
void peer_actor::pass_fences() {
  if (fences_.empty() || std::exchange(is_passing_fences_, true)) return;
  auto passed = std::make_shared<std::vector<passed_fence>>();
  for (const std::uint64_t each : std::exchange(fences_, {}))
    passed->push_back({each, 0});
  gathering shards(*this, caf::infinite, [this, passed, link = fence_link_] {
    is_passing_fences_ = false;
    for (passed_fence& each : *passed)
      each.head = log_head();
    if (link == fence_link_)
      fences_ready_.insert(fences_ready_.end(), passed->begin(), passed->end());
    answer_fences();
    pass_fences();
  });
  for (const shard_handle& shard : house_.shards)
    shards.ask<settled>(shard, settle{});
  shards.all_asked();
}

/// Once the node has what was for it when it asked.
void peer_actor::answer_fences() {
  const bool has_more = !waiting_.empty() || counted_waiting_ != 0;
  if (fences_ready_.empty() || has_more || (log_ != nullptr && !log_->is_live())) return;
  for (const passed_fence& each : std::exchange(fences_ready_, {})) {
    std::string content;
    wire_writer to(content);
    to.number(each.number);
    to.number(each.head);
    add_record(record_kind::fenced, content);
  }
  request_flush();
}

void peer_actor::take_fenced(std::string_view content) {
  wire_reader in(content);
  auto found = fencing_.extract(in.number());
  if (found.empty()) return;
  fenced answer{.is_reached = true};
  if (!in.at_end()) answer.head = in.number();  // else of an earlier version
  // What came before may be refused, and comes again.
  fenced_.push_back({arriving_, answer, std::move(found.mapped())});
}

void peer_actor::answer_settled() {
  if (settling_.empty() || !is_settled()) return;
  for (auto& each : std::exchange(settling_, {}))
    each.deliver(settled{});
}

bool peer_actor::is_settled() const noexcept {
  const bool has_all = waiting_.empty() && lending_.empty() && counted_waiting_ == 0 &&
                       publishes_.empty() && frame_.empty() && link_.unhandled_bytes() == 0;
  return has_all || link_.now() != node_link::phase::up;
}

// -- carrying out ---------------------------------------------------------------------

void peer_actor::carry_out() {
  // What is done below has effects of its own, which come behind these.
  link_effects due = std::exchange(effects_, {});
  for (link_packet& packet : due.packets)
    transmit(std::move(packet));
  if (due.other_begins_anew) {
    inbound_.begins_anew();
    installations_.clear();
  }
  if (due.is_up) came_up(due.begins_anew);
  for (const link_effects::arrival& frame : due.frames)
    take_frame(frame);
  if (due.lost) went_down(*due.lost, other_ == nullptr ? caf::node_id() : other_->node());
  if (!effects_.packets.empty()) return carry_out();
  if (!(waiting_.empty() && lending_.empty()) && takes_messages()) forward_waiting();
  if (has_room()) follow_log();
  answer_fences();
  keep_progress();
  write_again();
  answer_settled();
  tick_retained();
  set_timer();
}

void peer_actor::transmit(link_packet&& packet) {
  if (other_ != nullptr) send_packet(other_, std::move(packet));
}

void peer_actor::came_up(bool begins_anew) {
  if (!std::exchange(is_reported_up_, true))
    spdlog::info("event=node_up node={} address={}", name_, log_text{node_.address});
  const auto earlier = house_.earlier_marks.find(node_.node.home);
  inbound_.comes_from(node_.node.home,
                      earlier == house_.earlier_marks.end() ? nullptr : &earlier->second);
  if (begins_anew) {
    reset_stream();
    waiting_for_shards_ = house_.shards.size();
    ++snapshot_;
    std::string content;
    encode(routes_record{.number = ++last_routes_, .begins_snapshot = true}, content);
    add_record(record_kind::routes, content);
  }
  watch_shards(begins_anew ? snapshot_ : 0);
  send(house_.cluster, link_changed{node_, link_.session(), true});
  enter_log(begins_anew);
  shares_up();
  compare_retained();
  request_flush();
}

void peer_actor::watch_shards(std::uint32_t snapshot) {
  for (const shard_handle& shard : house_.shards)
    send(shard, watch_routes{.peer = caf::actor_cast<peer_handle>(this),
                             .node = number_,
                             .flow = flow_,
                             .snapshot = snapshot});
}

void peer_actor::went_down(std::string_view why, const caf::node_id& stuck) {
  other_ = nullptr;
  fences_.clear();
  fences_ready_.clear();
  ++fence_link_;
  for (auto& [number, promise] : std::exchange(fencing_, {}))
    promise.deliver(fenced{});
  for (passing_fence& each : std::exchange(fenced_, {}))
    each.promise.deliver(fenced{});
  answer_settled();
  retained_.link_down();
  send(house_.cluster, link_changed{node_, link_.connection().id, false, stuck});
  if (!std::exchange(is_reported_up_, false)) {
    spdlog::debug("event=link_not_opened node={} reason=\"{}\"", name_, why);
    return;
  }
  spdlog::warn("event=node_down node={} reason=\"{}\"", name_, why);
  for (const shard_handle& shard : house_.shards)
    send(shard, unwatch_routes{number_});
  shares_down();
  if (log_ == nullptr) return;
  log_->link_down(log_effects_);
  carry_out_log(false);
}

void peer_actor::set_timer() {
  auto due = link_.deadline();
  if (write_again_at_ && (!due || *write_again_at_ < *due)) due = write_again_at_;
  alarm_.set(*this, due, current_time(*this));
}

}  // namespace troupe
