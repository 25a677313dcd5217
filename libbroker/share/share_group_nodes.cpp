// What a group lends to other nodes that have members.

#include "libbroker/share/share_group.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace troupe {

void share_group::link_up(std::uint64_t node, std::uint64_t home, share_effects& effects) {
  meet_lender(node, home);
  if (loans_.has_any_of(home)) effects.words.push_back({node, share_ask_me{}});
  // It may have something though it has no members any more.
  if (nodes_.find(node) != nullptr || ledger_.held_by(node).messages != 0) ask_node(node, effects);
}

void share_group::ask_node(std::uint64_t node, share_effects& effects) {
  flush(effects);  // what it has been given is in front of the question, or parked
  // Nothing is lent to it before it has answered, whatever it said before.
  set_away(node);
  asked_[node] = ++last_request_;
  effects.words.push_back({node, share_ask{.number = last_request_}});
  return_parked(node);  // it would be sent behind the question, and not be in the answer
  after_returns(effects);
}

void share_group::link_down(std::uint64_t node, share_effects& effects) {
  set_away(node);
  return_parked(node);
  after_returns(effects);
}

void share_group::set_away(std::uint64_t node) {
  if (share_member* const member = nodes_.find(node)) member->weight = 0;
  nodes_.set_room(node, 0);
}

void share_group::holds(std::uint64_t node, const share_holds& answer, share_effects& effects) {
  const auto asked = asked_.find(node);
  if (asked == asked_.end() || asked->second != answer.number) return;
  asked_.erase(asked);
  std::vector<log_offset> held = answer.offsets;
  std::ranges::sort(held);
  if (is_durable()) {
    std::vector<log_offset> known = ledger_.held_by(node, qos::at_least_once);
    const std::vector<log_offset> others = ledger_.held_by(node, qos::exactly_once);
    known.insert(known.end(), others.begin(), others.end());
    std::ranges::sort(known);
    ledger_.give_back_others(node, held);
    // Lent in an earlier life, after the last write, so at QoS 1; unless somebody else has got it
    // since.
    for (const log_offset offset : held)
      if (!std::ranges::binary_search(known, offset) && !ledger_.is_held(offset))
        ledger_.hold(offset, node);
    changed_ = true;
  }
  nodes_.set_held(node, ledger_.held_by(node));
  after_returns(effects);
}

void share_group::node_died(std::uint64_t node, bool for_good, share_effects& effects) {
  return_parked(node);
  ledger_.give_back_acknowledged(node);
  if (for_good) ledger_.complete_all(node);
  set_away(node);
  nodes_.set_held(node, ledger_.held_by(node));
  changed_ = true;
  after_returns(effects);
}

// -- what waits until it is written down who has it -----------------------------------------

void share_group::park(share_effects::outgoing&& lent) {
  parked_.push_back({std::move(lent)});
  changed_ = is_urgent_ = true;
}

/// The node was not sent it.
void share_group::return_parked(std::uint64_t node) {
  std::erase_if(parked_, [&](const parked& each) {
    if (each.what.session != node) return false;
    for (const message_run& run : each.what.messages->runs)
      for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
        if (const auto bytes = ledger_.give_back((*run.block)[i].log_offset, node))
          nodes_.release(node, *bytes);
    return true;
  });
}

void share_group::send_parked(write_number done, share_effects& effects) {
  std::erase_if(parked_, [&](parked& each) {
    if (each.write == 0 || each.write > done) return false;
    effects.deliveries.push_back(std::move(each.what));
    return true;
  });
}

std::vector<kept_share::lent> share_group::with_nodes() const {
  std::map<std::uint64_t, kept_share::lent> found;
  ledger_.for_each_held([&](log_offset offset, std::uint64_t session, qos level) {
    if (!is_share_id_of_node(session)) return;
    kept_share::lent& lent = found[session];
    (level == qos::exactly_once ? lent.exactly_once : lent.at_least_once).push_back(offset);
  });
  std::vector<kept_share::lent> all;
  for (auto& [node, lent] : found) {
    lent.node = node;
    all.push_back(std::move(lent));
  }
  return all;
}

}  // namespace troupe
