// What people may want to know of a session: docs/inspection.md.

#include "libbroker/rfc3339.hpp"
#include "libbroker/session/session.hpp"

namespace troupe {

namespace {

/// Of lists that a client can make long.
constexpr std::size_t most_listed = 64;
constexpr std::size_t longest_filter = 256;

fact_value text_or_none(std::string_view text) {
  return text.empty() ? fact_value() : fact_value(shortened(text));
}

/// Unlike a time, which is relative to a start that nobody remembers.
fact_value date(std::optional<time_point> at, const clock_reading& now) {
  return at ? fact_value(to_rfc3339(now.to_wall(*at))) : fact_value();
}

fact_value figure_of(std::uint64_t value) { return value; }

fact_value interval(std::uint32_t seconds) {
  return seconds == never_ends ? fact_value(std::string("never")) : figure_of(seconds);
}

std::string name_of(protocol_version version) {
  return version == protocol_version::v5       ? "5.0"
         : version == protocol_version::v3_1_1 ? "3.1.1"
                                               : "3.1";
}

std::string name_of(log_cursor::phase phase) {
  switch (phase) {
  case log_cursor::phase::away: return "away";
  case log_cursor::phase::reading: return "reading";
  case log_cursor::phase::joining: return "joining";
  case log_cursor::phase::closing: return "closing";
  case log_cursor::phase::live: return "live";
  }
  return {};
}

}  // namespace

std::vector<fact_group> session::facts(const connection_facts& connection,
                                       const clock_reading& now) const {
  fact_group subscriptions{.name = "subscriptions",
                           .facts = {{"count", figure_of(this->subscriptions())},
                                     {"shared", figure_of(shared_subscriptions_)},
                                     {"pending_requests", figure_of(pending_requests())}}};
  fact_group replays{.name = "replays", .facts = {}};
  if (replays_ != nullptr)
    for (const replay& each : *replays_) {
      if (replays.facts.size() == most_listed) break;
      replays.facts.push_back({shortened(each.text, longest_filter),
                               each.position ? figure_of(*each.position) : fact_value()});
    }
  return {login_facts(connection, now), qos_facts(),  cursor_facts(), std::move(replays),
          std::move(subscriptions),     will_facts(), move_facts()};
}

fact_group session::login_facts(const connection_facts& connection,
                                const clock_reading& now) const {
  const bool has_since = connection.since != time_point();
  return {
      .name = "login",
      .facts = {{"client_id", shortened(client_id_)},
                {"user", text_or_none(connection.user)},
                {"version", name_of(version_)},
                {"connected", connected_},
                {"since", date(has_since ? std::optional(connection.since) : std::nullopt, now)},
                {"address", text_or_none(connection.address)},
                {"node", connection.node},
                {"clean_start", clean_start_},
                {"keep_alive", figure_of(keep_alive_)},
                {"expiry", interval(expiry_)},
                {"expires_at", date(expires_at_, now)}}};
}

fact_group session::qos_facts() const {
  std::uint64_t qos1 = 0;
  std::uint64_t qos2 = 0;
  std::uint64_t released = 0;
  std::uint64_t finished = 0;
  window_.for_each([&](const outbound_window::message& each) {
    using stage = outbound_window::stage;
    if (each.stage == stage::released)
      ++released;
    else if (each.stage == stage::finished)
      ++finished;
    else
      ++(each.qos == qos::exactly_once ? qos2 : qos1);
  });
  std::vector<std::uint64_t> received;
  for (const packet_id each : inbound_qos2_.all())
    if (received.size() != most_listed) received.push_back(each);
  return {.name = "qos",
          .facts = {{"in_flight_qos1", qos1},
                    {"in_flight_qos2", qos2},
                    {"in_flight_released", released},
                    {"in_flight_finished", finished},
                    {"received_qos2", figure_of(inbound_qos2_.size())},
                    {"received_qos2_ids", std::move(received)},
                    {"received_unacknowledged", figure_of(unacknowledged_)},
                    {"receive_maximum_of_client", figure_of(receive_maximum_)},
                    {"send_quota", figure_of(send_quota_)},
                    {"receive_maximum", figure_of(host_.settings.session.receive_maximum)},
                    {"max_in_flight", figure_of(host_.settings.session.max_in_flight)},
                    {"maximum_packet_size",
                     maximum_packet_size_ == 0 ? fact_value() : figure_of(maximum_packet_size_)},
                    {"queued_messages", figure_of(queued_messages())},
                    {"queued_bytes", figure_of(queued_bytes())},
                    {"output_bytes", figure_of(output_.size())}}};
}

fact_group session::cursor_facts() const {
  fact_group group{.name = "cursors", .facts = {}};
  if (cursor_ == nullptr) return group;
  const std::vector<log_offset> all = positions();
  // Those of an earlier life with other shards are by partition.
  const std::string place = all.size() == host_.shards ? "shard_" : "partition_";
  group.facts = {{"phase", name_of(cursor_->now())}, {"log_head", figure_of(log_head())}};
  for (std::size_t i = 0; i != all.size(); ++i)
    group.facts.push_back({place + std::to_string(i), figure_of(all[i])});
  return group;
}

fact_group session::will_facts() const {
  fact_group group{.name = "will", .facts = {}};
  if (will_ == nullptr || will_->message == nullptr) return group;
  const message_entry& entry = (*will_->message)[0];
  group.facts = {{"topic", shortened(will_->message->topic(entry))},
                 {"qos", figure_of(static_cast<std::uint64_t>(entry.qos))},
                 {"retain", entry.retain},
                 {"delay", interval(will_->delay)}};
  return group;
}

fact_group session::move_facts() const {
  fact_group group{.name = "moves", .facts = {}};
  if (moves_ == nullptr) return group;
  group.facts = {
      {"is_end", is_end()}, {"ends_elsewhere", figure_of(ends().size())}, {"relay", has_relay()}};
  if (const session_end* const next = next_end()) group.facts.push_back({"next_end", next->node});
  return group;
}

}  // namespace troupe
