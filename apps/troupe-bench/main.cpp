#include "apps/troupe-bench/coordinator.hpp"
#include "apps/troupe-bench/options.hpp"
#include "apps/troupe-bench/report.hpp"

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <exception>
#include <iostream>
#include <map>

namespace {

using namespace troupe;
using namespace troupe::bench;

std::atomic<unsigned> interrupts{0};

constexpr const char* description =
    R"(troupe-bench: an MQTT load generator. It counts what the subscribers receive and
checks every message for loss, repetition and order.

Scenarios (N is --count):
  pairs     N publishers and N subscribers, pair i on the topic bench/pair/<i>
  fan-in    N publishers and one subscriber on one topic (--own-topics: N topics)
  fan-out   one publisher and N subscribers on one topic
  wildcard  --publishers connections cycle over the N topics bench/d/<i>/x, N
            subscribers on bench/d/<i>/+ and --hash-subscribers more on #
  shared    N publishers and one shared subscription with --members members
  retained  N retained messages on N topics, then one new subscriber to all of
            them: the time from SUBSCRIBE to the last message
  drain     N messages from --publishers connections for a durable session that
            is away, then it returns: the time from CONNECT to the last message
  offline   one publisher sends --messages messages to N durable sessions that
            are away; nobody returns: what they cost the broker
  connect   N connections, --connecting of them being opened at any time
  idle      N connections that only keep alive, held for --duration
  latency   N pairs (one by default) with one message under way
            (--closed-loop 1), or at a fixed --rate)";

constexpr const char* footer =
    R"(A publisher sends in one of three ways:
  flat out       as fast as it can, but never more than --max-ahead messages
                 before its slowest subscriber. Brokers drop QoS 0 messages of
                 slow subscribers; so what is measured is delivery without
                 loss, the same for every broker.
  --closed-loop  the next message when its subscriber got an earlier one
  --rate         by the clock. The latency counts from when a message was due,
                 so a broker that stalls does not hide it (no coordinated
                 omission).

Counts and rates are those of the measured interval: --duration seconds after
--warmup, or with --messages from the first publish to the last delivery (offline:
acknowledgement). Lost, repeated and reordered messages are those of the whole
run.

Exit status: 0; 1 if connections failed, or messages were lost with
--expect-no-loss; 2 for wrong options.)";

template <class Value>
using names = std::map<std::string, Value>;

const names<scenario> scenarios = [] {
  names<scenario> all;
  for (const auto each : {scenario::pairs, scenario::fan_in, scenario::fan_out, scenario::wildcard,
                          scenario::shared, scenario::retained, scenario::drain, scenario::offline,
                          scenario::connect, scenario::idle, scenario::latency})
    all.emplace(to_string(each), each);
  return all;
}();

const names<protocol_version> versions{{"3.1.1", protocol_version::v3_1_1},
                                       {"5", protocol_version::v5}};

const names<qos> levels{
    {"0", qos::at_most_once}, {"1", qos::at_least_once}, {"2", qos::exactly_once}};

/// CLI11 cannot convert enumerations that have a `to_string` of their own.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Value& into,
                        const names<Value>& choices, const std::string& help) {
  const auto choose = [&into, &choices](const std::string& chosen) { into = choices.at(chosen); };
  return app.add_option_function<std::string>(name, choose, help)
      ->check(CLI::IsMember(&choices))
      ->type_name("NAME");
}

void describe(CLI::App& app, options& wanted) {
  app.description(description);
  app.footer(footer);
  app.option_defaults()->take_last();
  add_choice(app, "scenario,--scenario", wanted.scenario, scenarios, "What to do, see above")
      ->required();

  const auto broker = [&](auto&&... of) { return app.add_option(of...)->group("Broker"); };
  broker("--host", wanted.host, "Name or address")->capture_default_str();
  broker(
      "--port", wanted.ports,
      "TCP port. Several, as in 1883,1884, are those of the nodes of a cluster: client i goes to "
      "the i-th, and around")
      ->delimiter(',')
      ->capture_default_str();
  broker("--subscriber-port", wanted.subscriber_ports,
         "TCP port for the subscribers, of another node of the cluster; or several")
      ->delimiter(',');
  broker("--unix", wanted.unix_path, "Path of a Unix domain socket, instead of host and port");
  broker("--user", wanted.user_name, "User name");
  broker("--password", wanted.password, "Password");
  broker("--pid", wanted.pid,
         "Process id of the broker on this machine, to report its CPU time and memory");

  const auto client = [&](auto&&... of) { return app.add_option(of...)->group("Clients"); };
  client("-n,--count", wanted.count,
         "The N of the scenario. Default: pairs and shared 50, fan-in and fan-out 500, wildcard "
         "1000, retained and drain 100000, offline 1000, connect and idle 10000, latency 1");
  client("--publishers", wanted.publishers,
         "Publisher connections of wildcard (default 50), retained (1) and drain (10)");
  client("--hash-subscribers", wanted.hash_subscribers, "Subscribers to # of wildcard")
      ->capture_default_str();
  client("--members", wanted.members, "Members of the shared subscription")->capture_default_str();
  app.add_flag("--own-topics", wanted.own_topics,
               "fan-in: a topic for each publisher and one wildcard subscription")
      ->group("Clients");
  add_choice(app, "--version", wanted.version, versions, "MQTT version. Default: 3.1.1")
      ->group("Clients");
  client("--keep-alive", wanted.keep_alive, "Seconds; 0 = none")->capture_default_str();
  app.add_flag("--persistent", wanted.persistent,
               "Durable sessions: clean start off, session expiry one day. They outlive the run; "
               "the same --clients-prefix resumes them. Always so in drain and offline")
      ->group("Clients");
  client("--clients-prefix", wanted.client_prefix,
         "First part of all client ids. Default: bench-<process id>-");
  client("--topic-prefix", wanted.topic_prefix, "First level of all topics")->capture_default_str();
  client("--connect-rate", wanted.connect_rate, "New connections per second; 0 = no limit")
      ->capture_default_str();
  client("--connecting", wanted.connecting, "Connections being opened at the same time")
      ->capture_default_str();
  client("--connect-timeout", wanted.connect_timeout,
         "Seconds without any new connection after which the run fails")
      ->capture_default_str();

  const auto traffic = [&](auto&&... of) { return app.add_option(of...)->group("Messages"); };
  add_choice(app, "-q,--qos", wanted.qos, levels,
             "QoS of publishers and subscriptions. Default: 0; drain and offline have at least 1")
      ->group("Messages");
  traffic("--payload", wanted.payload, "Bytes of payload, at least 24")->capture_default_str();
  traffic("--window", wanted.window,
          "QoS 1 and 2: unacknowledged messages of each publisher; the broker's receive maximum "
          "may lower it")
      ->capture_default_str();
  traffic("--max-ahead", wanted.max_ahead,
          "Flat out: messages on the way to one subscriber, shared by all its publishers, but at "
          "least 64 for each publisher and 16 for each topic; 0 = no limit")
      ->capture_default_str();
  traffic("--gather", wanted.gather,
          "Flat out: microseconds to sleep before looking for input again, at most 100000, so that "
          "a broker on the same machine does not pay for waking this process with every packet; it "
          "slows few connections down; 0 = none")
      ->capture_default_str();
  traffic("--closed-loop", wanted.closed_loop,
          "Messages on the way from a publisher to its slowest subscriber; 0 = flat out");
  traffic("--rate", wanted.rate, "Messages per second, all publishers together; 0 = flat out");
  traffic("--messages", wanted.messages,
          "Messages of each publisher, instead of --duration; offline: default 1000");
  traffic("--duration", wanted.duration, "Seconds to measure. Default: 5");
  traffic("--warmup", wanted.warmup, "Seconds to publish before that. Default: 1");
  traffic("--linger", wanted.linger,
          "Seconds without any delivery after which missing messages count as lost")
      ->capture_default_str();
  app.add_flag("--keep-retained", wanted.keep_retained,
               "retained: do not clear the retained messages at the end")
      ->group("Messages");

  app.add_option("--threads", wanted.threads, "Threads that share the clients")
      ->capture_default_str();
  app.add_flag("--expect-no-loss", wanted.expect_no_loss, "Fail if a message was lost");
  app.add_flag("--json", wanted.json, "Report as one line of JSON; latencies in microseconds");
  app.add_flag("--quiet", wanted.quiet, "No progress on stderr");
}

int outcome(const options& wanted, const summary& found) {
  if (found.failed_connections != 0) {
    std::cerr << found.failed_connections << " connections failed. " << found.first_failure << '\n';
    return 1;
  }
  if (wanted.expect_no_loss && found.lost != 0) {
    std::cerr << found.lost << " messages were lost.\n";
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options wanted;
  CLI::App app;
  describe(app, wanted);
  try {
    app.parse(argc, argv);
    complete(wanted);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::invalid_argument& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
  std::signal(SIGINT, [](int) { ++interrupts; });
  std::signal(SIGTERM, [](int) { ++interrupts; });
  try {
    coordinator lead(wanted, interrupts);
    const summary found = lead.run();
    wanted.json ? print_json(std::cout, wanted, found) : print_table(std::cout, wanted, found);
    return outcome(wanted, found);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
