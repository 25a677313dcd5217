#pragma once

#include "libbroker/line_sink.hpp"
#include "persistence/log_reader.hpp"

#include <string_view>

namespace troupe {

/// Answers what an operator wants to know of the log and of the store around it, from any
/// thread, beside a broker that writes or without one. Requests and answers are lines of JSON:
/// docs/troupectl.md.
class log_inspector {
public:
  /// Both outlive the inspector.
  log_inspector(const database& store, const log_streams& streams)
      : store_(store), streams_(streams), reader_(store, streams) {}

  /// Answers `request`; the last line says whether it could. Holds nothing of the store while it
  /// waits for `to`. `now` is what times ago count from.
  void answer(std::string_view request, wall_time now, line_sink& to) const;

private:
  const database& store_;
  const log_streams& streams_;
  const log_reader reader_;
};

}  // namespace troupe
