// Shared subscriptions: what groups hear of the messages that they handed to this session.

#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>

namespace troupe {

std::vector<std::string> session::shares() const {
  std::vector<std::string> found;
  for (const auto& [text, state] : subscriptions_)
    if (is_shared_filter(text)) found.push_back(text);
  return found;
}

std::uint32_t session::share_room() const noexcept {
  return connected_ ? std::min(receive_maximum_, host_.settings.session.max_in_flight) : 0;
}

match_details_ptr session::without_share(const match_details_ptr& details) {
  if (!details || details->identifiers.empty()) return nullptr;
  return make_match_details(details->identifiers);
}

match_details_ptr session::share_details(const std::string& share) const {
  const auto found = subscriptions_.find(share);
  std::vector<std::uint32_t> identifiers;
  if (found != subscriptions_.end() && found->second.identifier != 0)
    identifiers.push_back(found->second.identifier);
  return make_match_details(std::move(identifiers), share);
}

// -- messages of the log, which a group keeps count of ----------------------------------

share_report& session::report_to(const std::string& share) {
  if (shares_ == nullptr) shares_ = std::make_unique<share_state>();
  std::vector<share_call>& reports = shares_->reports;
  auto found = std::ranges::find(reports, share, &share_call::share);
  if (found == reports.end()) found = reports.insert(found, {share, share_report{}});
  return std::get<share_report>(found->what);
}

share_report session::take_report(const std::string& share) {
  if (shares_ == nullptr) return {};
  const auto found = std::ranges::find(shares_->reports, share, &share_call::share);
  if (found == shares_->reports.end()) return {};
  share_report report = std::get<share_report>(std::move(found->what));
  shares_->reports.erase(found);
  return report;
}

void session::report_done(packet_id id, outbound_window::message& sent) {
  sent.tracked = false;
  share_report& report = report_to(sent.details->share);
  report.done.push_back(sent.offset);
  // Forgotten here first, it would be delivered again after a crash.
  if (!is_durable() || sent.qos != qos::exactly_once) return;
  if (report.number == 0) report.number = ++last_request_;
  shares_->unconfirmed.push_back({report.number, id});
  sent.unconfirmed = true;
}

void session::report_done(const message_entry& entry, const delivery_options& options) {
  report_to(options.details->share).done.push_back(entry.log_offset);
}

void session::share_kept(request_number number, time_point now, session_effects& effects) {
  if (shares_ == nullptr) return;
  std::erase_if(shares_->unconfirmed, [&](const share_state::done_message& each) {
    if (each.number != number) return false;
    outbound_window::message& sent = *window_.find(each.id);
    sent.unconfirmed = false;
    if (sent.stage == outbound_window::stage::finished)
      window_.complete(each.id);
    else
      sent.details = without_share(sent.details);
    return true;
  });
  send_queued(now, effects);
}

void session::leave_share(const std::string& share) {
  for (const packet_id id : window_.in_order()) {
    outbound_window::message& sent = *window_.find(id);
    if (!sent.tracked || sent.details->share != share) continue;
    report_done(id, sent);  // what was begun is completed [MQTT5-3.10.4-3]
    if (!sent.unconfirmed) sent.details = without_share(sent.details);
  }
  return_queued(share);
}

void session::return_tracked() {
  for (const packet_id id : window_.in_order()) {
    outbound_window::message& sent = *window_.find(id);
    const bool stays = !sent.tracked || (sent.qos == qos::exactly_once && sent.was_sent);
    if (stays) continue;  // [MQTT5-4.8.2-4]
    report_to(sent.details->share).returned.push_back(sent.offset);
    sent.tracked = false;
    complete(id, sent);
  }
  return_queued({});
}

void session::return_queued(std::string_view share) {
  if (queue_ == nullptr) return;
  queue_->remove_if([&](const message_queue::run& waiting) {
    const auto& [messages, options] = waiting;
    if (!options.tracked || (!share.empty() && options.details->share != share)) return false;
    for (std::uint32_t i = messages.first; i != messages.first + messages.count; ++i)
      report_to(options.details->share).returned.push_back((*messages.block)[i].log_offset);
    return true;
  });
  if (queue_->empty()) queue_.reset();
}

/// What waits of a share and is not in the log others get: the client is elsewhere.
void session::give_back_queued(std::string_view share, session_effects& effects) {
  if (queue_ == nullptr) return;
  queue_->remove_if([&](const message_queue::run& waiting) {
    const auto& [messages, options] = waiting;
    if (!is_shared(options.details) || options.details->share != share) return false;
    for (std::uint32_t i = messages.first; i != messages.first + messages.count; ++i)
      give_back(*messages.block, i, options.details->share, effects);
    return true;
  });
  if (queue_->empty()) queue_.reset();
}

/// What the client may have got at QoS 2 nobody else gets [MQTT5-4.8.2-5].
void session::report_all() {
  return_tracked();
  for (const packet_id id : window_.in_order())
    if (const outbound_window::message& sent = *window_.find(id); sent.tracked)
      report_to(sent.details->share).done.push_back(sent.offset);
}

void session::return_shared(session_effects& effects) {
  for (const packet_id id : window_.in_order()) {
    const outbound_window::message& sent = *window_.find(id);
    if (is_shared(sent.details) && !sent.tracked && sent.offset == 0 &&
        sent.qos == qos::at_least_once)
      give_back(*sent.block, sent.index, sent.details->share, effects);
  }
  for (; queue_ != nullptr && !queue_->empty(); queue_->pop()) {
    const auto& [messages, options] = queue_->front();
    if (is_shared(options.details))
      give_back(*messages.block, messages.first, options.details->share, effects);
  }
  send_reports(effects);
  shares_.reset();
}

void session::return_delivery(const delivery& messages, const delivery_options& options,
                              session_effects& effects) {
  if (!is_shared(options.details) || options.maximum_qos == qos::at_most_once) return;
  for (const message_run& run : messages.runs) {
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
      const message_entry& entry = (*run.block)[i];
      if (options.tracked)
        report_to(options.details->share).returned.push_back(entry.log_offset);
      else if (entry.qos != qos::at_most_once)
        give_back(*run.block, i, options.details->share, effects);
    }
  }
}

void session::send_reports(session_effects& effects) {
  if (shares_ == nullptr || shares_->reports.empty()) return;
  for (share_call& each : shares_->reports) {
    // Nor is more to come from a group that does not know yet that the client has unsubscribed.
    std::get<share_report>(each.what).is_away = !connected_ || !subscriptions_.contains(each.share);
    effects.reports.push_back(std::move(each));
  }
  shares_->reports.clear();
}

void session::restore_tracked(const kept_in_flight& kept, outbound_window::message& sent) {
  sent.details = make_match_details({}, kept.share);
  if (kept.released) return report_done(kept.id, sent);
  sent.tracked = true;
  report_to(kept.share).held.push_back(kept.offset);
}

// -- others -------------------------------------------------------------------------------

void session::give_back(const message_block& block, std::uint32_t index, const std::string& share,
                        session_effects& effects) {
  message_block_builder builder;
  builder.add(block, block[index]);
  effects.requests.push_back(
      share_call{share, share_return{builder.seal({.publisher = block.publisher(),
                                                   .received_at = block.received_at()})}});
}

}  // namespace troupe
