#include "libbroker/router/merge_matches.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace troupe {

namespace {

/// Where the merge stands in the messages of one subscription.
class match_reader {
public:
  explicit match_reader(const subscription_match& match) : match_(match) {}

  [[nodiscard]] const subscription& by() const noexcept { return *match_.by; }

  /// The position in `block` of the next message, if that is in `block`.
  [[nodiscard]] std::optional<std::uint32_t> next_in(const message_block_ptr& block) const {
    if (run_ == match_.messages->runs.size()) return std::nullopt;
    const message_run& run = match_.messages->runs[run_];
    if (run.block != block) return std::nullopt;
    return run.first + offset_;
  }

  void advance() {
    if (++offset_ == match_.messages->runs[run_].count) {
      offset_ = 0;
      ++run_;
    }
  }

private:
  subscription_match match_;
  std::size_t run_ = 0;
  std::uint32_t offset_ = 0;
};

delivery_options combine(std::span<const subscription* const> matched) {
  combined_options options;
  for (const subscription* by : matched)
    options.add(by->options, by->identifier);
  return options.take();
}

/// Gathers messages with the same matches into one delivery.
class merger {
public:
  void add(const message_block_ptr& block, std::uint32_t index,
           std::span<const subscription* const> matched) {
    if (!messages_ ||
        !std::equal(matched.begin(), matched.end(), matched_.begin(), matched_.end())) {
      finish();
      matched_.assign(matched.begin(), matched.end());
      messages_ = intrusive_ptr<delivery>::adopt(new delivery());
    }
    messages_->add(block, index);
  }

  std::vector<merged_delivery> take() {
    finish();
    return std::move(result_);
  }

private:
  void finish() {
    if (messages_) result_.push_back({std::move(messages_), combine(matched_)});
  }

  std::vector<merged_delivery> result_;
  std::vector<const subscription*> matched_;
  intrusive_ptr<delivery> messages_;
};

}  // namespace

delivery_options options_of(const subscription& by) {
  delivery_options options = combine(std::array{&by});
  options.no_local = by.options.no_local;
  return options;
}

std::vector<merged_delivery> merge_matches(std::span<const subscription_match> matches,
                                           std::span<const message_block_ptr> blocks,
                                           std::uint64_t session) {
  std::vector<match_reader> readers(matches.begin(), matches.end());
  std::vector<const subscription*> matched;
  merger merged;
  for (const message_block_ptr& block : blocks) {
    for (;;) {
      std::optional<std::uint32_t> next;
      for (const match_reader& reader : readers)
        if (const auto at = reader.next_in(block); at && (!next || *at < *next)) next = at;
      if (!next) break;
      matched.clear();
      for (match_reader& reader : readers) {
        if (reader.next_in(block) != next) continue;
        reader.advance();
        const bool own = reader.by().options.no_local && block->publisher() == session;
        if (!own) matched.push_back(&reader.by());  // [MQTT5-3.8.3-3]
      }
      if (!matched.empty()) merged.add(block, *next, matched);
    }
  }
  return merged.take();
}

}  // namespace troupe
