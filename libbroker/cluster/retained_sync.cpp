#include "libbroker/cluster/retained_sync.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Pages that are under way: enough for a long round trip, few enough to hold what they ask for.
constexpr std::size_t most_unanswered = 32;

}  // namespace

bool retained_sync::collected::add(const retained_digests& part) noexcept {
  for (std::size_t i = 0; i != digests.size(); ++i)
    digests[i] += part.of[i];
  return --missing == 0;
}

// -- the link -------------------------------------------------------------------------

void retained_sync::link_up(time_point now, retained_sync_effects& effects) {
  link_down();
  phase_ = phase::idle;
  missed_some_ = false;
  next_at_.reset();
  if (!settings_.begins) return;
  next_at_ = now;
  tick(now, effects);
}

void retained_sync::link_down() {
  phase_ = phase::down;
  first_ticket_ = last_ticket_ + 1;
  listing_.reset();
  outgoing_.clear();
}

void retained_sync::missed(time_point now) {
  missed_some_ = true;
  if (phase_ != phase::idle) return;
  const time_point soon = now + settings_.soon;
  next_at_ = next_at_ ? std::min(*next_at_, soon) : soon;
}

void retained_sync::tick(time_point now, retained_sync_effects& effects) {
  if (phase_ != phase::idle || !next_at_ || *next_at_ > now) return;
  // A round of the other side brings the same: it may come to its end, if it has one.
  if (!listing_ || now - listing_->since > settings_.every) begin(effects);
}

std::uint64_t retained_sync::ask(retained_question&& what, retained_sync_effects& effects) {
  effects.questions.push_back({++last_ticket_, std::move(what)});
  return last_ticket_;
}

std::optional<retained_sync::outgoing> retained_sync::pop() {
  if (outgoing_.empty()) return std::nullopt;
  outgoing next = std::move(outgoing_.front());
  outgoing_.pop_front();
  return next;
}

void retained_sync::take(retained_word&& said, time_point now, retained_sync_effects& effects) {
  if (phase_ == phase::down) return;
  std::visit([&](auto& each) { heard(std::move(each), now, effects); }, said);
}

void retained_sync::answered(std::uint64_t ticket, retained_answer&& answer,
                             retained_sync_effects& effects) {
  if (ticket < first_ticket_) return;  // of a link that is gone
  std::visit([&](auto&& each) { answered(ticket, std::forward<decltype(each)>(each), effects); },
             std::move(answer));
}

// -- inquiring ------------------------------------------------------------------------

void retained_sync::begin(retained_sync_effects& effects) {
  phase_ = phase::collecting;
  missed_some_ = false;
  next_at_.reset();
  ++round_;
  result_ = {};
  own_ = {.missing = settings_.shards};
  digests_ticket_ = ask(ask_digests{}, effects);
}

void retained_sync::heard(page_sent&& said, time_point, retained_sync_effects& effects) {
  if (phase_ == phase::inquiring && said.round == round_)
    ask(compare_page{std::move(said.page)}, effects);
}

void retained_sync::answered(std::uint64_t, page_difference&& found, retained_sync_effects&) {
  result_.wanted += found.wanted.size();
  result_.given += found.newer.size();
  for (retained_value& each : found.newer)
    outgoing_.emplace_back(std::move(each));
  outgoing_.emplace_back(
      retained_word(topics_wanted{round_, found.bucket, std::move(found.wanted)}));
}

void retained_sync::heard(round_ended&& said, time_point now, retained_sync_effects& effects) {
  if (phase_ != phase::inquiring || said.round != round_) return;
  phase_ = phase::idle;
  effects.finished = result_;
  if (settings_.begins) next_at_ = now + settings_.every;
  if (missed_some_) missed(now);
}

// -- listing --------------------------------------------------------------------------

void retained_sync::heard(round_begun&& said, time_point now, retained_sync_effects& effects) {
  listing_.emplace();
  listing_->round = said.round;
  listing_->since = now;
  listing_->theirs = said.digests;
  listed_ = {.missing = settings_.shards};
  listing_->digests_ticket = ask(ask_digests{}, effects);
}

void retained_sync::answered(std::uint64_t ticket, const retained_digests& part,
                             retained_sync_effects& effects) {
  if (phase_ == phase::collecting && ticket == digests_ticket_) {
    if (!own_.add(part)) return;
    phase_ = phase::inquiring;
    outgoing_.emplace_back(retained_word(round_begun{round_, own_.digests}));
  } else if (listing_ && ticket == listing_->digests_ticket) {
    if (!listed_.add(part)) return;
    for (std::uint32_t i = 0; i != retained_buckets; ++i)
      if (listed_.digests[i] != listing_->theirs[i]) listing_->differing.push_back(i);
    list_on(effects);
  }
}

void retained_sync::list_on(retained_sync_effects& effects) {
  listing& now = *listing_;
  if (now.list_ticket != 0) return;
  if (!now.differing.empty()) {
    if (now.unanswered + now.fetching < most_unanswered)
      now.list_ticket = ask(list_bucket{now.differing.front(), now.after}, effects);
    return;
  }
  if (now.unanswered + now.fetching != 0) return;
  outgoing_.emplace_back(retained_word(round_ended{now.round}));
  listing_.reset();
}

void retained_sync::answered(std::uint64_t ticket, retained_page&& page,
                             retained_sync_effects& effects) {
  if (!listing_ || ticket != listing_->list_ticket) return;
  listing_->list_ticket = 0;
  if (page.is_last) {
    listing_->differing.pop_front();
    listing_->after.clear();
  } else {
    listing_->after = page.topics.back().topic;
  }
  ++listing_->unanswered;
  outgoing_.emplace_back(retained_word(page_sent{listing_->round, std::move(page)}));
  list_on(effects);
}

void retained_sync::heard(topics_wanted&& said, time_point, retained_sync_effects& effects) {
  if (!listing_ || said.round != listing_->round || listing_->unanswered == 0) return;
  --listing_->unanswered;
  if (!said.topics.empty()) {
    ++listing_->fetching;
    ask(fetch_topics{said.bucket, std::move(said.topics)}, effects);
  }
  list_on(effects);
}

void retained_sync::answered(std::uint64_t, retained_values&& found,
                             retained_sync_effects& effects) {
  for (retained_value& each : found.values)
    outgoing_.emplace_back(std::move(each));
  if (!listing_ || listing_->fetching == 0) return;
  --listing_->fetching;
  list_on(effects);
}

}  // namespace troupe
