#include "apps/troupe/broker.hpp"
#include "apps/troupe/command_line.hpp"
#include "apps/troupe/logging.hpp"
#include "libbroker/version.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <csignal>
#include <exception>
#include <iostream>

namespace {

/// A broker needs a file descriptor per client: takes as many as the system gives.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void greet(const troupe::broker& broker, const troupe::config& settings) {
  std::cout << "Troupe " << troupe::version << '\n';
  const auto addresses = broker.addresses();
  for (std::size_t i = 0; i != addresses.size(); ++i) {
    const troupe::listener_config& listener = settings.listeners[i];
    std::cout << "  " << addresses[i] << "  "
              << (listener.address.is_local() ? "this machine only" : "reachable from the network")
              << ", "
              << (listener.anonymous_allowed() ? "anyone may connect"
                                               : "closed to anonymous clients")
              << '\n';
  }
  const troupe::listener_address& first = settings.listeners.front().address;
  if (first.scheme == troupe::listener_scheme::tcp) {
    const std::string port = addresses.front().substr(addresses.front().rfind(':') + 1);
    const std::string host = first.is_local() ? first.host : "127.0.0.1";
    std::cout << "Try it:\n"
              << "  mosquitto_sub -h " << host << " -p " << port << " -t 'hello/#' -v\n"
              << "  mosquitto_pub -h " << host << " -p " << port << " -t hello/world -m hi\n";
    if (first.is_local())
      std::cout << "To open it to the network: --listen tcp://0.0.0.0:" << port
                << " --set listener.0.allow-anonymous=true\n";
  }
  std::cout << std::flush;
}

}  // namespace

int main(int argc, char** argv) {
  const troupe::command_line given = troupe::read_command_line(argc, argv);
  if (given.exit_code) return *given.exit_code;
  const troupe::config& settings = given.settings.values;
  try {
    raise_file_limit();
    troupe::set_up_logging(settings.log);

    boost::asio::io_context signals_context;
    boost::asio::signal_set signals(signals_context, SIGINT, SIGTERM);

    troupe::broker broker(settings);
    broker.start();
    greet(broker, settings);

    signals.async_wait([](const boost::system::error_code&, int number) {
      spdlog::info("event=stopping signal={}", number);
    });
    signals_context.run();

    broker.stop();
    spdlog::info("event=stopped");
    return EXIT_SUCCESS;
  } catch (const std::exception& failed) {
    std::cerr << "troupe: " << failed.what() << '\n';
    return EXIT_FAILURE;
  }
}
