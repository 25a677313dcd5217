/// A broker inside another program: starts one on the port given, lets it serve until
/// the standard input ends, and says what went through it.
///
///     build/release/bin/embedded 1883

#include "apps/troupe/broker.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  troupe::config settings;  // what `troupe --print-default-config` shows
  settings.listeners.front().address.port =
      static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 1883);
  settings.scheduler.workers = 1;
  try {
    troupe::broker broker(settings);
    broker.start();
    std::cout << "listening on " << broker.addresses().front() << "; Ctrl-D stops" << std::endl;

    for (std::string line; std::getline(std::cin, line);) {
    }

    const auto counted = broker.state().counts.total();
    broker.stop();  // sends DISCONNECT to clients; the destructor would, too
    std::cout << "received " << counted.traffic.publishes_received << " messages, sent "
              << counted.traffic.publishes_sent << std::endl;
    return EXIT_SUCCESS;
  } catch (const std::exception& failed) {
    std::cerr << "embedded: " << failed.what() << '\n';
    return EXIT_FAILURE;
  }
}
