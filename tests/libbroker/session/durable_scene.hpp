#pragma once

#include "tests/libbroker/session/scene.hpp"

namespace troupe::test {

inline config with_data_dir() {
  config settings;
  settings.node.data_dir = "data";
  return settings;
}

/// Plays the disk: what of a session is there after the writes.
struct kept {
  kept_session session{
      .client_id = "client", .login = {}, .subscriptions = {}, .inbound_qos2 = {}, .progress = {}};
  bool exists = false;

  void operator()(const kept_login& login) {
    session.login = login;
    exists = true;
  }
  void operator()(const kept_subscription& made) {
    (*this)(dropped_subscription{made.filter});
    session.subscriptions.push_back(made);
  }
  void operator()(const dropped_subscription& gone) {
    std::erase_if(session.subscriptions,
                  [&](const kept_subscription& each) { return each.filter == gone.filter; });
  }
  void operator()(const kept_packet_id& packet) { session.inbound_qos2.push_back(packet.id); }
  void operator()(const kept_progress& progress) { session.progress = progress; }
  void operator()(const dropped_packet_id& packet) { std::erase(session.inbound_qos2, packet.id); }
  void operator()(const kept_moves& moves) { session.moves = moves; }
  void operator()(const renamed_session& renamed) { (*this)(renamed.earlier); }
  void operator()(const dropped_session& gone) {
    for (const std::string& filter : gone.filters)
      (*this)(dropped_subscription{filter});
    for (const packet_id id : gone.inbound_qos2)
      (*this)(dropped_packet_id{id});
    session.login = {};
    exists = false;
  }

  /// Writes what `s` wants written and answers it.
  void take(scene& s) {
    for (const session_write& each : s.writes)
      for (const session_change& change : each.changes)
        std::visit(*this, change);
    s.write();
  }
};

/// The session after the broker went down and came up.
struct after_restart : scene {
  explicit after_restart(const kept& disk, std::chrono::milliseconds down = {})
      : scene(with_data_dir()) {
    now += down;
    machine.restore(disk.session, effects);
    collect();
    machine.go_on(now, effects);
    collect();
  }
};

}  // namespace troupe::test
