#pragma once

#include "libbroker/config/load.hpp"
#include "libbroker/config/option.hpp"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// What the loaders share: assigns options by name, notes where each value came
/// from and collects what went wrong.
class assigner {
public:
  /// `origins` may be null. REQUIRES: both outlive this object.
  assigner(config& into, option_origins* origins) noexcept : into_(into), origins_(origins) {}

  /// Sets one option; `item` counts only for options of lists and must exist.
  void set(const option& option, std::size_t item, std::string_view text, std::string_view source);

  /// Sets a list of texts; `item` as above. REQUIRES: `is_text_list(option)`.
  void set_list(const option& option, std::size_t item, std::vector<std::string> texts,
                std::string_view source);

  /// Sets one entry of [caf] and replaces an earlier one of the same key.
  void set_caf(std::string_view key, std::string_view text, std::string_view source);

  void fail(std::string_view source, std::string message);

  /// The errors in the order found, cut to `max_config_errors`.
  [[nodiscard]] std::vector<config_error> take_errors();

private:
  void note_origin(std::string name, std::string_view source);

  config& into_;
  option_origins* origins_;
  std::vector<config_error> errors_;
};

/// "listener.1.address" for options of lists, else the dotted name.
[[nodiscard]] std::string place_of(const option& option, std::size_t item);

/// Where the first of `places` that was given got its value; the first place when none was.
[[nodiscard]] std::string source_of(const option_origins& origins,
                                    std::initializer_list<std::string_view> places);

/// "unknown key "x"; did you mean "y"?", without the question when `nearest` is
/// empty.
[[nodiscard]] std::string unknown(std::string_view what, std::string_view name,
                                  std::string_view nearest);

}  // namespace troupe
