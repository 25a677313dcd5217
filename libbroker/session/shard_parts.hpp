#pragma once

#include "libbroker/session/session_effects.hpp"
#include "libbroker/topic.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace troupe {

/// A request to shards under construction: the part of each. `Request` is
/// `shard_subscribe` or `shard_unsubscribe`.
template <class Request>
class shard_parts {
public:
  explicit shard_parts(std::uint32_t shards, const Request& empty = {}) : parts_(shards, empty) {}

  /// Calls `action` with the part of each shard that `filter` concerns.
  template <class Action>
  void with(const topic_filter& filter, Action action) {
    if (!filter.has_wildcard)
      return action(parts_[shard_of(filter.filter, static_cast<std::uint32_t>(parts_.size()))]);
    for (Request& part : parts_)
      action(part);
  }

  /// Sends the parts that are not empty as request `number`; returns how many.
  std::uint32_t send(request_number number, session_effects& effects) {
    std::uint32_t sent = 0;
    for (shard_index shard = 0; shard != parts_.size(); ++shard) {
      Request& part = parts_[shard];
      if (part.filters.empty()) continue;
      part.shard = shard;
      part.number = number;
      effects.requests.push_back(std::move(part));
      ++sent;
    }
    return sent;
  }

private:
  std::vector<Request> parts_;
};

}  // namespace troupe
