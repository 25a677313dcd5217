#include "apps/troupe/command_line.hpp"

#include "libbroker/config/default_config.hpp"
#include "libbroker/version.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

namespace troupe {

namespace {

constexpr int usage_error = 2;

struct arguments {
  std::string config_file;
  std::vector<std::string> listen;
  std::string data_dir;
  std::string log_level;
  std::vector<std::string> overrides;
  bool check = false;
  bool print_default = false;
};

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at)
    variables.emplace_back(*at);
  return variables;
}

/// The options with a flag of their own, as `--set` would say them. They come
/// first, so that an explicit `--set` wins.
std::vector<std::string> as_overrides(const arguments& given) {
  std::vector<std::string> overrides;
  for (std::size_t i = 0; i != given.listen.size(); ++i)
    overrides.push_back("listener." + std::to_string(i) + ".address=" + given.listen[i]);
  if (!given.data_dir.empty()) overrides.push_back("node.data-dir=" + given.data_dir);
  if (!given.log_level.empty()) overrides.push_back("log.level=" + given.log_level);
  overrides.insert(overrides.end(), given.overrides.begin(), given.overrides.end());
  return overrides;
}

command_line load(const arguments& given) {
  command_line outcome;
  std::string text;
  if (!given.config_file.empty()) {
    std::ifstream file(given.config_file);
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) {
      std::cerr << "troupe: cannot read " << given.config_file << ": " << std::strerror(errno)
                << '\n';
      outcome.exit_code = EXIT_FAILURE;
      return outcome;
    }
  }
  const std::vector<std::string> variables = environment();
  const std::vector<std::string> overrides = as_overrides(given);
  outcome.settings = load_config({.file_text = text,
                                  .file_name = given.config_file,
                                  .environment = variables,
                                  .overrides = overrides});
  for (const config_error& error : outcome.settings.errors)
    std::cerr << "troupe: " << to_string(error) << '\n';
  for (const config_error& warning : outcome.settings.warnings)
    std::cerr << "troupe: warning: " << to_string(warning) << '\n';
  if (!outcome.settings.errors.empty()) {
    outcome.exit_code = EXIT_FAILURE;
  } else if (given.check) {
    std::cout << "The configuration is good.\n";
    outcome.exit_code = EXIT_SUCCESS;
  }
  return outcome;
}

}  // namespace

command_line read_command_line(int argc, char** argv) {
  arguments given;
  CLI::App app{"Troupe, a compact, clustered MQTT broker for 3.1, 3.1.1 and 5.0", "troupe"};
  app.set_version_flag("--version", "troupe " + std::string(version));
  app.add_option("-c,--config", given.config_file, "TOML file to read")->option_text("FILE");
  app.add_option("-l,--listen", given.listen,
                 "Address to listen on, instead of the configured ones; repeatable")
      ->option_text("tcp://HOST:PORT|unix:///PATH")
      ->expected(1)
      ->take_all();
  app.add_option("--data-dir", given.data_dir, "Directory for what is to survive a restart")
      ->option_text("DIR");
  app.add_option("--log-level", given.log_level, "trace, debug, info, warn, error or off")
      ->option_text("LEVEL");
  app.add_option("--set", given.overrides, "Overrides one option of the file; repeatable")
      ->option_text("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app.add_flag("--check-config", given.check, "Say whether the configuration is good, and end");
  app.add_flag("--print-default-config", given.print_default,
               "Print a configuration file with every option, and end");

  command_line outcome;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    outcome.exit_code = app.exit(stop) == 0 ? EXIT_SUCCESS : usage_error;
    return outcome;
  }
  if (given.print_default) {
    std::cout << print_default_config();
    outcome.exit_code = EXIT_SUCCESS;
    return outcome;
  }
  return load(given);
}

}  // namespace troupe
