#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/frame.hpp"
#include "libbroker/topic.hpp"
#include "libbroker/utf8.hpp"

#include <benchmark/benchmark.h>

#include <string>

using namespace troupe;

namespace {

constexpr auto v3_1_1 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

const std::string payload(64, 'x');
const std::string topic = "plant/line-7/press/temperature";
// Payload format indicator, content type and a user property.
constexpr char property_bytes[] = "\x01\x01"
                                  "\x03\0\x0Atext/plain"
                                  "\x26\0\x01k\0\x01v";
const std::string properties(property_bytes, sizeof property_bytes - 1);

publish sample_publish() {
  publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(payload);
  return packet;
}

/// `packet` as it arrives.
byte_buffer wire(const publish& packet, protocol_version version) {
  byte_buffer out;
  encode(packet, version, out);
  return out;
}

void decode_publish_loop(benchmark::State& state, const byte_buffer& bytes,
                         protocol_version version) {
  const frame packet = scan_frame(bytes.view(), 0)->packet;
  for (auto _ : state) {
    frame given = packet;
    benchmark::DoNotOptimize(given);
    auto decoded = decode_publish(given, version);
    benchmark::DoNotOptimize(decoded);
  }
}

void scan_publish(benchmark::State& state) {
  const byte_buffer bytes = wire(sample_publish(), v3_1_1);
  for (auto _ : state) {
    byte_view given = bytes.view();
    benchmark::DoNotOptimize(given);
    auto scanned = scan_frame(given, 0);
    benchmark::DoNotOptimize(scanned);
  }
}
BENCHMARK(scan_publish);

void decode_publish_3_1_1(benchmark::State& state) {
  decode_publish_loop(state, wire(sample_publish(), v3_1_1), v3_1_1);
}
BENCHMARK(decode_publish_3_1_1);

void decode_publish_5(benchmark::State& state) {
  decode_publish_loop(state, wire(sample_publish(), v5), v5);
}
BENCHMARK(decode_publish_5);

void decode_publish_5_by_alias(benchmark::State& state) {
  publish packet = sample_publish();
  const std::string alias{"\x23\x00\x01", 3};
  packet.topic = {};
  packet.properties = as_bytes(alias);
  decode_publish_loop(state, wire(packet, v5), v5);
}
BENCHMARK(decode_publish_5_by_alias);

void decode_publish_5_with_properties(benchmark::State& state) {
  publish packet = sample_publish();
  packet.properties = as_bytes(properties);
  decode_publish_loop(state, wire(packet, v5), v5);
}
BENCHMARK(decode_publish_5_with_properties);

/// Encodes into a buffer that is emptied as often as a socket would.
template <class Encode>
void encode_loop(benchmark::State& state, Encode encode_one) {
  constexpr std::size_t flushed_at = 64 * 1024;
  byte_buffer out(2 * flushed_at);
  for (auto _ : state) {
    if (out.size() > flushed_at) out.clear();
    encode_one(out);
    benchmark::ClobberMemory();
  }
}

void encode_publish_3_1_1(benchmark::State& state) {
  publish packet = sample_publish();
  encode_loop(state, [&](byte_buffer& out) {
    benchmark::DoNotOptimize(packet);
    encode(packet, v3_1_1, out);
  });
}
BENCHMARK(encode_publish_3_1_1);

void encode_publish_5_qos_1(benchmark::State& state) {
  publish packet = sample_publish();
  packet.qos = qos::at_least_once;
  packet.id = 7;
  encode_loop(state, [&](byte_buffer& out) {
    benchmark::DoNotOptimize(packet);
    encode(packet, v5, out);
  });
}
BENCHMARK(encode_publish_5_qos_1);

void encode_puback_5(benchmark::State& state) {
  publish_response packet;
  packet.id = 7;
  encode_loop(state, [&](byte_buffer& out) {
    benchmark::DoNotOptimize(packet);
    encode(packet_type::puback, packet, v5, out);
  });
}
BENCHMARK(encode_puback_5);

void decode_puback_5(benchmark::State& state) {
  byte_buffer bytes;
  publish_response packet;
  packet.id = 7;
  encode(packet_type::puback, packet, v5, bytes);
  const frame scanned = scan_frame(bytes.view(), 0)->packet;
  for (auto _ : state) {
    frame given = scanned;
    benchmark::DoNotOptimize(given);
    auto decoded = decode_publish_response(given, v5);
    benchmark::DoNotOptimize(decoded);
  }
}
BENCHMARK(decode_puback_5);

void check_topic_name_of(benchmark::State& state) {
  std::string_view name = topic;
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    auto checked = check_topic_name(name);
    benchmark::DoNotOptimize(checked);
  }
}
BENCHMARK(check_topic_name_of);

void is_mqtt_string_of_german(benchmark::State& state) {
  std::string_view text = "werk/straße-7/presse/öltemperatur";
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(is_mqtt_string(text));
  }
}
BENCHMARK(is_mqtt_string_of_german);

void partition_of_topic(benchmark::State& state) {
  std::string_view name = topic;
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(partition_of(name));
  }
}
BENCHMARK(partition_of_topic);

void match_filter(benchmark::State& state) {
  std::string_view filter = "plant/+/press/#";
  for (auto _ : state) {
    benchmark::DoNotOptimize(filter);
    benchmark::DoNotOptimize(matches(filter, topic));
  }
}
BENCHMARK(match_filter);

}  // namespace

BENCHMARK_MAIN();
