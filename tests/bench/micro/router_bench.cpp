// Subscriptions by the million: memory each, and matches per second.

#include "libbroker/router/router.hpp"

#include <benchmark/benchmark.h>

#include <malloc.h>

#include <random>
#include <string>
#include <vector>

namespace {

using namespace troupe;

/// Half exact filters, a quarter each `d/<i>/+` and `d/+/<i>/#`, one subscriber per ten.
std::string filter_number(std::size_t i) {
  const std::string device = std::to_string(i);
  switch (i % 4) {
  case 0: return "d/" + device + "/+";
  case 1: return "d/+/" + device + "/#";
  default: return "d/" + device + "/state";
  }
}

std::size_t heap_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

class filled_router {
public:
  explicit filled_router(std::size_t subscriptions) : router_({}) {
    const std::size_t before = heap_in_use();
    for (std::size_t i = 0; i != subscriptions; ++i) {
      const std::string filter = filter_number(i);
      router_.subscribe(router_.join(i / 10 + 1), *parse_topic_filter(filter), {}, 0);
    }
    bytes_per_subscription_ =
        static_cast<double>(heap_in_use() - before) / static_cast<double>(subscriptions);
  }

  router& get() { return router_; }
  [[nodiscard]] double bytes_per_subscription() const { return bytes_per_subscription_; }

private:
  router router_;
  double bytes_per_subscription_ = 0;
};

filled_router& filled(std::size_t subscriptions) {
  static filled_router instance(subscriptions);
  return instance;
}

message_block_ptr block_of(const std::vector<std::string>& topics) {
  message_block_builder builder;
  for (const std::string& topic : topics)
    builder.add({.topic = topic, .payload = as_bytes(std::string_view("0123456789abcdef"))}, topic,
                protocol_version::v3_1_1, 64 * 1024);
  return builder.seal({.publisher = 1});
}

/// `range(1)`: distinct topics in use. Few of them are remembered, many are matched anew.
void match(benchmark::State& state) {
  const auto subscriptions = static_cast<std::size_t>(state.range(0));
  filled_router& all = filled(subscriptions);
  std::mt19937 random(1);
  std::vector<message_block_ptr> blocks;
  constexpr std::size_t per_block = 256;
  const auto topics = static_cast<std::size_t>(state.range(1));
  for (std::size_t made = 0; made < topics; made += per_block) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i != per_block; ++i)
      names.push_back("d/" + std::to_string(random() % subscriptions) + "/state");
    blocks.push_back(block_of(names));
  }
  std::vector<routed> out;
  std::size_t next = 0;
  std::size_t delivered = 0;
  for (auto _ : state) {
    all.get().route(blocks[next++ % blocks.size()]);
    out.clear();
    all.get().flush(out);
    delivered += out.size();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(per_block));
  state.counters["bytes/subscription"] = all.bytes_per_subscription();
  state.counters["deliveries"] = benchmark::Counter(static_cast<double>(delivered));
}
BENCHMARK(match)->Args({1'000'000, 1024})->Args({1'000'000, 262'144});

}  // namespace

BENCHMARK_MAIN();
