#include "apps/troupectl/command_line.hpp"
#include "apps/troupectl/offline.hpp"
#include "apps/troupectl/presentation.hpp"
#include "net/control_client.hpp"

#include <csignal>
#include <exception>
#include <iostream>

namespace {

/// Returns a sentence about what went wrong, or nothing.
std::string answer(const troupe::command_line& given, troupe::presenter& to) {
  auto broker = troupe::control_client::connect(given.data_dir);
  if (!broker) return broker.error();
  if (*broker != nullptr) {
    (*broker)->ask(given.request, [&](std::string_view line) { to.put(line); });
    return {};
  }
  if (given.needs_broker) return "no broker runs on " + given.data_dir;
  // A backup cleans up behind itself; nothing else has to.
  const auto give_up = [](int) { troupe::presenter::give_up(); };
  std::signal(SIGINT, give_up);
  std::signal(SIGTERM, give_up);
  return troupe::answer_offline(given.data_dir, given.request, to);
}

}  // namespace

int main(int argc, char** argv) {
  const troupe::command_line given = troupe::read_command_line(argc, argv);
  if (given.exit_code) return *given.exit_code;
  try {
    if (given.inspection) return troupe::inspect(*given.inspection);
    troupe::presenter shown(given.show);
    const std::string failed = answer(given, shown);
    if (failed.empty()) return shown.finish();
    std::cerr << "troupectl: " << failed << '\n';
  } catch (const std::exception& failed) {
    std::cerr << "troupectl: " << failed.what() << '\n';
  }
  return EXIT_FAILURE;
}
