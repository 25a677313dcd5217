#pragma once

#include "apps/troupectl/command_line.hpp"
#include "libbroker/line_sink.hpp"

#include <string>
#include <string_view>

namespace troupe {

/// Prints an answer: what was asked for to the standard output, what else is to be said to the
/// standard error.
class presenter final : public line_sink {
public:
  explicit presenter(presentation how) : how_(how) {}

  bool put(std::string_view line) override;
  [[nodiscard]] bool is_wanted() override;

  /// Somebody wants no more. From a signal handler, too.
  static void give_up() noexcept;

  /// To be called at the end; the exit code.
  [[nodiscard]] int finish();

private:
  void end(std::string_view line);

  const presentation how_;
  bool has_end_ = false;
  bool failed_ = false;
};

}  // namespace troupe
