#pragma once

#include "tests/actors/stage.hpp"

#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::test {

/// A subscriber that completes every exchange and keeps the payloads that are
/// new to it, across its connections.
class collector {
public:
  explicit collector(player first) : at_(std::move(first)) {}

  void reconnect(player next) {
    at_ = std::move(next);
    welcome = false;
  }
  void answer(std::string_view lines) {
    for (std::size_t end; (end = lines.find('\n')) != lines.npos; lines.remove_prefix(end + 1)) {
      const std::string line(lines.substr(0, end));
      int message = 0;
      unsigned level = 0;
      unsigned id = 0;
      welcome |= line.starts_with("CONNACK");
      if (std::sscanf(line.c_str(), "PUBLISH %*s %d q%u id=%u", &message, &level, &id) == 3) {
        const auto number = static_cast<packet_id>(id);
        if (level == 1) {
          payloads.push_back(message);
          at_.respond(packet_type::puback, number);
        } else {
          if (unreleased_.insert(number).second) payloads.push_back(message);
          at_.respond(packet_type::pubrec, number);
        }
      } else if (std::sscanf(line.c_str(), "PUBREL %u", &id) == 1) {
        unreleased_.erase(static_cast<packet_id>(id));
        at_.respond(packet_type::pubcomp, static_cast<packet_id>(id));
      }
    }
  }
  player& at() { return at_; }

  std::vector<int> payloads;
  bool welcome = true;  ///< CONNACK has come

private:
  player at_;
  std::set<packet_id> unreleased_;
};

/// Has everything delivered that is due to `who`.
inline void drain(collector& who) {
  for (std::string lines; !(lines = who.at().received()).empty();)
    who.answer(lines);
}

/// `from`, and so on, up to before `to`.
inline std::vector<int> numbers(int from, int to) {
  std::vector<int> all;
  for (int i = from; i != to; ++i)
    all.push_back(i);
  return all;
}

/// `from`, and so on, up to before `to`, each with its number plus one as packet identifier.
inline void publish_numbers(player& by, int from, int to, qos level = qos::at_least_once) {
  for (int i = from; i != to; ++i)
    by.publish("t", std::to_string(i), level, static_cast<packet_id>(i + 1));
}

/// A lasting client that takes so many messages of QoS 1 and 2 at a time.
inline connect narrow(std::string_view client_id, std::uint16_t receive_maximum) {
  connect request = lasting(client_id);
  request.receive_maximum = receive_maximum;
  return request;
}

}  // namespace troupe::test
