#include "apps/troupe-bench/options.hpp"

#include "apps/troupe-bench/payload_header.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace troupe::bench {
namespace {

unsigned default_count(scenario value) noexcept {
  switch (value) {
  case scenario::pairs: return 50;
  case scenario::fan_in:
  case scenario::fan_out: return 500;
  case scenario::wildcard: return 1000;
  case scenario::shared: return 50;
  case scenario::retained:
  case scenario::drain: return 100'000;
  case scenario::offline: return 1000;
  case scenario::connect:
  case scenario::idle: return 10'000;
  case scenario::latency: return 1;
  }
  return 1;
}

void require(bool condition, const char* sentence) {
  if (!condition) throw std::invalid_argument(sentence);
}

/// Messages wait only for sessions that outlive their connection, and only from QoS 1 on.
void complete_waiting(options& wanted) {
  wanted.persistent = true;
  wanted.qos = std::max(wanted.qos, qos::at_least_once);
  if (wanted.scenario == scenario::offline) {
    wanted.publishers = 1;
    if (wanted.messages == 0) wanted.messages = 1000;
    return;
  }
  if (wanted.publishers == 0) wanted.publishers = std::gcd(wanted.count, 10U);
  require(wanted.count % wanted.publishers == 0,
          "The publishers of the drain scenario must have equally many messages.");
  wanted.messages = wanted.count / wanted.publishers;
}

}  // namespace

std::string_view to_string(scenario value) noexcept {
  switch (value) {
  case scenario::pairs: return "pairs";
  case scenario::fan_in: return "fan-in";
  case scenario::fan_out: return "fan-out";
  case scenario::wildcard: return "wildcard";
  case scenario::shared: return "shared";
  case scenario::retained: return "retained";
  case scenario::drain: return "drain";
  case scenario::offline: return "offline";
  case scenario::connect: return "connect";
  case scenario::idle: return "idle";
  case scenario::latency: return "latency";
  }
  return "unknown";
}

std::string_view to_string(pacing value) noexcept {
  switch (value) {
  case pacing::flat_out: return "flat-out";
  case pacing::closed_loop: return "closed-loop";
  case pacing::open_loop: return "open-loop";
  }
  return "unknown";
}

void complete(options& wanted) {
  require(wanted.payload >= payload_header::size, "The payload must have at least 24 bytes.");
  require(wanted.payload <= 268'000'000, "The payload must have at most 268000000 bytes.");
  require(!wanted.ports.empty(), "There must be at least one port.");
  require(wanted.window > 0, "The window must be at least 1.");
  require(wanted.gather <= 100'000, "--gather takes at most 100000 microseconds.");
  require(wanted.threads > 0, "There must be at least one thread.");
  require(wanted.connecting > 0, "At least one connection must be opened at a time.");
  require(std::min({wanted.rate, wanted.duration, wanted.linger, wanted.connect_rate,
                    wanted.connect_timeout}) >= 0,
          "Rates and times must not be negative.");
  require(wanted.rate == 0 || wanted.closed_loop == 0,
          "--rate and --closed-loop exclude each other.");
  require(wanted.messages == 0 || wanted.duration == 0,
          "--messages and --duration exclude each other.");

  if (wanted.count == 0) wanted.count = default_count(wanted.scenario);
  switch (wanted.scenario) {
  case scenario::pairs:
  case scenario::fan_in:
  case scenario::shared: wanted.publishers = wanted.count; break;
  case scenario::fan_out: wanted.publishers = 1; break;
  case scenario::wildcard:
    if (wanted.publishers == 0) wanted.publishers = 50;
    require(wanted.publishers <= wanted.count,
            "The wildcard scenario needs at least one topic for each publisher.");
    break;
  case scenario::retained:
    if (wanted.publishers == 0) wanted.publishers = 1;
    require(wanted.publishers <= wanted.count,
            "The retained scenario needs at least one topic for each publisher.");
    break;
  case scenario::drain:
  case scenario::offline: complete_waiting(wanted); break;
  case scenario::latency:
    wanted.publishers = wanted.count;
    if (wanted.rate == 0 && wanted.closed_loop == 0) wanted.closed_loop = 1;
    break;
  case scenario::connect:
  case scenario::idle: wanted.publishers = 0; break;
  }
  require(wanted.scenario != scenario::shared || wanted.members > 0,
          "A shared subscription needs at least one member.");

  if (wanted.messages == 0 && wanted.duration == 0) wanted.duration = 5;
  if (wanted.warmup < 0) wanted.warmup = wanted.messages != 0 ? 0 : 1;
  require(wanted.messages == 0 || wanted.warmup == 0, "--messages takes no --warmup.");

  if (wanted.client_prefix.empty()) {
    // As long in each run, as what a client costs a broker depends on it.
    std::array<char, 5> process;
    int rest = ::getpid();
    for (char& digit : process) {
      digit = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36];
      rest /= 36;
    }
    wanted.client_prefix = "bench-" + std::string(process.data(), process.size()) + "-";
  }
}

}  // namespace troupe::bench
