#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/router/filter_entry.hpp"
#include "libbroker/router/match_cache.hpp"
#include "libbroker/router/merge_matches.hpp"
#include "libbroker/router/retained_exchange.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/router/subscription_tree.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Messages for one subscriber, in order with its others of the same flush.
struct routed {
  subscriber_index to = 0;
  delivery_ptr messages;
  delivery_options options;
};

/// A message became its topic's retained one, or the topic has none any more: then nothing is
/// kept, or, in a cluster, the message without payload that cleared it.
struct retained_change {
  message_block_ptr block;
  std::uint32_t index = 0;  ///< of the message in `block`
  bool removed = false;
};

/// Of blocks that this node's own clients publish: all stamps are taken.
inline constexpr hybrid_stamp any_stamp = std::numeric_limits<hybrid_stamp>::max();

/// The routing of one shard: who subscribed to what, which message goes to whom,
/// and the retained messages. Collects matches per filter, so that subscribers
/// with the same matches share one delivery.
///
/// Order: `flush` hands out what `route` took in before; the messages of a subscriber keep the
/// order in which they were routed. A block is routed once between two flushes. Changes to
/// subscriptions apply to later messages only, hence REQUIRE that `pending()` is false.
class router {
public:
  explicit router(retained_store::limits retained);

  // -- subscribers

  /// The index of the session or share group with the process-wide number `session`, made up
  /// if it has none here.
  subscriber_index join(std::uint64_t session);
  /// The index of a session that joined.
  [[nodiscard]] std::optional<subscriber_index> find(std::uint64_t session) const noexcept;
  /// Frees the index of a subscriber that has no subscription left here and
  /// returns true; else false.
  bool leave_if_unused(subscriber_index index);

  // -- subscriptions

  /// `filter`: without `$share`. `lasting`: the subscriber outlives the process. Returns
  /// whether the subscription existed and was replaced [MQTT5-3.8.4-3].
  bool subscribe(subscriber_index index, const topic_filter& filter,
                 const subscription_options& options, std::uint32_t identifier,
                 bool lasting = false);
  /// Returns whether there was such a subscription.
  bool unsubscribe(subscriber_index index, const topic_filter& filter);

  /// What the most demanding subscription to `filter` wants.
  [[nodiscard]] route_interest interest_in(std::string_view filter) const noexcept;
  /// Calls `action(filter, interest)` for each filter with subscriptions, in no order.
  template <class Action>
  void for_each_interest(Action action) const {
    for (const auto& [filter, entry] : filters_)
      if (!entry.subscriptions.empty()) action(std::string_view(filter), entry.interest());
  }

  /// From now on messages that match are kept, whoever subscribes.
  void add_stream(std::string_view filter);

  // -- messages

  /// Sets `which` to the messages of `block` that are to be in the log before they are
  /// routed: those of streams, and QoS 1 and 2 that a lasting subscriber has subscribed to at
  /// such a level.
  void find_logged(const message_block& block, std::vector<std::uint32_t>& which);
  /// Sets `which` to the messages of `block` for which `wants(entry, subscription)` says so of one
  /// that they match.
  template <class Predicate>
  void find_messages(const message_block& block, std::vector<std::uint32_t>& which,
                     Predicate wants) {
    which.clear();
    for (std::uint32_t i = 0; i != block.size(); ++i) {
      const message_entry& entry = block[i];
      const auto& filters = matches_of(block.topic(entry));
      const auto has = [&](const filter_entry* filter) {
        return std::any_of(filter->subscriptions.begin(), filter->subscriptions.end(),
                           [&](const subscription& each) { return wants(entry, each); });
      };
      if (std::any_of(filters.begin(), filters.end(), has)) which.push_back(i);
    }
  }
  /// Collects what `block`'s messages match and updates the retained messages. `greatest`: later
  /// stamps are refused.
  void route(const message_block_ptr& block, hybrid_stamp greatest = any_stamp);
  /// Whether something was collected and not yet flushed.
  [[nodiscard]] bool pending() const noexcept { return !batches_.empty(); }
  [[nodiscard]] std::size_t pending_messages() const noexcept { return pending_messages_; }
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return pending_bytes_; }
  /// Appends what was collected to `out`.
  void flush(std::vector<routed>& out);

  // -- retained messages

  /// Retained messages are others' concern: none are kept here, but who is among their
  /// subscribers, beside what they subscribed to, is sent each that is set or removed.
  void pass_on_retained() noexcept { passes_on_retained_ = true; }
  void add_retained_subscriber(subscriber_index index);
  void remove_retained_subscriber(subscriber_index index);
  [[nodiscard]] retained_store& retained() noexcept { return retained_; }
  /// Takes in a retained message of an earlier life, alone in its block.
  void restore_retained(const message_block& block);
  /// From now on changes are noted down, for `take_retained_changes`; those by the broker
  /// itself are not: it makes its messages anew.
  void note_retained_changes() noexcept { notes_retained_changes_ = true; }
  /// The changes since the last call, in order.
  [[nodiscard]] std::vector<retained_change> take_retained_changes() noexcept {
    return std::exchange(retained_changes_, {});
  }
  /// A page of the retained messages: see `retained_store::read`.
  [[nodiscard]] retained_store::page read_retained(std::string_view filter,
                                                   const retained_store::cursor& from,
                                                   std::size_t maximum_messages,
                                                   std::size_t maximum_bytes, time_point now);

  // -- retained messages that all nodes have: of two changes that with the greater stamp holds

  /// From now on; this node has number `node`. REQUIRES: there are none yet.
  void share_retained(std::size_t most_cleared, std::uint64_t node);
  /// Takes messages as what is retained, as another node has it: subscribers do not get them.
  void take_retained(const message_block_ptr& block, hybrid_stamp greatest);
  /// Forgets some of the topics that were cleared too long ago, or are too many.
  void forget_cleared(wall_time now);
  /// REQUIRES: share_retained().
  [[nodiscard]] retained_answer answer(const retained_question& question,
                                       hybrid_stamp greatest) const {
    return troupe::answer(question, *versions_, retained_, greatest);
  }
  /// Topics that are known to have been cleared.
  [[nodiscard]] std::size_t cleared_topics() const noexcept {
    return versions_ == nullptr ? 0 : versions_->cleared();
  }
  /// Messages whose stamps were too far ahead.
  [[nodiscard]] std::uint64_t stamps_refused() const noexcept { return stamps_refused_; }
  /// Cleared topics that were forgotten as they were too many.
  [[nodiscard]] std::uint64_t cleared_forgotten() const noexcept {
    return versions_ == nullptr ? 0 : versions_->forgotten_early();
  }

  /// Number of the last change of the retained messages.
  [[nodiscard]] std::uint64_t retained_sequence() const noexcept { return retained_sequence_; }
  /// Retained messages that a limit kept out.
  [[nodiscard]] std::uint64_t retained_refused() const noexcept { return retained_refused_; }

  [[nodiscard]] std::size_t subscriptions() const noexcept { return subscriptions_; }
  [[nodiscard]] std::size_t filters() const noexcept { return filters_.size(); }

private:
  struct subscriber {
    std::uint64_t session = 0;
    std::uint32_t subscriptions = 0;
    std::uint32_t last_match = 0;  // in this flush: position in matches_, plus one; 0 = none
  };
  /// Messages collected for `filter`'s subscriptions.
  struct batch {
    filter_entry* filter = nullptr;
    intrusive_ptr<delivery> messages;
  };
  /// One batch for one subscriber.
  struct match {
    const batch* from;
    const subscription* by;
    std::uint32_t previous;  // of the same subscriber, as `subscriber::last_match`
  };

  filter_entry& make_entry(std::string_view filter, bool has_wildcard);
  void find_matches(std::string_view topic, std::vector<filter_entry*>& found);
  [[nodiscard]] const std::vector<filter_entry*>& matches_of(std::string_view topic);
  void count(filter_entry& entry, const subscription& which, bool joins) noexcept;
  void collect(filter_entry& filter, const message_block_ptr& block, std::uint32_t index);
  void retain(const message_block_ptr& block, std::uint32_t index, std::uint64_t sequence,
              hybrid_stamp greatest);
  /// Whether it holds against what is known of the topic.
  [[nodiscard]] bool is_latest(const message_block& block, std::uint32_t index,
                               hybrid_stamp greatest);
  void add_matches(const batch& from);
  void merge(subscriber_index to, std::vector<routed>& out);

  std::unordered_map<std::string, filter_entry, text_hash, std::equal_to<>> filters_;
  subscription_tree wildcards_;
  match_cache cache_;
  retained_store retained_;
  std::uint64_t retained_sequence_ = 0;
  std::uint64_t retained_refused_ = 0;
  bool notes_retained_changes_ = false;
  bool passes_on_retained_ = false;
  filter_entry retained_subscribers_;
  std::vector<retained_change> retained_changes_;
  std::unique_ptr<retained_versions> versions_;  ///< null: no other node has part in it
  std::uint64_t node_ = 0;                       ///< number of this one
  std::uint64_t stamps_refused_ = 0;

  std::vector<subscriber> subscribers_;
  std::vector<subscriber_index> free_;
  std::unordered_map<std::uint64_t, subscriber_index> by_session_;
  std::size_t subscriptions_ = 0;
  std::size_t logged_ = 0;  ///< of these, the ones whose messages are logged; and streams

  // Since the last flush.
  std::vector<message_block_ptr> blocks_;
  std::vector<batch> batches_;
  std::size_t pending_messages_ = 0;
  std::size_t pending_bytes_ = 0;
  // Scratch of `flush`.
  std::vector<match> matches_;
  std::vector<subscriber_index> touched_;
  block_positions positions_;  ///< of `blocks_`; made when the first subscriber needs it
};

}  // namespace troupe
