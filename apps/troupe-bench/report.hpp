#pragma once

#include "apps/troupe-bench/histogram.hpp"
#include "apps/troupe-bench/options.hpp"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace troupe::bench {

/// What a run has found out. Counts are of the measured interval unless said otherwise.
struct summary {
  std::uint64_t connections = 0;
  std::uint64_t failed_connections = 0;  ///< whole run
  std::string first_failure;

  double seconds = 0;  ///< length of the measured interval
  std::uint64_t published = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t rejected = 0;  ///< whole run; acknowledged with an error
  std::uint64_t delivered = 0;

  std::uint64_t lost = 0;        ///< whole run
  std::uint64_t duplicates = 0;  ///< whole run
  /// Whole run. Absent where several subscribers share the messages.
  std::optional<std::uint64_t> out_of_order;
  std::uint64_t foreign = 0;  ///< whole run; messages that this run did not publish

  histogram delivery_latency;  ///< ns
  histogram connect_latency;   ///< ns
  double connect_seconds = 0;

  double own_cpu_seconds = 0;
  std::optional<double> broker_cpu_seconds;
  std::uint64_t broker_rss = 0;         ///< bytes, at the end of the interval
  std::uint64_t broker_rss_begin = 0;   ///< bytes, at its begin
  std::uint64_t broker_rss_before = 0;  ///< bytes, before the first connection

  /// What one unit of the broker's CPU time is set against.
  [[nodiscard]] std::uint64_t units() const noexcept {
    if (delivered != 0) return delivered;
    return published != 0 ? published : connections;
  }
};

/// For people: one line per figure.
void print_table(std::ostream& out, const options& wanted, const summary& found);

/// For programs: one JSON object on one line.
void print_json(std::ostream& out, const options& wanted, const summary& found);

}  // namespace troupe::bench
