#include "persistence/session_table.hpp"

#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"

#include <array>

namespace troupe {

namespace {

constexpr std::uint8_t first_login_format = 1;  // without the claim
constexpr std::uint8_t login_format = 2;
constexpr std::uint8_t first_moves_format = 1;  // without cuts
constexpr std::uint8_t moves_format = 2;
constexpr std::uint8_t subscription_format = 1;
constexpr std::uint8_t adopted_format = 2;  // of a subscription that came from another node

// Places in a login.
constexpr std::size_t flags_at = 1;
constexpr std::size_t expiry_at = 2;
constexpr std::size_t will_delay_at = 6;
constexpr std::size_t expires_at = 10;
constexpr std::size_t will_due_at = 18;
constexpr std::size_t first_login_size = 26;  // the will's record follows
constexpr std::size_t stamp_at = 26;
constexpr std::size_t login_size = 34;  // the will's record follows

constexpr std::uint8_t connected_bit = 0x01;
constexpr std::uint8_t expires_bit = 0x02;
constexpr std::uint8_t will_due_bit = 0x04;
constexpr std::uint8_t will_bit = 0x08;
constexpr std::uint8_t began_clean_bit = 0x10;

// Places in where else messages are.
constexpr std::size_t log_end_at = 1;
constexpr std::size_t relayed_count_at = 9;
constexpr std::size_t relayed_at = 11;  // so many identifiers, and behind them the ends
// Ends in the log that are no offsets.
constexpr log_offset no_log_end = 0;
constexpr log_offset log_end_at_beginning = 0xFFFF'FFFF'FFFF'FFFF;
// Flags of a cut, and of an end.
constexpr std::uint8_t has_come_bit = 0x01;
constexpr std::uint8_t is_late_bit = 0x02;

// Places in a subscription.
constexpr std::size_t options_at = 1;
constexpr std::size_t identifier_at = 2;
constexpr std::size_t begin_at = 6;
constexpr std::size_t subscription_size = 14;

// Places in what was sent of the log.
constexpr std::uint8_t progress_format = 1;
constexpr std::size_t position_count_at = 1;
constexpr std::size_t positions_at = 2;  // and behind them what is in flight

// Places in a message in flight.
constexpr std::size_t in_flight_offset_at = 2;
constexpr std::size_t in_flight_flags_at = 10;
constexpr std::size_t in_flight_identifier_at = 11;
constexpr std::size_t in_flight_size = 15;  // and behind it, with `share_bit`, the share

constexpr std::uint8_t qos_mask = 0x03;
constexpr std::uint8_t retain_bit = 0x04;
constexpr std::uint8_t released_bit = 0x08;
constexpr std::uint8_t replayed_bit = 0x10;
constexpr std::uint8_t share_bit = 0x20;

std::uint64_t number_of(wall_time at) noexcept {
  return static_cast<std::uint64_t>(at.time_since_epoch().count());
}

time_point time_at(std::string_view value, std::size_t place, const clock_reading& now) {
  const auto number = get_big_endian<std::uint64_t>(value.substr(place));
  return now.to_monotonic(wall_time(std::chrono::milliseconds(static_cast<std::int64_t>(number))));
}

std::string encode(const kept_login& login, const clock_reading& now) {
  std::string value(login_size, '\0');
  value[0] = static_cast<char>(login_format);
  std::uint8_t flags = 0;
  if (login.connected) flags |= connected_bit;
  if (login.began_clean) flags |= began_clean_bit;
  put_big_endian(login.stamp, value.data() + stamp_at);
  put_big_endian(login.expiry, value.data() + expiry_at);
  put_big_endian(login.will_delay, value.data() + will_delay_at);
  if (login.expires_at) {
    flags |= expires_bit;
    put_big_endian(number_of(now.to_wall(*login.expires_at)), value.data() + expires_at);
  }
  if (login.will_due) {
    flags |= will_due_bit;
    put_big_endian(number_of(now.to_wall(*login.will_due)), value.data() + will_due_at);
  }
  if (login.will != nullptr) {
    flags |= will_bit;
    encode_record(*login.will, std::array{0U}, no_place, {.received_at = now.wall}, value);
  }
  value[flags_at] = static_cast<char>(flags);
  return value;
}

std::optional<kept_login> decode_login(std::string_view value, const clock_reading& now) {
  if (value.size() < first_login_size) return std::nullopt;
  const auto format = static_cast<std::uint8_t>(value[0]);
  const std::size_t size = format == first_login_format ? first_login_size : login_size;
  const bool is_known = format == first_login_format || format == login_format;
  if (!is_known || value.size() < size) return std::nullopt;
  const auto flags = static_cast<std::uint8_t>(value[flags_at]);
  kept_login login;
  login.connected = (flags & connected_bit) != 0;
  login.began_clean = (flags & began_clean_bit) != 0;
  if (format != first_login_format)
    login.stamp = get_big_endian<hybrid_stamp>(value.substr(stamp_at));
  login.expiry = get_big_endian<std::uint32_t>(value.substr(expiry_at));
  login.will_delay = get_big_endian<std::uint32_t>(value.substr(will_delay_at));
  if ((flags & expires_bit) != 0) login.expires_at = time_at(value, expires_at, now);
  if ((flags & will_due_bit) != 0) login.will_due = time_at(value, will_due_at, now);
  if ((flags & will_bit) != 0) {
    const auto record = record_view::parse(value.substr(size));
    if (!record) return std::nullopt;
    login.will = single_message(*record, {});
  }
  return login;
}

std::string encode(const kept_subscription& subscription) {
  const subscription_options& options = subscription.options;
  std::string value(subscription_size, '\0');
  value[0] = static_cast<char>(subscription.adopted ? adopted_format : subscription_format);
  // As in SUBSCRIBE (MQTT5 §3.8.3.1).
  value[options_at] =
      static_cast<char>(static_cast<unsigned>(options.qos) | (options.no_local ? 0x04U : 0U) |
                        (options.retain_as_published ? 0x08U : 0U) |
                        (static_cast<unsigned>(options.retain_handling) << 4));
  put_big_endian(subscription.identifier, value.data() + identifier_at);
  put_big_endian(subscription.begin, value.data() + begin_at);
  return value;
}

std::optional<kept_subscription> decode_subscription(std::string_view filter,
                                                     std::string_view value) {
  if (value.size() != subscription_size) return std::nullopt;
  const auto format = static_cast<std::uint8_t>(value[0]);
  if (format != subscription_format && format != adopted_format) return std::nullopt;
  const auto options = static_cast<std::uint8_t>(value[options_at]);
  const auto level = static_cast<std::uint8_t>(options & 0x03U);
  const auto handling = static_cast<std::uint8_t>(options >> 4);
  if (level > 2 || handling > 2) return std::nullopt;
  return kept_subscription{.filter = std::string(filter),
                           .options = {.qos = static_cast<qos>(level),
                                       .no_local = (options & 0x04U) != 0,
                                       .retain_as_published = (options & 0x08U) != 0,
                                       .retain_handling = static_cast<retain_handling>(handling)},
                           .identifier = get_big_endian<std::uint32_t>(value.substr(identifier_at)),
                           .begin = get_big_endian<log_offset>(value.substr(begin_at)),
                           .adopted = format == adopted_format};
}

std::string encode(const kept_progress& progress) {
  std::string value;
  value += static_cast<char>(progress_format);
  value += static_cast<char>(progress.positions.size());
  for (const log_offset position : progress.positions)
    append_big_endian(position, value);
  for (const kept_in_flight& each : progress.in_flight) {
    append_big_endian(each.id, value);
    append_big_endian(each.offset, value);
    value += static_cast<char>(static_cast<unsigned>(each.qos) | (each.retain ? retain_bit : 0U) |
                               (each.released ? released_bit : 0U) |
                               (each.replayed ? replayed_bit : 0U) |
                               (each.share.empty() ? 0U : share_bit));
    append_big_endian(each.identifier, value);
    if (each.share.empty()) continue;
    append_big_endian(static_cast<std::uint16_t>(each.share.size()), value);
    value += each.share;
  }
  return value;
}

std::optional<kept_progress> decode_progress(std::string_view value) {
  if (value.size() < positions_at || static_cast<std::uint8_t>(value[0]) != progress_format)
    return std::nullopt;
  const std::size_t positions = static_cast<std::uint8_t>(value[position_count_at]);
  const std::size_t in_flight_at = positions_at + positions * sizeof(log_offset);
  if (positions == 0 || value.size() < in_flight_at) return std::nullopt;
  kept_progress progress;
  for (std::size_t at = positions_at; at != in_flight_at; at += sizeof(log_offset))
    progress.positions.push_back(get_big_endian<log_offset>(value.substr(at)));
  for (std::string_view rest = value.substr(in_flight_at); !rest.empty();) {
    if (rest.size() < in_flight_size) return std::nullopt;
    const std::string_view part = rest.substr(0, in_flight_size);
    rest.remove_prefix(in_flight_size);
    const auto flags = static_cast<std::uint8_t>(part[in_flight_flags_at]);
    const auto id = get_big_endian<packet_id>(part);
    const unsigned level = flags & qos_mask;
    if (id == 0 || level == 0 || level > 2) return std::nullopt;
    std::string_view share;
    if ((flags & share_bit) != 0) {
      if (rest.size() < sizeof(std::uint16_t)) return std::nullopt;
      const std::size_t size = get_big_endian<std::uint16_t>(rest);
      rest.remove_prefix(sizeof(std::uint16_t));
      if (rest.size() < size) return std::nullopt;
      share = rest.substr(0, size);
      rest.remove_prefix(size);
    }
    progress.in_flight.push_back(
        {.id = id,
         .offset = get_big_endian<log_offset>(part.substr(in_flight_offset_at)),
         .qos = static_cast<qos>(level),
         .retain = (flags & retain_bit) != 0,
         .released = (flags & released_bit) != 0,
         .replayed = (flags & replayed_bit) != 0,
         .identifier = get_big_endian<std::uint32_t>(part.substr(in_flight_identifier_at)),
         .share = std::string(share)});
  }
  return progress;
}

void append_name(std::string_view name, std::string& to) {
  append_big_endian(static_cast<std::uint16_t>(name.size()), to);
  to += name;
}

void append(const std::vector<origin_cut>& cuts, std::string& to) {
  append_big_endian(static_cast<std::uint16_t>(cuts.size()), to);
  for (const origin_cut& each : cuts) {
    to +=
        static_cast<char>((each.has_come ? has_come_bit : 0U) | (each.is_late ? is_late_bit : 0U));
    append_big_endian(each.home, to);
    append_big_endian(each.last, to);
    append_name(each.node, to);
  }
}

/// Takes numbers and names off the front of a value. The first failure sticks.
struct part_reader {
  std::string_view rest;
  bool ok = true;

  template <class Number>
  Number number() noexcept {
    if (rest.size() < sizeof(Number)) {
      ok = false;
      rest = {};
      return 0;
    }
    const auto found = get_big_endian<Number>(rest);
    rest.remove_prefix(sizeof(Number));
    return found;
  }
  std::string name() {
    const auto size = number<std::uint16_t>();
    if (rest.size() < size) {
      ok = false;
      rest = {};
    }
    std::string found(rest.substr(0, size));
    rest.remove_prefix(found.size());
    return found;
  }
  std::vector<origin_cut> cuts() {
    std::vector<origin_cut> found;
    for (auto left = number<std::uint16_t>(); left != 0 && ok; --left) {
      const auto flags = number<std::uint8_t>();
      origin_cut each{.has_come = (flags & has_come_bit) != 0,
                      .is_late = (flags & is_late_bit) != 0};
      each.home = number<std::uint64_t>();
      each.last = number<log_offset>();
      each.node = name();
      found.push_back(std::move(each));
    }
    return found;
  }
};

std::string encode(const kept_moves& moves) {
  std::string value;
  value += static_cast<char>(moves_format);
  const log_offset log_end = moves.log_end.value_or(no_log_end);
  append_big_endian(moves.log_end && log_end == 0 ? log_end_at_beginning : log_end, value);
  append_big_endian(static_cast<std::uint16_t>(moves.relayed.size()), value);
  for (const packet_id id : moves.relayed)
    append_big_endian(id, value);
  append_big_endian(moves.first_end, value);
  append(moves.begins, value);
  append(moves.cuts, value);
  for (const session_end& each : moves.ends) {
    append_big_endian(each.number, value);
    append_name(each.node, value);
    value += static_cast<char>(each.is_late ? is_late_bit : 0U);
    append(each.cuts, value);
  }
  return value;
}

std::optional<kept_moves> decode_moves(std::string_view value) {
  if (value.size() < relayed_at) return std::nullopt;
  const auto format = static_cast<std::uint8_t>(value[0]);
  if (format != first_moves_format && format != moves_format) return std::nullopt;
  const std::size_t relayed = get_big_endian<std::uint16_t>(value.substr(relayed_count_at));
  const std::size_t ends_at = relayed_at + relayed * sizeof(packet_id);
  if (value.size() < ends_at) return std::nullopt;
  kept_moves moves;
  if (const auto end = get_big_endian<log_offset>(value.substr(log_end_at)); end != no_log_end)
    moves.log_end = end == log_end_at_beginning ? 0 : end;
  for (std::size_t at = relayed_at; at != ends_at; at += sizeof(packet_id)) {
    moves.relayed.push_back(get_big_endian<packet_id>(value.substr(at)));
    if (moves.relayed.back() == 0) return std::nullopt;
  }
  part_reader in{value.substr(ends_at)};
  if (format == moves_format) {
    moves.first_end = in.number<log_offset>();
    moves.begins = in.cuts();
    moves.cuts = in.cuts();
  }
  while (in.ok && !in.rest.empty()) {
    session_end each{.number = in.number<std::uint64_t>()};
    each.node = in.name();
    if (format == moves_format) {
      each.is_late = (in.number<std::uint8_t>() & is_late_bit) != 0;
      each.cuts = in.cuts();
    }
    if (each.number == 0) in.ok = false;
    moves.ends.push_back(std::move(each));
  }
  if (!in.ok) return std::nullopt;
  return moves;
}

/// Stages changes of one session; one overload for each kind.
struct stager {
  database& store;
  std::string_view client_id;
  const clock_reading& now;

  void operator()(const kept_login& login) const {
    store.put(keys::login(client_id), encode(login, now));
  }
  void operator()(const kept_subscription& subscription) const {
    store.put(keys::subscription(client_id, subscription.filter), encode(subscription));
  }
  void operator()(const dropped_subscription& subscription) const {
    store.remove(keys::subscription(client_id, subscription.filter));
  }
  void operator()(const kept_packet_id& packet) const {
    store.put(keys::inbound_packet(client_id, packet.id), {});
  }
  void operator()(const dropped_packet_id& packet) const {
    store.remove(keys::inbound_packet(client_id, packet.id));
  }
  void operator()(const kept_progress& progress) const {
    store.put(keys::progress(client_id), encode(progress));
  }
  void operator()(const kept_moves& moves) const {
    store.put(keys::moves(client_id), encode(moves));
  }
  void operator()(const renamed_session& session) const {
    stager{store, session.earlier_name, now}(session.earlier);
  }
  void operator()(const dropped_session& session) const {
    store.remove(keys::login(client_id));
    store.remove(keys::moves(client_id));
    store.remove(keys::progress(client_id));
    for (const std::string& filter : session.filters)
      store.remove(keys::subscription(client_id, filter));
    for (const packet_id id : session.inbound_qos2)
      store.remove(keys::inbound_packet(client_id, id));
  }
};

/// One session as its parts are read.
struct session_parts {
  kept_session session;
  bool has_login = false;
  std::vector<std::string> keys;

  /// Returns whether the part was whole.
  bool add(const keys::session_part& part, std::string_view value, const clock_reading& now) {
    switch (part.part) {
    case keys::login_part: {
      auto login = decode_login(value, now);
      if (!login) return false;
      session.login = *std::move(login);
      has_login = true;
      return true;
    }
    case keys::subscription_part: {
      auto subscription = decode_subscription(part.rest, value);
      if (!subscription) return false;
      session.subscriptions.push_back(*std::move(subscription));
      return true;
    }
    case keys::progress_part: {
      auto progress = decode_progress(value);
      if (!progress) return false;
      session.progress = *std::move(progress);
      return true;
    }
    case keys::moves_part: {
      auto moves = decode_moves(value);
      if (!moves) return false;
      session.moves = *std::move(moves);
      return true;
    }
    case keys::inbound_part:
      if (part.rest.size() != sizeof(packet_id)) return false;
      session.inbound_qos2.push_back(get_big_endian<packet_id>(part.rest));
      return true;
    default: return false;
    }
  }
};

}  // namespace

void session_table::apply(std::string_view client_id, const session_change& change,
                          const clock_reading& now) {
  std::visit(stager{store_, client_id, now}, change);
}

session_table::figures session_table::load(const clock_reading& now,
                                           const std::function<void(kept_session&&)>& take) {
  figures found;
  session_parts current;
  const auto finish = [&] {
    // Without a login nobody knows how long the rest was to be kept.
    if (current.has_login) {
      ++found.sessions;
      take(std::move(current.session));
    } else {
      for (const std::string& key : current.keys)
        store_.remove(key);
    }
    current = {};
  };
  const store_scan scan = store_.scan();
  for (scan->Seek(std::string(1, keys::session_table)); scan->Valid(); scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    if (key[0] != keys::session_table) break;
    const keys::session_part part = keys::parse_session(key);
    if (part.client_id != current.session.client_id) {
      finish();
      current.session.client_id = part.client_id;
    }
    current.keys.emplace_back(key);
    if (!current.add(part, {scan->value().data(), scan->value().size()}, now)) ++found.damaged;
  }
  finish();
  if (!scan->status().ok()) ++found.damaged;
  return found;
}

bool is_whole_session_part(std::string_view key, std::string_view value) {
  return session_parts().add(keys::parse_session(key), value, {});
}

}  // namespace troupe
