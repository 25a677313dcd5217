#include "apps/troupectl/command_line.hpp"

#include "libbroker/version.hpp"
#include "persistence/json_text.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

namespace troupe {

namespace {

constexpr int usage_error = 2;

/// As the broker reads `node.data-dir`.
constexpr const char* data_dir_variable = "TROUPE_NODE__DATA_DIR";

struct arguments {
  bool json = false;
  std::uint64_t offset = 0;
  std::string filter;
  std::string from;
  std::string to;
  std::optional<std::uint64_t> limit;
  std::string target;
  std::string address;
  std::string name;
  bool for_good = false;
};

/// Adds a group of commands for a data directory, one of which is to be given.
CLI::App* add_group(CLI::App& app, const char* name, const char* help, command_line& outcome) {
  CLI::App* const group = app.add_subcommand(name, help);
  group->require_subcommand(1);
  group
      ->add_option("--data-dir", outcome.data_dir,
                   "Of the broker (or the variable " + std::string(data_dir_variable) + ")")
      ->option_text("DIR")
      ->envname(data_dir_variable)
      ->required();
  return group;
}

CLI::App* add_command(CLI::App* group, const char* name, const char* help) {
  CLI::App* const added = group->add_subcommand(name, help);
  added->fallthrough();  // --data-dir may stand behind the command
  return added;
}

/// Adds `troupectl log` and its commands; each fills `outcome` when it is the one that is asked
/// for.
void add_log_commands(CLI::App& app, arguments& given, command_line& outcome) {
  CLI::App* const log = add_group(app, "log",
                                  "The messages that a data directory keeps, and what is beside "
                                  "them; the broker may be running "
                                  "or not",
                                  outcome);
  const auto command = [&](const char* name, const char* help) {
    return add_command(log, name, help);
  };

  CLI::App* const status = command("status", "How much there is, and since when");
  status->add_flag("--json", given.json, "One JSON object instead of a table");
  status->callback([&] {
    outcome.request = to_text({{"command", "log status"}});
    if (!given.json) outcome.show = presentation::status;
  });

  CLI::App* const get = command("get", "Print the message at an offset as JSON");
  get->add_option("OFFSET", given.offset)->required()->check(CLI::NonNegativeNumber);
  get->callback([&] {
    outcome.request = to_text({{"command", "log get"}, {"offset", given.offset}});
  });

  CLI::App* const read = command("read", "Print messages as JSON, one a line, oldest first");
  read->add_option("FILTER", given.filter, "Topic filter; # for all")->required();
  read->add_option("--from", given.from,
                   "An offset, earliest (the default), a time ago such as -1h or -90s, or a time "
                   "such as 2026-11-23T14:00:00Z")
      ->option_text("WHERE");
  read->add_option("--to", given.to,
                   "The last offset, or a time, before which they came; now, if not said")
      ->option_text("WHERE");
  read->add_option("--limit", given.limit, "So many at most")
      ->option_text("N")
      ->check(CLI::NonNegativeNumber);
  read->callback([&] {
    json_object request{{"command", "log read"}, {"filter", given.filter}};
    if (!given.from.empty()) request["from"] = given.from;
    if (!given.to.empty()) request["to"] = given.to;
    if (given.limit) request["limit"] = *given.limit;
    outcome.request = to_text(request);
  });

  CLI::App* const verify =
      command("verify", "Check everything that is kept; exit code 1 if anything is wrong");
  verify->callback([&] {
    outcome.request = to_text({{"command", "log verify"}});
    outcome.show = presentation::verification;
  });

  CLI::App* const backup =
      command("backup", "Copy everything, as it is at one moment, into a new data directory");
  backup->add_option("TARGET", given.target, "Must not exist, or be empty")->required();
  backup->callback([&] {
    // The broker that may do it has another working directory.
    const std::string target = std::filesystem::absolute(given.target).string();
    outcome.request = to_text({{"command", "log backup"}, {"target", target}});
    outcome.show = presentation::backup;
  });
}

/// The same for `troupectl cluster`.
void add_cluster_commands(CLI::App& app, arguments& given, command_line& outcome) {
  CLI::App* const cluster =
      add_group(app, "cluster", "The nodes that a running broker forms a cluster with", outcome);
  const auto command = [&](const char* name, const char* help) {
    CLI::App* const added = add_command(cluster, name, help);
    added->add_flag("--json", given.json, "One JSON object instead of a table");
    added->callback([&outcome, &given, request = "cluster " + std::string(name)] {
      json_object asked{{"command", request}};
      if (!given.address.empty()) asked["address"] = given.address;
      if (!given.name.empty()) asked["name"] = given.name;
      if (given.for_good) asked["for_good"] = true;
      outcome.request = to_text(asked);
      outcome.needs_broker = true;
      if (!given.json) outcome.show = presentation::cluster;
    });
    return added;
  };
  command("status", "Who there is, and how the link with each does");
  command("join", "Take part again, or become part of the cluster of a further node")
      ->add_option("ADDRESS", given.address,
                   "Of a node's cluster port, as host:port; tried beside cluster.seeds until the "
                   "broker ends");
  command("leave", "End all links, and have none until it joins or is started again");
  command("drain",
          "Send all clients to other nodes, take no new ones, and wait until all have gone")
      ->add_flag("--for-good", given.for_good, "They are not to come back (0x9D, not 0x9C)");
  command("forget", "Take a node that is dead and will not come back out of the cluster")
      ->add_option("NAME", given.name, "Of the node")
      ->required();
}

/// Where the node is, and how one gets in.
void add_way_to_node(CLI::App& to, inspection_command& asked) {
  to.add_option(
        "-c,--config", asked.config_file,
        "The broker's configuration file: where its cluster port is, secret and certificates")
      ->option_text("FILE");
  to.add_option("--set", asked.overrides, "Overrides one option of the file; repeatable")
      ->option_text("KEY=VALUE")
      ->expected(1)
      ->take_all();
  to.add_option("--address", asked.address, "Of the node's cluster port, if not as configured")
      ->option_text("HOST:PORT");
  to.add_option("--secret-file", asked.secret_file, "With the cluster's secret, likewise")
      ->option_text("FILE");
  to.add_option("--data-dir", asked.data_dir,
                "Of a running broker on this machine, which says where its cluster port is")
      ->option_text("DIR");
  to.add_option("--node", asked.node, "Another member of the cluster, which is asked in its place")
      ->option_text("NAME");
  to.add_flag("--json", asked.json, "One JSON object instead of text");
}

/// `troupectl actors` and `troupectl actor`.
void add_actor_commands(CLI::App& app, inspection_command& asked, list_actors& list,
                        show_actor& show, command_line& outcome) {
  CLI::App* const actors =
      app.add_subcommand("actors", "The actors of a running node, the fullest mailbox first");
  add_way_to_node(*actors, asked);
  actors->add_option("--kind", list.kind, "Only session, shard, directory, peer, share-group, …")
      ->option_text("KIND");
  const std::map<std::string, actor_order> orders{{"mailbox", actor_order::mailbox},
                                                  {"time", actor_order::time},
                                                  {"messages", actor_order::messages},
                                                  {"id", actor_order::id}};
  actors->add_option("--sort", list.order, "mailbox, time, messages or id")
      ->option_text("ORDER")
      ->transform(CLI::CheckedTransformer(orders).description(""));
  actors->add_option("--limit", asked.limit, "So many at most, 50 if it is not said; 0: all")
      ->option_text("N")
      ->check(CLI::NonNegativeNumber.description(""));
  actors->callback([&] {
    asked.question = list;
    outcome.inspection = asked;
  });

  CLI::App* const actor =
      app.add_subcommand("actor", "What one actor of a running node has; for a session its login, "
                                  "QoS, cursors and will");
  add_way_to_node(*actor, asked);
  actor->add_option("ID", show.id, "As troupectl actors shows it")
      ->required()
      ->check(CLI::NonNegativeNumber.description(""));
  actor->callback([&] {
    asked.question = show;
    outcome.inspection = asked;
  });
}

}  // namespace

command_line read_command_line(int argc, char** argv) {
  CLI::App app{"Looks into a Troupe broker, or into what one has left", "troupectl"};
  app.set_version_flag("--version", "troupectl " + std::string(version));
  app.require_subcommand(1);
  arguments given;
  command_line outcome;
  add_log_commands(app, given, outcome);
  add_cluster_commands(app, given, outcome);
  inspection_command asked;
  list_actors list;
  show_actor show;
  add_actor_commands(app, asked, list, show, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    outcome.exit_code = app.exit(stop) == 0 ? EXIT_SUCCESS : usage_error;
  }
  return outcome;
}

}  // namespace troupe
