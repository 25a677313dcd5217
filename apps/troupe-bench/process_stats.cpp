#include "apps/troupe-bench/process_stats.hpp"

#include <ctime>
#include <fstream>
#include <string>

namespace troupe::bench {
namespace {

double seconds(const timespec& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

std::optional<process_sample> sample_process(int pid) {
  clockid_t clock = 0;
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    return std::nullopt;

  process_sample sample;
  sample.cpu_seconds = seconds(used);
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("VmRSS:")) sample.rss_bytes = std::stoull(line.substr(6)) * 1024;
  return sample;
}

double own_cpu_seconds() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return seconds(used);
}

}  // namespace troupe::bench
