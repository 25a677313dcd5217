#pragma once

#include "libbroker/message/message_block.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Orders topics level by level, so that a topic is followed by everything
/// below it: `/` sorts before every other character.
struct topic_order {
  using is_transparent = void;
  [[nodiscard]] bool operator()(std::string_view left, std::string_view right) const noexcept;
};

/// The last retained message of each topic. Source: MQTT5 §3.3.1.3.
class retained_store {
public:
  struct limits {
    std::size_t messages = 0;  ///< 0 = no limit
    std::size_t bytes = 0;     ///< 0 = no limit
  };
  explicit retained_store(limits bounds) : limits_(bounds) {}

  /// Replaces the retained message of the topic of entry `index` of `block`, or
  /// removes it when the payload is empty [MQTT5-3.3.1-6]. `sequence` numbers
  /// the changes of the store. Returns false when a limit kept the message out;
  /// the topic has no retained message then.
  bool store(const message_block& block, std::uint32_t index, std::uint64_t sequence);

  /// Where a reader stands; starts before the first topic.
  struct cursor {
    std::string after;  ///< last topic that was looked at
    bool started = false;
    std::uint64_t as_of = 0;  ///< changes with a higher sequence are skipped
  };
  struct page {
    std::vector<message_block_ptr> messages;  ///< each alone in its block
    cursor next;
    bool done = false;
    std::vector<std::string> expired;  ///< topics whose messages were removed
  };

  /// Reads on from `from`: messages whose topic matches `filter`, in topic order,
  /// until `maximum_bytes` or `maximum_messages` are reached or as many topics as
  /// a turn may look at. Expired messages are left out and removed [MQTT5-3.3.2-5].
  [[nodiscard]] page read(std::string_view filter, const cursor& from, std::size_t maximum_messages,
                          std::size_t maximum_bytes, time_point now);

  /// Whether `read` might find something for `filter`; never wrongly false.
  [[nodiscard]] bool may_match(std::string_view filter) const noexcept;

  /// The topic's message, alone in its block, expired or not; null: there is none.
  [[nodiscard]] message_block_ptr find(std::string_view topic) const;

  [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }
  /// Memory of the messages, in bytes.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
  struct retained_message {
    message_block_ptr block;  // of one message
    std::uint64_t sequence = 0;

    [[nodiscard]] std::string_view topic() const noexcept { return block->topic((*block)[0]); }
  };
  struct by_topic {
    using is_transparent = void;
    static std::string_view key(const retained_message& message) noexcept {
      return message.topic();
    }
    static std::string_view key(std::string_view topic) noexcept { return topic; }
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      return topic_order()(key(left), key(right));
    }
  };
  using message_set = std::set<retained_message, by_topic>;

  message_set::iterator remove(message_set::iterator at);

  limits limits_;
  message_set messages_;
  std::size_t bytes_ = 0;
};

}  // namespace troupe
