#include "libbroker/router/router.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace troupe {

router::router(retained_store::limits retained) : retained_(retained) {}

// -- subscribers ----------------------------------------------------------------

subscriber_index router::join(std::uint64_t session) {
  const auto [at, is_new] = by_session_.try_emplace(session, 0);
  if (!is_new) return at->second;
  if (free_.empty()) {
    at->second = static_cast<subscriber_index>(subscribers_.size());
    subscribers_.emplace_back();
  } else {
    at->second = free_.back();
    free_.pop_back();
  }
  subscribers_[at->second] = {.session = session};
  return at->second;
}

std::optional<subscriber_index> router::find(std::uint64_t session) const noexcept {
  const auto found = by_session_.find(session);
  return found == by_session_.end() ? std::nullopt : std::optional(found->second);
}

bool router::leave_if_unused(subscriber_index index) {
  const subscriber& leaver = subscribers_[index];
  if (leaver.subscriptions != 0) return false;
  by_session_.erase(leaver.session);
  free_.push_back(index);
  return true;
}

// -- subscriptions --------------------------------------------------------------

bool router::subscribe(subscriber_index index, const topic_filter& filter,
                       const subscription_options& options, std::uint32_t identifier,
                       bool lasting) {
  assert(!pending());
  filter_entry& entry = make_entry(filter.filter, filter.has_wildcard);
  const subscription made{.subscriber = index,
                          .identifier = identifier,
                          .options = options,
                          .logged = lasting && options.qos != qos::at_most_once};
  if (const subscription* const before = entry.subscriptions.get(index))
    count(entry, *before, false);
  count(entry, made, true);
  const bool existed = entry.subscriptions.put(made);
  if (!existed) {
    ++subscriptions_;
    ++subscribers_[index].subscriptions;
  }
  return existed;
}

filter_entry& router::make_entry(std::string_view filter, bool has_wildcard) {
  if (const auto known = filters_.find(filter); known != filters_.end()) return known->second;
  filter_entry& made = filters_.try_emplace(std::string(filter)).first->second;
  if (has_wildcard) wildcards_.insert(filter, made);
  cache_.invalidate();
  return made;
}

void router::add_stream(std::string_view filter) {
  const bool has_wildcard = parse_topic_filter(filter)->has_wildcard;
  if (!std::exchange(make_entry(filter, has_wildcard).is_stream, true)) ++logged_;
}

bool router::unsubscribe(subscriber_index index, const topic_filter& filter) {
  assert(!pending());
  const auto at = filters_.find(filter.filter);
  if (at == filters_.end()) return false;
  filter_entry& entry = at->second;
  const subscription* const leaver = entry.subscriptions.get(index);
  if (leaver == nullptr) return false;
  count(entry, *leaver, false);
  (void)entry.subscriptions.erase(index);  // [MQTT5-3.10.4-2], [MQTT311-3.10.4-2]
  --subscriptions_;
  --subscribers_[index].subscriptions;
  if (entry.unused()) {
    if (filter.has_wildcard) wildcards_.erase(filter.filter);
    filters_.erase(at);
    cache_.invalidate();
  }
  return true;
}

void router::count(filter_entry& entry, const subscription& which, bool joins) noexcept {
  const auto add = [joins](auto& number) { joins ? ++number : --number; };
  if (which.options.qos != qos::at_most_once) add(entry.acknowledged);
  if (!which.logged) return;
  add(entry.logged);
  add(logged_);
}

route_interest router::interest_in(std::string_view filter) const noexcept {
  const auto known = filters_.find(filter);
  return known == filters_.end() ? route_interest::none : known->second.interest();
}

void router::add_retained_subscriber(subscriber_index index) {
  (void)retained_subscribers_.subscriptions.put(
      {.subscriber = index, .options = {.qos = qos::exactly_once, .retain_as_published = true}});
}

void router::remove_retained_subscriber(subscriber_index index) {
  (void)retained_subscribers_.subscriptions.erase(index);
}

// -- messages -------------------------------------------------------------------

// [MQTT5-3.3.2-3], [MQTT311-3.3.2-3]
void router::find_matches(std::string_view topic, std::vector<filter_entry*>& found) {
  const auto exact = filters_.find(topic);
  if (exact != filters_.end()) found.push_back(&exact->second);
  wildcards_.match(topic, found);
}

const std::vector<filter_entry*>& router::matches_of(std::string_view topic) {
  return cache_.lookup(topic, [this](std::string_view name, std::vector<filter_entry*>& found) {
    find_matches(name, found);
  });
}

void router::find_logged(const message_block& block, std::vector<std::uint32_t>& which) {
  which.clear();
  if (logged_ == 0) return;
  for (std::uint32_t i = 0; i != block.size(); ++i) {
    const message_entry& entry = block[i];
    const auto& filters = matches_of(block.topic(entry));
    const bool is_kept_for_sessions = entry.qos != qos::at_most_once;
    if (std::any_of(filters.begin(), filters.end(), [&](const filter_entry* filter) {
          return filter->is_stream || (is_kept_for_sessions && filter->logged != 0);
        }))
      which.push_back(i);
  }
}

// [MQTT5-4.5.0-1], [MQTT311-4.5.0-1]
void router::route(const message_block_ptr& block, hybrid_stamp greatest) {
  if (filters_.empty() && !block->has_retain()) return;  // as where all are members of groups
  bool matched = false;
  for (std::uint32_t i = 0; i != block->size(); ++i) {
    const message_entry& entry = (*block)[i];
    // [MQTT5-3.3.1-8], [MQTT311-3.3.1-12]
    if (entry.retain && passes_on_retained_) {
      collect(retained_subscribers_, block, i);
      matched = true;
    } else if (entry.retain) {
      retain(block, i, ++retained_sequence_, greatest);
    }
    for (filter_entry* const filter : matches_of(block->topic(entry))) {
      collect(*filter, block, i);
      matched = true;
    }
  }
  if (!matched) return;
  blocks_.push_back(block);
  pending_messages_ += block->size();
  pending_bytes_ += block->bytes();
}

void router::retain(const message_block_ptr& block, std::uint32_t index, std::uint64_t sequence,
                    hybrid_stamp greatest) {
  const bool is_shared = versions_ != nullptr && block->publisher() != 0;
  if (is_shared && !is_latest(*block, index, greatest)) return;
  const bool stored = retained_.store(*block, index, sequence);
  if (!stored) ++retained_refused_;
  const bool is_cleared = block->payload((*block)[index]).empty();
  if (is_shared) {
    const std::string_view topic = block->topic((*block)[index]);
    if (stored)
      versions_->set(topic, block->stamp(index), is_cleared);
    else
      versions_->erase(topic);
  }
  const bool removed = !stored || (is_cleared && !is_shared);
  if (notes_retained_changes_ && block->publisher() != 0)
    retained_changes_.push_back({block, index, removed});
}

bool router::is_latest(const message_block& block, std::uint32_t index, hybrid_stamp greatest) {
  const retained_stamp stamp = block.stamp(index);
  if (stamp.time > greatest) {
    ++stamps_refused_;
    return false;
  }
  const auto known = versions_->find(block.topic(block[index]));
  if (!known || stamp > known->stamp) return true;
  // An earlier life's calendar stood far ahead of ours: what our own clients say holds all the
  // same.
  constexpr std::chrono::minutes far{1};
  if (greatest != any_stamp || wall_of(known->stamp.time) < wall_of(stamp.time) + far) return false;
  message_block::change_stamp(block, index, {known->stamp.time + 1, node_});
  return true;
}

void router::share_retained(std::size_t most_cleared, std::uint64_t node) {
  versions_ = std::make_unique<retained_versions>(most_cleared);
  node_ = node;
}

void router::restore_retained(const message_block& block) {
  const message_entry& entry = block[0];
  const bool stored = retained_.store(block, 0, ++retained_sequence_);
  if (versions_ == nullptr || !stored) return;
  retained_stamp stamp = block.stamp(0);
  if (stamp == retained_stamp()) stamp.node = node_;  // so that nodes differ, and one of them wins
  versions_->set(block.topic(entry), stamp, block.payload(entry).empty());
}

void router::take_retained(const message_block_ptr& block, hybrid_stamp greatest) {
  // Before all changes that subscribers get: who reads at this moment is to find it.
  constexpr std::uint64_t sequence = 0;
  for (std::uint32_t i = 0; i != block->size(); ++i)
    if ((*block)[i].retain) retain(block, i, sequence, greatest);
}

void router::forget_cleared(wall_time now) {
  if (versions_ == nullptr) return;
  for (const std::string& topic : versions_->forget(now))
    if (notes_retained_changes_) retained_changes_.push_back({make_cleared(topic), 0, true});
}

retained_store::page router::read_retained(std::string_view filter,
                                           const retained_store::cursor& from,
                                           std::size_t maximum_messages, std::size_t maximum_bytes,
                                           time_point now) {
  retained_store::page page = retained_.read(filter, from, maximum_messages, maximum_bytes, now);
  if (versions_ != nullptr)
    for (const std::string& topic : page.expired)
      if (const auto known = versions_->find(topic)) versions_->set(topic, known->stamp, true);
  return page;
}

void router::collect(filter_entry& filter, const message_block_ptr& block, std::uint32_t index) {
  if (filter.subscriptions.empty()) return;
  if (filter.batch == 0) {
    batches_.push_back(
        {.filter = &filter, .messages = intrusive_ptr<delivery>::adopt(new delivery())});
    filter.batch = static_cast<std::uint32_t>(batches_.size());
  }
  batches_[filter.batch - 1].messages->add(block, index);
}

void router::flush(std::vector<routed>& out) {
  for (const batch& from : batches_) {
    from.filter->batch = 0;
    add_matches(from);
  }
  for (const subscriber_index to : touched_)
    merge(to, out);
  touched_.clear();
  matches_.clear();
  batches_.clear();
  blocks_.clear();
  positions_.clear();
  pending_messages_ = 0;
  pending_bytes_ = 0;
}

void router::add_matches(const batch& from) {
  for (const subscription& by : from.filter->subscriptions) {
    subscriber& matched = subscribers_[by.subscriber];
    if (matched.last_match == 0) touched_.push_back(by.subscriber);
    matches_.push_back({&from, &by, matched.last_match});
    matched.last_match = static_cast<std::uint32_t>(matches_.size());
  }
}

void router::merge(subscriber_index to, std::vector<routed>& out) {
  subscriber& target = subscribers_[to];
  const match& last = matches_[std::exchange(target.last_match, 0) - 1];
  if (last.previous == 0) {  // the usual case: one filter matched
    out.push_back({to, last.from->messages, options_of(*last.by)});
    return;
  }
  std::vector<subscription_match> matches{{last.from->messages.get(), last.by}};
  for (std::uint32_t at = last.previous; at != 0; at = matches_[at - 1].previous)
    matches.push_back({matches_[at - 1].from->messages.get(), matches_[at - 1].by});
  if (positions_.empty())
    for (const message_block_ptr& block : blocks_)
      positions_.try_emplace(block.get(), static_cast<std::uint32_t>(positions_.size()));
  for (merged_delivery& merged : merge_matches(matches, positions_, target.session))
    out.push_back({to, std::move(merged.messages), std::move(merged.options)});
}

}  // namespace troupe
