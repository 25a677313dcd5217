#include "libbroker/router/merge_matches.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace troupe {

namespace {

/// Where the merge stands in the messages of one subscription. There is a next one until `advance`
/// says otherwise.
class match_reader {
public:
  match_reader(const subscription_match& match, const block_positions& blocks)
      : by_(match.by),
        run_(match.messages->runs.data()),
        end_(run_ + match.messages->runs.size()),
        blocks_(&blocks) {
    enter_run();
  }

  [[nodiscard]] const subscription* by() const noexcept { return by_; }
  [[nodiscard]] const message_block_ptr& block() const noexcept { return run_->block; }
  /// By block, then by the index in it, which is the lower half.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  /// Returns whether there is a further message.
  bool advance() {
    ++position_;
    if (--left_ != 0) return true;
    if (++run_ == end_) return false;
    enter_run();
    return true;
  }

private:
  void enter_run() {
    left_ = run_->count;
    position_ = std::uint64_t{blocks_->at(run_->block.get())} << 32 | run_->first;
  }

  const subscription* by_;
  const message_run* run_;
  const message_run* end_;
  const block_positions* blocks_;
  std::uint64_t position_ = 0;
  std::uint32_t left_ = 0;
};

/// For a heap with the first message on top. Where several subscriptions matched a message, their
/// order is always the same.
bool comes_later(const match_reader* left, const match_reader* right) {
  if (left->position() != right->position()) return left->position() > right->position();
  return std::less<>()(right, left);
}

delivery_options combine(std::span<const subscription* const> matched) {
  combined_options options;
  for (const subscription* by : matched)
    options.add(by->options, by->identifier);
  return options.take();
}

bool same(const delivery_options& left, const delivery_options& right) {
  return left.maximum_qos == right.maximum_qos &&
         left.retain_as_published == right.retain_as_published &&
         std::ranges::equal(identifiers_of(left.details), identifiers_of(right.details));
}

/// Gathers messages that go out in the same way into one delivery.
class merger {
public:
  void add(const message_block_ptr& block, std::uint32_t index,
           std::span<const subscription* const> matched) {
    if (!std::ranges::equal(matched, matched_)) {
      matched_.assign(matched.begin(), matched.end());
      delivery_options wanted = combine(matched);
      if (messages_ && !same(wanted, options_)) finish();
      options_ = std::move(wanted);
    }
    if (!messages_) messages_ = intrusive_ptr<delivery>::adopt(new delivery());
    messages_->add(block, index);
  }

  std::vector<merged_delivery> take() {
    finish();
    return std::move(result_);
  }

private:
  void finish() {
    if (messages_) result_.push_back({std::move(messages_), std::move(options_)});
  }

  std::vector<merged_delivery> result_;
  std::vector<const subscription*> matched_;
  delivery_options options_;
  intrusive_ptr<delivery> messages_;
};

}  // namespace

delivery_options options_of(const subscription& by) {
  delivery_options options = combine(std::array{&by});
  options.no_local = by.options.no_local;
  return options;
}

std::vector<merged_delivery> merge_matches(std::span<const subscription_match> matches,
                                           const block_positions& blocks, std::uint64_t session) {
  std::vector<match_reader> readers;
  readers.reserve(matches.size());
  std::vector<match_reader*> heap;
  heap.reserve(matches.size());
  for (const subscription_match& each : matches)
    heap.push_back(&readers.emplace_back(each, blocks));
  std::ranges::make_heap(heap, comes_later);
  std::vector<const subscription*> matched;
  merger merged;
  while (!heap.empty()) {
    const message_block_ptr& block = heap.front()->block();
    const std::uint64_t position = heap.front()->position();
    matched.clear();
    while (!heap.empty() && heap.front()->position() == position) {
      std::ranges::pop_heap(heap, comes_later);
      match_reader& reader = *heap.back();
      const bool own = reader.by()->options.no_local && block->publisher() == session;
      if (!own) matched.push_back(reader.by());  // [MQTT5-3.8.3-3]
      if (reader.advance())
        std::ranges::push_heap(heap, comes_later);
      else
        heap.pop_back();
    }
    if (!matched.empty()) merged.add(block, static_cast<std::uint32_t>(position), matched);
  }
  return merged.take();
}

}  // namespace troupe
