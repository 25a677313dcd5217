#include "libbroker/cluster/session_wire.hpp"

#include "libbroker/cluster/wire.hpp"

namespace troupe {

namespace {

using verb = session_message::verb;

constexpr std::uint64_t no_local_bit = 0x04;
constexpr std::uint64_t retain_as_published_bit = 0x08;
constexpr unsigned retain_handling_shift = 4;

/// Of a subscription (MQTT5 §3.8.2.1.2).
constexpr std::uint32_t largest_identifier = 268'435'455;

/// As in SUBSCRIBE (MQTT5 §3.8.3.1).
std::uint64_t bits_of(const subscription_options& options) noexcept {
  return static_cast<std::uint64_t>(options.qos) | (options.no_local ? no_local_bit : 0) |
         (options.retain_as_published ? retain_as_published_bit : 0) |
         static_cast<std::uint64_t>(options.retain_handling) << retain_handling_shift;
}

std::optional<subscription_options> options_of(std::uint64_t bits) noexcept {
  const std::uint64_t level = bits & 0x03;
  const std::uint64_t handling = bits >> retain_handling_shift;
  if (level > 2 || handling > 2) return std::nullopt;
  return subscription_options{.qos = static_cast<qos>(level),
                              .no_local = (bits & no_local_bit) != 0,
                              .retain_as_published = (bits & retain_as_published_bit) != 0,
                              .retain_handling = static_cast<retain_handling>(handling)};
}

// -- state ------------------------------------------------------------------------------

void append(wire_writer& out, const std::vector<packet_id>& ids) {
  out.number(ids.size());
  for (const packet_id id : ids)
    out.number(id);
}

std::vector<packet_id> read_ids(wire_reader& in) {
  std::vector<packet_id> ids;
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left) {
    const auto id = in.number<packet_id>();
    if (id == 0) in.fail();
    ids.push_back(id);
  }
  return ids;
}

void append(wire_writer& out, const std::vector<origin_cut>& cuts) {
  out.number(cuts.size());
  for (const origin_cut& each : cuts)
    out.section([&](wire_writer& one) {
      one.text(each.node);
      one.number(each.home);
      one.flag(each.last != origin_cut::unknown);
      one.number(each.last == origin_cut::unknown ? 0 : each.last);
    });
}

std::vector<origin_cut> read_cuts(wire_reader& in) {
  std::vector<origin_cut> cuts;
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left) {
    wire_reader one = in.section();
    origin_cut each{.node = std::string(one.text()), .home = one.number()};
    const bool is_known = one.flag();
    const log_offset last = one.number();
    if (is_known) each.last = last;
    if (!one.ok() || each.home == 0) in.fail();
    cuts.push_back(std::move(each));
  }
  return cuts;
}

void append(wire_writer& out, const moved_session& state) {
  out.number(state.expiry);
  out.flag(state.began_clean);
  out.number(state.subscriptions.size());
  for (const kept_subscription& each : state.subscriptions)
    out.section([&](wire_writer& one) {
      one.text(each.filter);
      one.number(bits_of(each.options));
      one.number(each.identifier);
    });
  append(out, state.inbound_qos2);
  append(out, state.in_flight);
  out.number(state.ends.size());
  for (const session_end& each : state.ends)
    out.section([&](wire_writer& one) {
      one.text(each.node);
      one.number(each.number);
      one.flag(each.is_late);
      append(one, each.cuts);
    });
}

moved_session read_state(wire_reader& in) {
  moved_session state;
  state.expiry = in.number<std::uint32_t>();
  state.began_clean = in.flag();
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left) {
    wire_reader one = in.section();
    const std::string_view filter = one.text();
    const auto options = options_of(one.number());
    const auto identifier = one.number<std::uint32_t>();
    if (!one.ok() || !options || identifier > largest_identifier) in.fail();
    if (!in.ok()) break;
    state.subscriptions.push_back(
        {.filter = std::string(filter), .options = *options, .identifier = identifier});
  }
  state.inbound_qos2 = read_ids(in);
  state.in_flight = read_ids(in);
  for (std::uint64_t left = in.number(); left != 0 && in.ok(); --left) {
    wire_reader one = in.section();
    session_end end{.node = std::string(one.text()), .number = one.number()};
    if (!one.at_end()) {  // else of an earlier version
      end.is_late = one.flag();
      end.cuts = read_cuts(one);
    }
    if (!one.ok() || end.number == 0) in.fail();
    state.ends.push_back(std::move(end));
  }
  return state;
}

// -- terms ------------------------------------------------------------------------------

void append(wire_writer& out, const relay_terms& terms) {
  out.number(static_cast<std::uint64_t>(terms.version));
  out.number(terms.expiry);
  out.number(terms.receive_maximum);
  out.number(terms.maximum_packet_size);
  out.flag(terms.problem_information);
  append(out, terms.taken);
}

relay_terms read_terms(wire_reader& in) {
  relay_terms terms;
  const std::uint64_t version = in.number();
  if (version < 3 || version > 5) in.fail();
  terms.version = static_cast<protocol_version>(version);
  terms.expiry = in.number<std::uint32_t>();
  terms.receive_maximum = in.number<std::uint16_t>();
  terms.maximum_packet_size = in.number<std::uint32_t>();
  terms.problem_information = in.flag();
  if (in.ok() && !in.at_end()) terms.taken = read_ids(in);  // else of an earlier version
  if (terms.receive_maximum == 0) in.fail();
  return terms;
}

}  // namespace

bool is_for_end(const session_message& message) noexcept {
  switch (message.what) {
  case verb::open:
  case verb::input:
  case verb::took:
  case verb::close:
  case verb::keep: return true;
  case verb::discard: return message.number != 0;
  default: return false;
  }
}

std::string encode(const session_message& message) {
  std::string bytes;
  wire_writer out(bytes);
  out.number(static_cast<std::uint64_t>(message.what));
  out.text(message.client_id);
  out.number(message.number);
  out.number(message.relay);
  switch (message.what) {
  case verb::state:
    out.section([&](wire_writer& inside) {
      inside.flag(message.state.has_value());
      if (message.state) append(inside, *message.state);
    });
    break;
  case verb::open: out.section([&](wire_writer& inside) { append(inside, message.terms); }); break;
  case verb::output:
  case verb::input: out.text(message.bytes); break;
  case verb::took:
  case verb::discard: out.number(message.count); break;
  case verb::hand_over:
  case verb::keep: out.section([&](wire_writer& inside) { append(inside, message.cuts); }); break;
  case verb::nothing_left: out.flag(message.is_late); break;
  default: break;
  }
  return bytes;
}

std::optional<session_message> decode_session_message(std::string_view content) {
  wire_reader in(content);
  const std::uint64_t what = in.number();
  if (what < static_cast<std::uint64_t>(verb::take) ||
      what > static_cast<std::uint64_t>(verb::more))
    return std::nullopt;
  session_message message{.what = static_cast<verb>(what)};
  message.client_id = in.text();
  message.number = in.number();
  message.relay = in.number();
  const bool needs_number = message.what != verb::offer && message.what != verb::unwanted &&
                            message.what != verb::discard;
  if (message.client_id.empty() || (needs_number && message.number == 0)) return std::nullopt;
  switch (message.what) {
  case verb::state: {
    wire_reader inside = in.section();
    if (inside.flag()) message.state = read_state(inside);
    if (!inside.ok()) return std::nullopt;
    break;
  }
  case verb::open: {
    wire_reader inside = in.section();
    message.terms = read_terms(inside);
    if (!inside.ok()) return std::nullopt;
    break;
  }
  case verb::output:
  case verb::input: message.bytes = in.text(); break;
  case verb::took:
  case verb::discard: message.count = in.number(); break;
  case verb::hand_over:
  case verb::keep: {
    if (in.at_end()) break;  // of an earlier version
    wire_reader inside = in.section();
    message.cuts = read_cuts(inside);
    if (!inside.ok()) return std::nullopt;
    break;
  }
  case verb::nothing_left:
    if (!in.at_end()) message.is_late = in.flag();
    break;
  default: break;
  }
  if (!in.ok()) return std::nullopt;
  return message;
}

}  // namespace troupe
