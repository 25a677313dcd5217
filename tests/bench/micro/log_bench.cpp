// The offset log on this machine's disk: commits, look-ups, range scans. One item = one
// message. LOG_BENCH_DIR says where (default: the working directory), LOG_BENCH_MESSAGES
// how many the log of the reading benchmarks holds (default: 1,000,000).

#include "persistence/log_reader.hpp"
#include "persistence/offset_log.hpp"

#include <benchmark/benchmark.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>

namespace {

using namespace troupe;

constexpr std::size_t topics = 50;

std::filesystem::path place() {
  const char* const given = std::getenv("LOG_BENCH_DIR");
  return std::filesystem::path(given != nullptr ? given : ".") / "log-bench";
}

log_offset messages_to_read() {
  const char* const given = std::getenv("LOG_BENCH_MESSAGES");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1'000'000;
}

message_block_ptr block_of(std::size_t messages, std::size_t topic) {
  const std::string name = "bench/pair/" + std::to_string(topic);
  const std::string payload(64, 'x');
  message_block_builder builder;
  for (std::size_t i = 0; i != messages; ++i)
    builder.add({.qos = qos::at_least_once,
                 .topic = name,
                 .id = static_cast<packet_id>(i + 1),
                 .payload = as_bytes(payload)},
                name, protocol_version::v3_1_1, (messages - i) * 90);
  return builder.seal({.publisher = 1});
}

struct opened {
  explicit opened(const std::filesystem::path& directory)
      : store(*database::open(directory, {})), log(*offset_log::open(*store)) {}
  std::unique_ptr<database> store;
  std::unique_ptr<offset_log> log;
};

/// Stages `range(0)` blocks of `range(1)` messages at a time, in a log that has their topics.
class appender {
public:
  explicit appender(const benchmark::State& state)
      : blocks_(static_cast<std::size_t>(state.range(0))),
        all_(static_cast<std::size_t>(state.range(1))) {
    std::iota(all_.begin(), all_.end(), 0U);
    for (std::size_t topic = 0; topic != topics; ++topic)
      samples_.push_back(block_of(all_.size(), topic));
    std::filesystem::remove_all(place());
    on_.emplace(place());
    while (next_ < topics) {
      stage();
      (void)commit(false);
    }
  }

  void stage() {
    for (std::size_t i = 0; i != blocks_; ++i)
      on_->log->append(*samples_[next_++ % topics], all_, {.publisher = "bench-publisher"});
    on_->log->stage_figures();
  }
  [[nodiscard]] std::size_t staged_bytes() const { return on_->store->staged_bytes(); }
  [[nodiscard]] bool commit(bool sync) {
    if (!on_->store->commit(sync)) return false;
    on_->log->committed();
    return true;
  }

private:
  std::size_t blocks_;
  std::vector<std::uint32_t> all_;
  std::vector<message_block_ptr> samples_;
  std::optional<opened> on_;
  std::size_t next_ = 0;
};

/// Blocks and messages in each of a commit.
void commit_sizes(benchmark::internal::Benchmark* of) {
  of->Args({1, 1})->Args({1, 256})->Args({50, 5})->Args({50, 20})->Args({50, 100});
}

void append_and_sync(benchmark::State& state) {
  appender to(state);
  for (auto _ : state) {
    to.stage();
    if (!to.commit(true)) state.SkipWithError("commit failed");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0) *
                          state.range(1));
}
BENCHMARK(append_and_sync)->Apply(commit_sizes)->UseRealTime();

/// What the bytes of such a commit cost without a store: append to a file, fdatasync.
void write_and_fdatasync(benchmark::State& state) {
  std::string bytes;
  {
    appender like(state);
    like.stage();
    bytes.assign(like.staged_bytes(), 'x');
  }
  std::filesystem::remove_all(place());  // so that nothing of it is written meanwhile
  std::filesystem::create_directories(place());
  const std::filesystem::path name = place() / "plain";
  const int file = ::open(name.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_TRUNC, 0600);
  for (auto _ : state)
    if (::write(file, bytes.data(), bytes.size()) < 0 || ::fdatasync(file) != 0)
      state.SkipWithError("write failed");
  ::close(file);
  state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(write_and_fdatasync)->Apply(commit_sizes)->UseRealTime();

/// A log to read, made once.
opened& filled() {
  static opened* const made = [] {
    std::filesystem::remove_all(place());
    auto* const on = new opened(place());
    constexpr std::size_t messages = 20;
    std::vector<std::uint32_t> all(messages);
    std::iota(all.begin(), all.end(), 0U);
    std::vector<message_block_ptr> samples;
    for (std::size_t topic = 0; topic != topics; ++topic)
      samples.push_back(block_of(messages, topic));
    for (log_offset i = 0; i < messages_to_read() / messages; ++i) {
      on->log->append(*samples[i % topics], all, {.publisher = "bench-publisher"});
      if (i % 100 == 99) {
        (void)on->store->commit(on->log->needs_sync());
        on->log->committed();
      }
    }
    (void)on->store->commit(true);
    on->log->committed();
    return on;
  }();
  return *made;
}

void get_by_offset(benchmark::State& state) {
  opened& on = filled();
  const log_reader reader(*on.store, on.log->streams());
  std::mt19937_64 random(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(reader.get(1 + random() % messages_to_read()));
}
BENCHMARK(get_by_offset);

/// Reads `range(0)` messages somewhere in the log.
void scan_all_topics(benchmark::State& state) {
  opened& on = filled();
  const log_reader reader(*on.store, on.log->streams());
  std::mt19937_64 random(1);
  const auto count = static_cast<log_offset>(state.range(0));
  for (auto _ : state) {
    log_query what{.after = random() % (messages_to_read() - count)};
    what.up_to = what.after + count;
    while (what.after < what.up_to)
      what.after = reader.read(what)->reached;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(scan_all_topics)->Arg(1'000)->Arg(100'000);

/// Reads one topic of fifty, from somewhere on, until `range(0)` messages are found.
void scan_one_topic(benchmark::State& state) {
  opened& on = filled();
  const log_reader reader(*on.store, on.log->streams());
  std::mt19937_64 random(1);
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    log_query what{.filters = {"bench/pair/7"},
                   .after = random() % (messages_to_read() / 2),
                   .up_to = on.log->head()};
    for (std::size_t found = 0; found < count && what.after < what.up_to;) {
      const auto page = reader.read(what);
      found += page->messages;
      what.after = page->reached;
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(scan_one_topic)->Arg(1'000)->Arg(10'000);

void open_store(benchmark::State& state) {
  {
    opened& on = filled();
    on.log.reset();
    on.store.reset();
  }
  for (auto _ : state) {
    opened on(place());
    benchmark::DoNotOptimize(on.log->head());
  }
}
BENCHMARK(open_store)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace

BENCHMARK_MAIN();
