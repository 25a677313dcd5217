#pragma once

#include "libbroker/config/config.hpp"
#include "libbroker/config/config_error.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Three sources fill a `config`: the file, the environment, the command line.
/// Each function applies what it understands, returns what it does not (at most
/// `max_config_errors`), and throws nothing but `std::bad_alloc`.
namespace troupe {

inline constexpr std::size_t max_config_errors = 20;

/// Where each option that was given got its value: "limits.publish-credit" →
/// "troupe.toml:12".
using option_origins = std::map<std::string, std::string, std::less<>>;

/// Applies the text of a TOML file. `file_name` appears in errors as
/// "troupe.toml:12". Any [[listener]] in it replaces all that `into` has, and so
/// with the other lists.
[[nodiscard]] std::vector<config_error> load_toml(std::string_view text, std::string_view file_name,
                                                  config& into, option_origins* origins = nullptr);

/// Applies environment variables given as "NAME=value". Options are
/// TROUPE_<SECTION>__<KEY> with `_` for `-`, those of lists
/// TROUPE_<SECTION>__<INDEX>__<KEY>. Other names are ignored, also those with the
/// prefix and without two underscores, which container platforms invent
/// (TROUPE_SERVICE_HOST), unless they read like an option.
[[nodiscard]] std::vector<config_error> load_environment(std::span<const std::string> variables,
                                                         config& into,
                                                         option_origins* origins = nullptr);

/// Applies what stood behind each `--set`: "limits.max-packet-size=1MiB",
/// "listener.0.address=tcp://0.0.0.0:1883", "caf.scheduler.max-throughput=64".
/// The index behind the last item of a list adds one.
[[nodiscard]] std::vector<config_error> load_overrides(std::span<const std::string> assignments,
                                                       config& into,
                                                       option_origins* origins = nullptr);

/// What the operator gave.
struct config_inputs {
  std::string_view file_text;  ///< empty when there is no file
  std::string_view file_name;
  std::span<const std::string> environment;  ///< "NAME=value"
  std::span<const std::string> overrides;    ///< what stood behind each `--set`
};

struct loaded_config {
  config values;
  std::vector<config_error> errors;    ///< when there are any, do not use `values`
  std::vector<config_error> warnings;  ///< only when there are no errors
};

/// Applies the file, then the environment, then the command line, each over the
/// one before, and validates the outcome.
[[nodiscard]] loaded_config load_config(const config_inputs& inputs);

}  // namespace troupe
