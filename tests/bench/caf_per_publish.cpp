// What two processes would give that send each other one CAF message for each publish, as CAF's
// network transparency invites to; tests/bench/cluster.py measures it beside two nodes. As many
// messages are under way as credit allows, so that memory stays bounded.
//
//     caf_per_publish receive          says its port, and ends with its input
//     caf_per_publish send PORT SECONDS
//                                      says as JSON how many messages a second were taken there

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string>
#include <utility>

namespace {

/// What a node would say of a message; like those of `troupe-bench pairs`.
struct published {
  std::string topic = "bench/pair/17";
  std::string payload = std::string(64, 'x');
  std::uint8_t qos = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, published& message) {
  return f(caf::meta::type_name("published"), message.topic, message.payload, message.qos);
}

using credit_atom = caf::atom_constant<caf::atom("credit")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using end_atom = caf::atom_constant<caf::atom("end")>;

/// Messages under way, about as many bytes as `cluster.credit` is.
constexpr std::uint32_t window = 100'000;
constexpr std::uint32_t credit_step = window / 10;
/// The sender lets others run after so many.
constexpr std::uint32_t burst = 1'000;

caf::behavior receiver(caf::stateful_actor<std::uint32_t>* self) {
  self->state = 0;
  return {[self](const published& message) {
    if (message.payload.size() != 64) std::abort();
    if (++self->state == credit_step) {
      self->state = 0;
      self->send(caf::actor_cast<caf::actor>(self->current_sender()), credit_atom::value,
                 credit_step);
    }
  }};
}

struct sending {
  std::uint32_t credit = window;
  bool is_due = false;  ///< a tick is in the mailbox
  std::uint64_t taken = 0;
};
caf::behavior sender(caf::stateful_actor<sending>* self, const caf::actor& to,
                     std::chrono::milliseconds duration) {
  self->send(self, tick_atom::value);
  self->delayed_send(self, std::chrono::seconds(1), end_atom::value, std::uint64_t{0});
  return {
      [=](tick_atom) {
        sending& state = self->state;
        for (std::uint32_t i = 0; i != burst && state.credit != 0; ++i, --state.credit)
          self->send(to, published());
        state.is_due = state.credit != 0;
        if (state.is_due) self->send(self, tick_atom::value);
      },
      [=](credit_atom, std::uint32_t count) {
        sending& state = self->state;
        state.credit += count;
        state.taken += count;
        if (!std::exchange(state.is_due, true)) self->send(self, tick_atom::value);
      },
      // The first time the warm-up is over.
      [=](end_atom, std::uint64_t before) {
        if (before == 0)
          return self->delayed_send(self, duration, end_atom::value, self->state.taken + 1);
        const auto taken = static_cast<double>(self->state.taken + 1 - before);
        std::cout << "{\"messages_per_second\": "
                  << static_cast<std::uint64_t>(taken * 1000 /
                                                static_cast<double>(duration.count()))
                  << "}" << std::endl;
        std::_Exit(0);
      },
  };
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  caf::actor_system_config settings;
  settings.add_message_type<published>("published");
  settings.load<caf::io::middleman>();
  caf::actor_system system(settings);
  if (role == "receive" && count == 2) {
    const auto port = system.middleman().publish(system.spawn(receiver), 0, "127.0.0.1");
    if (!port) return 1;
    std::cout << *port << std::endl;
    std::cin.ignore(std::numeric_limits<std::streamsize>::max());
    std::_Exit(0);
  }
  if (role == "send" && count == 4) {
    const auto to = system.middleman().remote_actor(
        "127.0.0.1", static_cast<std::uint16_t>(std::stoi(arguments[2])));
    if (!to) return 1;
    system.spawn(sender, *to,
                 std::chrono::milliseconds(static_cast<int>(1000 * std::stod(arguments[3]))));
    system.await_all_actors_done();
  }
  std::cerr << "usage: caf_per_publish receive | send PORT SECONDS\n";
  return 2;
}
