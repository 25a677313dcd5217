// What goes with a session to another node, for whom it waits there, and what of that is kept. See
// moved_session.hpp.

#include "libbroker/session/session.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace troupe {

moved_session session::describe_move() const {
  moved_session state{.expiry = expiry_, .began_clean = began_clean_};
  for (const auto& [filter, each] : subscriptions_)
    state.subscriptions.push_back(
        {.filter = filter, .options = each.options, .identifier = each.identifier});
  for (std::size_t i = 0; replays_ != nullptr && i != replays_->size(); ++i) {
    const replay& each = (*replays_)[i];
    state.subscriptions.push_back(
        {.filter = each.text, .options = each.options, .identifier = each.identifier});
  }
  state.inbound_qos2 = inbound_qos2_.all();
  state.in_flight = window_.in_order();
  if (moves_ == nullptr) return state;
  state.ends = moves_->ends;
  const std::vector<packet_id> relayed = moves_->relayed.all();
  state.in_flight.insert(state.in_flight.end(), relayed.begin(), relayed.end());
  return state;
}

std::vector<origin_cut> session::awaited() const {
  std::vector<origin_cut> found;
  if (moves_ == nullptr) return found;
  if (is_end()) {
    std::ranges::copy_if(moves_->cuts, std::back_inserter(found),
                         [](const origin_cut& each) { return !each.has_come; });
    return found;
  }
  const auto add = [&](const std::vector<origin_cut>& cuts) {
    for (const origin_cut& each : cuts)
      if (each.last == origin_cut::unknown && find_cut(found, each.home) == nullptr)
        found.push_back(each);
  };
  add(moves_->begins);
  for (const session_end& each : moves_->ends)
    add(each.cuts);
  return found;
}

message_identity session::identify(const message_block& block, std::uint32_t index) const noexcept {
  const message_identity& known = block.identity(index);
  return known.home != 0 ? known : message_identity{host_.home(), block[index].log_offset};
}

void session::write_moves(session_effects& effects) {
  if (!is_written_ || moves_ == nullptr) return;
  write(kept_moves{.log_end = moves_->log_end,
                   .ends = moves_->ends,
                   .relayed = moves_->relayed.all(),
                   .first_end = moves_->first_end,
                   .begins = moves_->begins,
                   .cuts = moves_->cuts},
        effects);
}

void session::restore_moves(const kept_moves& kept) {
  if (!is_end() && kept.ends.empty() && kept.begins.empty() && kept.relayed.empty()) return;
  moves().ends = kept.ends;
  moves_->begins = kept.begins;
  for (const packet_id id : kept.relayed)
    if (!moves_->relayed.contains(id)) moves_->relayed.insert(id);
  if (!is_end()) return;
  moves_->cuts = kept.cuts;
  moves_->first_end = kept.first_end;
  moves_->has_left = !waits_for_origins();
  moves_->log_end = kept.log_end;
  if (!moves_->log_end && moves_->has_left) moves_->log_end = log_head();
}

}  // namespace troupe
