#pragma once

#include "libbroker/session/session_effects.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

/// The retained messages that a session's new subscriptions have not got yet: read
/// page by page, one page at a time, as the client can take them. They outlive the
/// connection like everything else that is due to the client. Bounded by the number
/// of subscriptions times shards. Source: MQTT5 §3.3.1.3.
class retained_pulls {
public:
  /// Nothing is to be read, and no answer is due.
  [[nodiscard]] bool idle() const noexcept { return cursors_.empty() && asked_ == 0; }

  /// Reads from the beginning what `shard` has for the subscription `filter` and
  /// stored up to `as_of`; what came later is delivered as any other message.
  void start(const std::string& filter, shard_index shard, std::uint64_t as_of);

  /// Reads no more for `filter`.
  void stop(std::string_view filter);

  /// The answer to the last request will not come: ask again.
  void interrupt() noexcept { asked_ = 0; }

  /// What to ask a shard for next, as request `number`; nothing while an answer is
  /// due or when all is read.
  [[nodiscard]] std::optional<shard_read_retained> next(request_number number);

  /// Takes the answer to request `number`. Returns the filter whose messages these
  /// are, or nothing if they are not wanted (any more).
  [[nodiscard]] std::optional<std::string> answered(request_number number,
                                                    const retained_store::page& page);

private:
  using cursors = std::map<std::pair<std::string, shard_index>, retained_store::cursor>;

  cursors cursors_;
  cursors::iterator current_ = cursors_.end();  ///< what was asked for; end: not wanted any more
  request_number asked_ = 0;                    ///< 0: no answer is due
};

}  // namespace troupe
