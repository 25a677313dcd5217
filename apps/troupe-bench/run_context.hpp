#pragma once

#include "apps/troupe-bench/options.hpp"
#include "apps/troupe-bench/plan.hpp"
#include "apps/troupe-bench/sequence_tracker.hpp"
#include "apps/troupe-bench/socket.hpp"
#include "apps/troupe-bench/stream.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::bench {

class worker;

/// Someone who must get every message of some neighbouring streams.
struct receiver {
  explicit receiver(const receiver_plan& plan)
      : first_stream(plan.first_stream), trackers(plan.stream_count) {}

  std::uint32_t first_stream;
  std::vector<sequence_tracker> trackers;  ///< one for each stream
};

/// What all workers and the coordinator of a run share.
struct run_context {
  /// REQUIRES: `wanted` and `planned` outlive the context.
  run_context(const options& wanted, const plan& planned);
  run_context(const run_context&) = delete;
  run_context& operator=(const run_context&) = delete;
  ~run_context();

  const options& wanted;
  const plan& planned;
  const std::vector<endpoint> brokers;
  const std::vector<endpoint> subscribers_brokers;  ///< the same, unless they are other nodes
  const std::uint32_t run;  ///< stands in the payload of all messages of this run
  std::vector<std::unique_ptr<stream>> streams;
  std::vector<std::unique_ptr<receiver>> receivers;
  std::vector<std::unique_ptr<worker>> workers;

  /// The latency of messages sent in between is recorded; `now_ns`.
  std::atomic<std::int64_t> window_begin{std::numeric_limits<std::int64_t>::max()};
  std::atomic<std::int64_t> window_end{std::numeric_limits<std::int64_t>::max()};
  /// Where the schedule of an open loop begins; `now_ns`.
  std::atomic<std::int64_t> publish_start{0};

  /// Where the client connects.
  [[nodiscard]] const endpoint& broker_of(const client_plan& client) const noexcept;
  /// All brokers, for messages.
  [[nodiscard]] std::string broker_names() const;

  /// Keeps the first reason why a connection failed. From any thread.
  void report_failure(const std::string& reason);
  [[nodiscard]] std::string first_failure() const;

private:
  mutable std::mutex failure_mutex_;
  std::string first_failure_;
};

}  // namespace troupe::bench
