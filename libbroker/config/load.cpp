#include "libbroker/config/load.hpp"

#include "libbroker/config/validate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe {

loaded_config load_config(const config_inputs& inputs) {
  loaded_config loaded;
  option_origins origins;
  const auto add = [&loaded](std::vector<config_error> errors) {
    std::ranges::move(errors, std::back_inserter(loaded.errors));
  };
  add(load_toml(inputs.file_text, inputs.file_name, loaded.values, &origins));
  add(load_environment(inputs.environment, loaded.values, &origins));
  add(load_overrides(inputs.overrides, loaded.values, &origins));
  if (!loaded.errors.empty()) return loaded;
  auto findings = validate(loaded.values, origins);
  loaded.errors = std::move(findings.errors);
  if (loaded.errors.empty()) loaded.warnings = std::move(findings.warnings);
  return loaded;
}

}  // namespace troupe
