#include "apps/troupe-bench/process_stats.hpp"

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace troupe::bench {

std::optional<process_sample> sample_process(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string line;
  if (!std::getline(std::ifstream(folder + "/stat"), line)) return std::nullopt;

  // The second field is the program's name in parentheses and may hold anything.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field)
    fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;

  process_sample sample;
  sample.cpu_seconds =
      static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream status(folder + "/status");
  while (std::getline(status, line))
    if (line.starts_with("VmRSS:")) sample.rss_bytes = std::stoull(line.substr(6)) * 1024;
  return sample;
}

double own_cpu_seconds() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace troupe::bench
