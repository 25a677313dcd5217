// A node of a later build, for tests of a cluster that is upgraded node by node: speaks as such a
// one may (tests/libbroker/cluster/later_version.hpp), keeps links, takes and gives messages, and
// does as little else as others put up with. Says on its output what happens, a line each:
//
//     listening ADDRESS              others reach it there
//     linked NODE                    and VERSION that is spoken
//     refused REASON                 by whom it has connected to
//     lost NODE REASON
//     wanted NODE FILTER             clients there have subscribed
//     installed NODE                 what it has subscribed to, the node forwards
//     got NODE QOS TOPIC PAYLOAD
//
// and is told on its input: `join ADDRESS`, `subscribe FILTER`, `publish QOS TOPIC PAYLOAD`. Ends
// with its input.
//
//     later_node NAME SECRET OLDEST NEWEST

#include "actors/protocol/cluster.hpp"
#include "actors/random_number.hpp"
#include "libbroker/cluster/member_gossip.hpp"
#include "libbroker/cluster/node_link.hpp"
#include "libbroker/cluster/registry_wire.hpp"
#include "libbroker/cluster/retained_wire.hpp"
#include "libbroker/statistics/cluster_totals.hpp"
#include "tests/libbroker/cluster/later_version.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using tick_atom = caf::atom_constant<caf::atom("tick")>;

struct options {
  std::string name;
  std::string secret;
  version_range speaks;
};

time_point steady_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now());
}

/// Lines for the test, whole and at once.
template <class... Parts>
void say(const Parts&... parts) {
  (std::cout << ... << parts) << std::endl;
}

/// A record as a later version would make it, among others that nobody knows.
void add(frame_builder& frame, record_kind kind, std::string_view content) {
  frame.add(static_cast<record_kind>(200), later_values);
  frame.add(kind, content);
}
/// One whose kind does not fit into a byte.
std::string large_kind() {
  std::string bytes;
  wire_writer out(bytes);
  out.number(256 + static_cast<std::uint64_t>(record_kind::gossip));
  out.text(later_values);
  return bytes;
}

class later_node final : public caf::event_based_actor {
public:
  later_node(caf::actor_config& config, options given)
      : caf::event_based_actor(config), given_(std::move(given)) {
    self_.node = {given_.name, random_number() | 1, 1};
    set_default_handler(caf::drop);
  }

protected:
  caf::behavior make_behavior() override {
    delayed_send(this, std::chrono::milliseconds(20), tick_atom::value);
    return {
        [this](link_packet& packet) { take(packet); },
        [this](std::uint16_t port) {
          self_.address = "127.0.0.1:" + std::to_string(port);
          say("listening ", self_.address);
        },
        [this](const std::string& line) { obey(std::istringstream(line)); },
        [this](tick_atom) {
          for (auto& [id, each] : links_)
            act(each, [&](node_link& machine) { machine.tick(steady_now(), effects_); });
          delayed_send(this, std::chrono::milliseconds(20), tick_atom::value);
        },
    };
  }

private:
  struct link {
    link_session session;
    std::unique_ptr<node_link> machine;
    caf::strong_actor_ptr other;
    std::uint64_t last_routes = 0;
    hybrid_stamp number = 0;  ///< of the link, for registries
  };

  // -- what it is told

  void obey(std::istringstream line) {
    std::string what;
    std::string first;
    line >> what >> first;
    if (what == "join") return join(first, 1);
    if (what == "join-twice") return join(first, 2);
    if (what == "subscribe") {
      filters_.push_back(first);
      for (auto& [id, each] : links_)
        tell_routes(each, false, std::vector{route_change{first, route_interest::lasting}});
      return;
    }
    std::string topic;
    std::string payload;
    line >> topic >> payload;
    message_block_builder builder;
    builder.add({.qos = static_cast<qos>(std::stoi(first)),
                 .topic = topic,
                 .id = 1,
                 .payload = as_bytes(payload)},
                topic, protocol_version::v5);
    std::string run;
    encode_run({.block = builder.seal({.publisher = 1, .received_at = steady_now()}),
                .first = 0,
                .count = 1},
               false, steady_now(), run);
    for (auto& [id, each] : links_)
      tell(each, record_kind::publishes, later_publishes(run));
  }

  /// `times`: that it says hello, as if the answer took long.
  void join(const std::string& address, int times) {
    const auto colon = address.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
    const auto door = system().middleman().remote_actor(address.substr(0, colon), port);
    if (!door) return say("refused nobody answers at ", address);
    const auto other = caf::actor_cast<caf::strong_actor_ptr>(*door);
    later_handshake& made = begun_.emplace(other, handshake()).first->second;
    for (; times != 0; --times)
      reply(other, made.hello());
  }

  later_handshake handshake() const { return {given_.secret, self_, make_nonce(), given_.speaks}; }
  void reply(const caf::strong_actor_ptr& to, link_packet&& packet) {
    to->enqueue(ctrl(), caf::make_message_id(), caf::make_message(std::move(packet)), context());
  }

  // -- handshakes

  void take(const link_packet& packet) {
    const caf::strong_actor_ptr from = current_sender();
    if (packet.head.empty() || from == nullptr) return;
    const auto begun = begun_.find(from);
    switch (packet.head.front()) {
    case 'H': {
      later_handshake made = handshake();
      link_packet answer = made.challenge(packet, 1);
      answered_.insert_or_assign(from, std::move(made));
      return reply(from, std::move(answer));
    }
    case 'P': {
      const auto answered = answered_.find(from);
      if (answered == answered_.end() || !answered->second.is_proven(packet)) return;
      open(answered->second, nullptr);
      return reply(from, answered->second.welcome());
    }
    case 'C':
      if (begun != begun_.end()) reply(from, begun->second.prove(packet));
      return;
    case 'W':
      if (begun != begun_.end() && begun->second.is_welcome(packet)) open(begun->second, from);
      return;
    case 'R': return say("refused ", reason_of(packet));
    default: break;
    }
    const auto found = links_.find(session_of(packet).value_or(0));
    if (found == links_.end()) return;
    found->second.other = from;
    act(found->second,
        [&](node_link& machine) { machine.receive(packet, steady_now(), effects_); });
  }

  void open(const later_handshake& done, const caf::strong_actor_ptr& door) {
    link made{.session = done.session(),
              .machine = std::make_unique<node_link>(random_number() | 1, link_settings{}),
              .other = door};
    const std::uint64_t id = made.session.id;
    say("linked ", done.other().node.name, " ", done.version());
    links_.insert_or_assign(id, std::move(made));
    act(links_.at(id),
        [&](node_link& machine) { machine.open(links_.at(id).session, steady_now(), effects_); });
  }

  // -- links

  /// What the machine does is carried out.
  void act(link& on, const std::function<void(node_link&)>& action) {
    action(*on.machine);
    if (on.other != nullptr)
      for (link_packet& packet : std::exchange(effects_.packets, {}))
        reply(on.other, say_more(std::move(packet), on.session.sending));
    link_effects done = std::exchange(effects_, {});
    if (done.lost) say("lost ", name_of(on), " ", *done.lost);
    if (done.is_up) greet(on);
    for (const link_effects::arrival& frame : done.frames) {
      read(on, *frame.frame);
      act(on, [&](node_link& machine) { machine.handled(frame.sequence, steady_now(), effects_); });
    }
  }
  [[nodiscard]] static const std::string& name_of(const link& which) {
    return which.session.other.node.name;
  }

  void tell(link& to, record_kind kind, std::string_view content) {
    frame_builder frame;
    add(frame, kind, content);
    act(to, [&](node_link& machine) {
      machine.send(std::make_shared<const std::string>(large_kind() + *frame.take()), steady_now(),
                   effects_);
    });
  }
  void tell_routes(link& to, bool is_snapshot, std::vector<route_change> changes) {
    std::string content;
    encode(routes_record{++to.last_routes, is_snapshot, is_snapshot, std::move(changes)}, content);
    tell(to, record_kind::routes, later_routes(content));
  }

  /// Who it is, how it does, and what it wants.
  void greet(link& with) {
    std::string gossip;
    append_gossip(std::vector{gossiped_member{{self_.node, self_.address, 1000, false}, false}},
                  gossip);
    tell(with, record_kind::gossip, later_gossip(gossip));
    tell(with, record_kind::figures,
         encode(figures_record{std::chrono::seconds(10), {{"of/later", 7}}}).append(later_values));
    with.number = hybrid_stamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count())
                  << 16;
    std::string greeting;
    append_registry_header(greeting, with.number, 0, with.number);
    tell(with, record_kind::clients, greeting);
    std::vector<route_change> changes;
    for (const std::string& each : filters_)
      changes.push_back({each, route_interest::lasting});
    tell_routes(with, true, std::move(changes));
  }

  void read(link& from, std::string_view frame) {
    wire_reader in(frame);
    while (!in.at_end() && in.ok()) {
      const std::uint64_t kind = in.number();
      const std::string_view content = in.text();
      if (kind <= static_cast<std::uint64_t>(record_kind::fenced))
        take_record(from, static_cast<record_kind>(kind), content);
    }
  }

  void take_record(link& from, record_kind kind, std::string_view content) {
    std::string answer;
    wire_writer out(answer);
    switch (kind) {
    case record_kind::routes: {
      const auto record = decode_routes(content);
      for (const route_change& each : record->changes)
        if (each.interest != route_interest::none) say("wanted ", name_of(from), " ", each.filter);
      out.number(record->number);
      return tell(from, record_kind::routes_installed, answer.append(later_values));
    }
    case record_kind::routes_installed:
      if (wire_reader(content).number() == from.last_routes) say("installed ", name_of(from));
      return;
    case record_kind::publishes: {
      publishes_reader messages(content, steady_now());
      while (const auto found = messages.next()) {
        const std::string_view wire = as_text(found->wire);
        say("got ", name_of(from), " ", static_cast<int>(found->entry.qos), " ",
            wire.substr(found->entry.header_size + 2U, found->entry.topic_size), " ",
            wire.substr(wire.size() - found->entry.payload_size()));
      }
      return;
    }
    case record_kind::fence:
      out.number(wire_reader(content).number());
      return tell(from, record_kind::fenced, answer.append(later_values));
    case record_kind::retained_sync:
      if (const auto word = decode_retained_word(content))
        if (const auto* const begun = std::get_if<round_begun>(&*word))
          tell(from, record_kind::retained_sync,
               encode(round_ended{begun->round}).append(later_values));
      return;
    case record_kind::clients: return take_claims(from, content);
    default: return;
    }
  }

  /// Each claim holds: nobody has another one.
  void take_claims(link& from, std::string_view content) {
    registry_message message;
    if (!read_registry_message(content, message)) return;
    std::string answer;
    append_registry_header(answer, from.number, message.from_link,
                           std::max(message.clock, from.number));
    bool says_something = false;
    for (const registry_entry& each : message.entries) {
      if (each.what != registry_entry::kind::claim) continue;
      says_something = true;
      append_registry_entry(answer, {.what = static_cast<registry_entry::kind>(99), .id = "new"});
      append_registry_entry(answer, {.what = registry_entry::kind::held,
                                     .id = each.id,
                                     .stamp = each.stamp,
                                     .is_home = true});
    }
    if (says_something) tell(from, record_kind::clients, answer);
  }

  const options given_;
  node_introduction self_;
  std::map<caf::strong_actor_ptr, later_handshake> begun_;
  std::map<caf::strong_actor_ptr, later_handshake> answered_;
  std::map<std::uint64_t, link> links_;  ///< by the number of the session
  std::vector<std::string> filters_;
  link_effects effects_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "usage: later_node NAME SECRET OLDEST NEWEST\n";
    return 2;
  }
  caf::actor_system_config settings;
  settings.add_message_type<link_packet>("troupe-link-packet");
  settings.load<caf::io::middleman>();
  caf::actor_system system(settings);
  const caf::actor node = system.spawn<later_node>(options{
      arguments[1],
      arguments[2],
      {std::strtoull(arguments[3], nullptr, 10), std::strtoull(arguments[4], nullptr, 10)}});
  const auto port = system.middleman().publish(node, 0, "127.0.0.1");
  if (!port) {
    std::cerr << "no port: " << system.render(port.error()) << '\n';
    return 1;
  }
  caf::anon_send(node, *port);
  for (std::string line; std::getline(std::cin, line);)
    caf::anon_send(node, line);
  std::_Exit(0);  // as a crash
}
