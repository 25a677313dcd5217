#pragma once

#include "libbroker/text_hash.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Topic aliases of one connection. Source: MQTT5 §3.3.2.3.4.
namespace troupe {

/// Aliases that the client set.
class inbound_topic_aliases {
public:
  void set(std::uint16_t alias, std::string_view topic) {
    if (topics_.size() < alias) topics_.resize(alias);
    topics_[alias - 1U].assign(topic);
  }
  /// The topic that `alias` stands for; empty if none was set. Lives until the
  /// next `set`.
  [[nodiscard]] std::string_view find(std::uint16_t alias) const noexcept {
    return alias > topics_.size() ? std::string_view() : std::string_view(topics_[alias - 1U]);
  }

private:
  std::vector<std::string> topics_;
};

/// Aliases that the broker set. A topic has one possible alias, which it takes
/// over from whatever topic used it before: constant time and no bookkeeping.
class outbound_topic_aliases {
public:
  /// `count`: aliases to use; not more than the client's Topic Alias Maximum
  /// [MQTT5-3.1.2-26], 1 or more.
  explicit outbound_topic_aliases(std::uint16_t count) : topics_(count) {}

  struct choice {
    std::uint16_t alias;
    bool known;  ///< the client knows what it stands for: the topic may be left out
  };
  choice choose(std::string_view topic) {
    const std::size_t at = hash_text(topic) % topics_.size();
    const bool known = topics_[at] == topic;
    if (!known) topics_[at].assign(topic);
    return {static_cast<std::uint16_t>(at + 1), known};
  }

private:
  std::vector<std::string> topics_;
};

}  // namespace troupe
