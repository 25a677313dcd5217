// The main path without sockets and actors: bytes of a publisher through session, router and
// session to the bytes of a subscriber, and the acknowledgements back. One item = one message.

#include "libbroker/codec/encode.hpp"
#include "libbroker/router/router.hpp"
#include "libbroker/session/session.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace {

using namespace troupe;

constexpr std::uint16_t messages_per_round = 500;

struct endpoint {
  endpoint(std::string id, std::uint64_t number, const config& settings)
      : host{settings}, machine(shared_text(id), number, host) {
    machine.attach({.version = protocol_version::v3_1_1, .clean_start = true, .client_id = id},
                   false, time_point(), effects);
    machine.output().clear();
    effects.clear();
  }

  session_host host;
  session machine;
  session_effects effects;
};

/// Reads the packets in `bytes` as a client that acknowledges each at once.
void acknowledge(byte_view bytes, byte_buffer& answer) {
  while (!bytes.empty()) {
    const auto scanned = scan_frame(bytes, 0);
    const frame& packet = scanned->packet;
    const auto body = as_text(packet.body);
    std::size_t at = 0;
    packet_type reply{};
    switch (packet.type) {
    case packet_type::publish:
      at = 2 + static_cast<unsigned char>(body[0]) * 256U + static_cast<unsigned char>(body[1]);
      reply = (packet.flags & 6) == 2 ? packet_type::puback : packet_type::pubrec;
      break;
    case packet_type::pubrec: reply = packet_type::pubrel; break;
    case packet_type::pubrel: reply = packet_type::pubcomp; break;
    default: break;
    }
    if (reply != packet_type{} && !(packet.type == packet_type::publish && packet.flags == 0)) {
      answer.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(reply) << 4 |
                                                 (reply == packet_type::pubrel ? 2U : 0U)));
      answer.push_back(2);
      answer.append(body.substr(at, 2));
    }
    bytes = bytes.subspan(scanned->size);
  }
}

byte_buffer take_output(session& machine) {
  byte_buffer taken;
  std::vector<byte_view> views(4096);
  const std::size_t count = machine.output().gather(views);
  for (std::size_t i = 0; i != count; ++i)
    taken.append(views[i]);
  machine.output().consume(machine.output().size());
  return taken;
}

void pair(benchmark::State& state) {
  const auto level = static_cast<qos>(state.range(0));
  const config settings;
  endpoint publisher("publisher", 1, settings);
  endpoint subscriber("subscriber", 2, settings);
  router shard({});
  shard.subscribe(shard.join(2), *parse_topic_filter("bench/pair/1"), {.qos = level}, 0);

  const std::string payload(64, 'x');
  byte_buffer input;
  for (std::uint16_t i = 1; i <= messages_per_round; ++i)
    encode(publish{.qos = level,
                   .topic = "bench/pair/1",
                   .id = level == qos::at_most_once ? packet_id{0} : i,
                   .payload = as_bytes(payload)},
           protocol_version::v3_1_1, input);

  std::vector<routed> deliveries;
  byte_buffer answer;
  const time_point now;
  for (auto _ : state) {
    publisher.machine.receive(input.view(), now, publisher.effects);
    for (routing_request& request : publisher.effects.requests) {
      const auto& block = std::get<shard_publish>(request).block;
      shard.route(block);
      deliveries.clear();
      shard.flush(deliveries);
      for (const routed& one : deliveries)
        subscriber.machine.deliver(*one.messages, one.options, now, subscriber.effects);
      publisher.machine.accepted(*block, subscriber.effects);
    }
    publisher.effects.clear();
    // Acknowledgements on both sides, until nobody owes any.
    for (endpoint* one : {&publisher, &subscriber}) {
      for (;;) {
        const byte_buffer output = take_output(one->machine);
        answer.clear();
        acknowledge(output.view(), answer);
        if (answer.empty()) break;
        one->machine.receive(answer.view(), now, one->effects);
        one->effects.clear();
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * messages_per_round);
}
BENCHMARK(pair)->Arg(0)->Arg(1)->Arg(2);

}  // namespace

BENCHMARK_MAIN();
