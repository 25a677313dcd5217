#pragma once

#include "actors/end_now.hpp"
#include "actors/homed.hpp"
#include "actors/peer_actor.hpp"
#include "libbroker/cluster/frame.hpp"
#include "libbroker/cluster/node_link.hpp"
#include "libbroker/cluster/share_wire.hpp"
#include "tests/actors/stage.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::test {

/// A stage's peer actor, and the node at the other end of its link: played with the other half of
/// the link's machine.
class played_node {
public:
  explicit played_node(stage& here) : here_(here) {
    here_.node().identity = {"here", 1, 1};
    here_.node().cluster = here_.system().spawn(cluster_of, told_);
    peer = spawn_at<peer_actor>(here_.system(), nullptr, here_.node(), "other");
    begin_actor();
    machine = std::make_unique<node_link>(++last_stream_, link_settings{});
  }
  ~played_node() {
    caf::anon_send(peer, stop_now{});
    end_now(here_.node().cluster);
    end_actor();
    here_.run();
    peer = nullptr;
    here_.node().cluster = nullptr;
  }
  played_node(const played_node&) = delete;
  played_node& operator=(const played_node&) = delete;

  // -- the link

  /// A new connection, over which this end speaks first. Returns whether the link comes up.
  bool connect() {
    link_session one{.id = ++session_, .other = {}, .is_initiator = true};
    one.sending = key_of_secret("one" + std::to_string(session_));
    one.receiving = key_of_secret("other" + std::to_string(session_));
    link_session other{
        .id = session_, .other = {{"other", home, 1}, "other:1"}, .is_initiator = false};
    other.sending = one.receiving;
    other.receiving = one.sending;
    inbox_->clear();
    caf::anon_send(peer, open_link{other, nullptr});
    here_.run();
    machine->open(one, now(), effects_);
    pass();
    return is_up();
  }
  /// The process is another one, of a data directory if it has one.
  void start_again(std::uint64_t as_home) {
    home = as_home;
    end_actor();
    begin_actor();
    machine = std::make_unique<node_link>(++last_stream_, link_settings{});
    forget();
  }
  void end_actor() {
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    here_.run();
    actor_ = nullptr;
  }
  [[nodiscard]] bool is_up() {
    here_.run();
    return machine->now() == node_link::phase::up && told_->is_up;
  }

  // -- what it says

  void send(frame_builder& frame) {
    machine->send(frame.take(), now(), effects_);
    transmit();
  }
  void send(record_kind kind, std::string_view content) {
    frame_builder frame;
    frame.add(kind, content);
    send(frame);
  }
  void send(const routes_record& routes, record_kind kind = record_kind::routes) {
    std::string content;
    encode(routes, content);
    send(kind, content);
  }
  /// All that arrived is handled.
  void handle() {
    machine->handled(last_arrived_, now(), effects_);
    machine->tick(now(), effects_);
    here_.wait(std::chrono::milliseconds(100));
    machine->tick(now(), effects_);
    pass();
  }

  // -- what it hears

  /// Everything gets to where it goes.
  void pass() {
    do {
      transmit();
      here_.run();
      take();
    } while (!effects_.packets.empty());
  }
  /// What has come is looked at; nobody runs.
  void take() {
    for (const link_packet& packet : std::exchange(*inbox_, {}))
      machine->receive(packet, now(), effects_);
    if (effects_.begins_anew) ++times_anew;
    if (effects_.other_begins_anew) forget();
    for (const link_effects::arrival& frame : effects_.frames)
      read(frame);
    effects_.frames.clear();
    effects_.is_up = effects_.begins_anew = effects_.other_begins_anew = false;
    effects_.lost.reset();
  }
  void transmit() {
    for (link_packet& packet : std::exchange(effects_.packets, {}))
      caf::actor_cast<caf::strong_actor_ptr>(peer)->enqueue(
          caf::actor_cast<caf::strong_actor_ptr>(actor_), caf::make_message_id(),
          caf::make_message(std::move(packet)), nullptr);
  }

  peer_handle peer;
  std::unique_ptr<node_link> machine;
  std::uint64_t home = 7;
  int times_anew = 0;                 ///< that this end was to say everything
  std::vector<std::string> payloads;  ///< that were forwarded
  std::uint64_t confirmed = 0;        ///< the last record of routes that is installed
  std::vector<route_change> routes;   ///< that it was told
  struct fence_answer {
    std::uint64_t number = 0;
    log_offset head = 0;
    std::size_t behind = 0;  ///< so many of `payloads`
  };
  std::vector<fence_answer> fences;
  std::vector<std::uint64_t> fences_asked;  ///< numbers
  std::vector<std::string> lent;            ///< payloads of what members here are to get

private:
  struct notes {
    bool is_up = false;
  };

  static cluster_handle::behavior_type cluster_of(const std::shared_ptr<notes>& told) {
    return {
        [](const link_packet&) {},
        [](const enter_cluster&) {},
        [told](const link_changed& event) { told->is_up = event.is_up; },
        [](const gossip_heard&) {},
        [](const clients_heard&) {},
        [](const wills_heard&) {},
        [](const say_to_node&) {},
        [](const fence_session&) {},
        [](const cluster_timer&) {},
        [](const cluster_command&) { return cluster_status{}; },
        [](const restore_node&) { return node_restored{}; },
        [](const ask_interests&) { return interests{}; },
        [](const settle&) { return settled{}; },
        [](const stop_now&) {},
    };
  }

  [[nodiscard]] time_point now() const {
    return std::chrono::floor<std::chrono::milliseconds>(here_.system().clock().now());
  }
  void begin_actor() {
    inbox_ = std::make_shared<std::vector<link_packet>>();
    actor_ = here_.system().spawn([inbox = inbox_](caf::event_based_actor*) -> caf::behavior {
      return {[inbox](const link_packet& packet) { inbox->push_back(packet); }};
    });
  }
  void forget() {
    last_arrived_ = 0;
    confirmed = 0;
    routes.clear();
  }
  void read(const link_effects::arrival& frame) {
    last_arrived_ = frame.sequence;
    wire_reader in(*frame.frame);
    while (!in.at_end() && in.ok()) {
      const auto kind = static_cast<record_kind>(in.number());
      const std::string_view content = in.text();
      if (kind == record_kind::fenced) {
        wire_reader answer(content);
        const std::uint64_t number = answer.number();
        fences.push_back({number, answer.number(), payloads.size()});
      }
      if (kind == record_kind::fence) fences_asked.push_back(wire_reader(content).number());
      if (kind == record_kind::routes_installed) confirmed = wire_reader(content).number();
      if (kind == record_kind::routes) {
        const auto record = decode_routes(content);
        routes.insert(routes.end(), record->changes.begin(), record->changes.end());
      }
      if (kind == record_kind::publishes) read_payloads(content, payloads);
      if (kind == record_kind::lent) {
        std::string_view rest = content;
        if (take_lent_header(rest)) read_payloads(rest, lent);
      }
    }
  }
  void read_payloads(std::string_view runs, std::vector<std::string>& into) {
    publishes_reader messages(runs, now());
    while (const auto found = messages.next())
      into.emplace_back(as_text(found->wire.last(found->entry.payload_size())));
  }

  stage& here_;
  std::shared_ptr<notes> told_ = std::make_shared<notes>();
  caf::actor actor_;
  std::shared_ptr<std::vector<link_packet>> inbox_;
  link_effects effects_;
  std::uint64_t session_ = 0;
  std::uint64_t last_stream_ = 100;
  std::uint64_t last_arrived_ = 0;
};

}  // namespace troupe::test
