#pragma once

#include "libbroker/cluster/client_claim.hpp"
#include "libbroker/cluster/hybrid_clock.hpp"
#include "libbroker/cluster/paced_walk.hpp"
#include "libbroker/cluster/pending_logins.hpp"
#include "libbroker/cluster/registry_nodes.hpp"
#include "libbroker/cluster/registry_wire.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace troupe {

struct registry_settings {
  std::chrono::milliseconds claim_timeout{1'000};  ///< then a login goes ahead unconfirmed
  std::chrono::milliseconds young_for{5'000};      ///< after a change of the view
  std::chrono::milliseconds retry_after{2'000};    ///< what no home has confirmed is said again
  paced_walk::pace pace{.entries = 1'000, .every = std::chrono::milliseconds(10)};
  std::size_t maximum_away = 1'000'000;           ///< owners kept that are not in the view
  std::size_t maximum_message = 256 * 1024;       ///< bytes; a longer one is only of one entry
  std::chrono::milliseconds clock_drift{60'000};  ///< how far ahead another node's may be
};

/// What a registry wants done; the caller owns and reuses it, carries everything out and calls
/// `clear`.
struct registry_effects {
  struct message {
    std::string to;
    std::string bytes;
  };
  std::vector<message> messages;  ///< in this order to each node

  /// The client is served.
  struct granted {
    std::string id;
    attempt_number attempt = 0;
    hybrid_stamp stamp = 0;  ///< of the session from now on
    /// The node that had the session, in the view or away; empty: none, or this one.
    std::string previous;
    bool is_unconfirmed = false;  ///< not all homes answered in time
  };
  /// The client is not served: a greater login exists. A session that was here is `displaced`.
  struct lost {
    std::string id;
    attempt_number attempt = 0;
    std::string winner;
  };
  /// The session here is over: its client is disconnected (0x8E), and `by` takes it over.
  struct displaced {
    std::string id;
    std::string by;
    hybrid_stamp stamp = 0;  ///< of the greater claim
  };
  std::vector<std::variant<granted, lost, displaced>> outcomes;  ///< to be heeded in this order

  void clear() noexcept {
    messages.clear();
    outcomes.clear();
  }
};

/// One client id, one session, in the whole cluster: a node's part in it, as a state machine
/// without I/O. It knows the sessions of its own node, and for each id whose home it is, the owner.
///
/// A login claims the id at its home, or homes while the view is young. Claims are ordered by
/// stamp and node name: whoever learns of two tells the lesser one that it is beaten, in whatever
/// order they came. When the view changes, all sessions whose home is another one are claimed
/// again there, so that what was granted on both sides of a partition meets.
///
/// An owner counts only as long as what it said over the present link to it: one that went out
/// of the view, or came back and has not said it again, beats nobody and is only the previous
/// owner. So a session that ended while its node was away does no harm.
///
/// The transport keeps the order between two nodes and loses nothing while each is in the
/// other's view. The caller serialises the calls.
class client_registry {
public:
  client_registry(std::string node, const registry_settings& settings);

  // -- this node's sessions

  /// A client of `id` (1 to 65,535 bytes) logs in. Each attempt ends, at once or later, in one
  /// `granted` or `lost`; those of one id in their order.
  attempt_number login(std::string_view id, wall_time wall, time_point now,
                       registry_effects& effects);
  /// The session is over, and not because it was displaced.
  void session_ended(std::string_view id, registry_effects& effects);
  /// A session of an earlier life, whose stamp was kept. One too far ahead becomes the present.
  /// REQUIRES: there is no claim of this node for the id.
  void restored(std::string_view id, hybrid_stamp stamp, wall_time wall);
  /// A session that was displaced, but which nobody has taken, is claimed again with the stamp that
  /// it had: it is displaced again if there is a greater claim.
  void reclaim(std::string_view id, hybrid_stamp stamp, wall_time wall, time_point now,
               registry_effects& effects);
  /// That of the session here; nothing if there is none.
  [[nodiscard]] std::optional<hybrid_stamp> stamp_of(std::string_view id) const;
  [[nodiscard]] std::size_t sessions() const noexcept { return own_.size(); }

  // -- other nodes

  /// `names`: all that we have a link to; our own may be among them.
  void view_changed(std::span<const std::string> names, wall_time wall, time_point now,
                    registry_effects& effects);
  /// The node will not come back. One that is in the view is forgotten when it is not any more.
  void forget_node(std::string_view name);
  /// `bytes` came from the node `from`. What is refused has no effect.
  [[nodiscard]] result<void, registry_fault> receive(std::string_view from, std::string_view bytes,
                                                     wall_time wall, time_point now,
                                                     registry_effects& effects);
  /// The owner of `id` as far as this node knows, be it here or not. A view into the registry.
  [[nodiscard]] std::optional<client_claim> owner_of(std::string_view id) const;
  /// Owners on other nodes that are kept.
  [[nodiscard]] std::size_t owners() const noexcept { return owners_.size(); }

  // -- time

  void tick(time_point now, registry_effects& effects);
  /// When `tick` is to be called; nothing: not before something else happens.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

private:
  struct session {
    hybrid_stamp stamp = 0;
    node_set told;  ///< who may have it as the owner
    registration registered;
  };
  struct owner {
    hybrid_stamp stamp = 0;
    node_slot node = 0;
    std::uint32_t epoch = 0;  ///< of the link over which it said so
  };
  using session_map = std::map<std::string, session, std::less<>>;
  using owner_map = std::map<std::string, owner, std::less<>>;

  [[nodiscard]] const std::string& name() const noexcept {
    return nodes_[registry_nodes::self].name;
  }
  [[nodiscard]] client_claim claim_of(const owner& by) const noexcept {
    return {by.stamp, nodes_[by.node].name};
  }
  [[nodiscard]] bool is_live(const owner& by) const noexcept;
  [[nodiscard]] bool is_registered(const session& of, node_slot home) const noexcept;
  /// The greatest claim of this node; stamp 0: none.
  [[nodiscard]] client_claim own_claim(std::string_view id) const;

  // The claimant.
  void ask(std::string_view id, pending_login& login, time_point now);
  void ask_again(time_point now, registry_effects& effects);
  void settle(std::string_view id, time_point now, registry_effects& effects);
  void grant(std::string_view id, pending_login&& login, time_point now, registry_effects& effects);
  void give_way(std::string_view id, client_claim winner, time_point now,
                registry_effects& effects);
  void withdraw(std::string_view id, hybrid_stamp stamp, node_set told);
  void take_held(node_slot from, const registry_entry& answer, time_point now,
                 registry_effects& effects);
  void take_released(node_slot from, const registry_entry& entry, time_point now);
  void register_some(time_point now);

  // The home.
  void take_claim(node_slot from, const registry_entry& entry, time_point now,
                  registry_effects& effects);
  void take_withdrawn(node_slot from, const registry_entry& entry);
  void tell_beaten(std::string_view id, const owner& loser, client_claim winner);
  void prune_some(time_point now);
  [[nodiscard]] bool is_kept(std::string_view id, const owner& each, time_point now);

  // The links.
  void begin_epoch(node_slot node, time_point now);
  [[nodiscard]] bool agree_on_link(node_slot from, wall_time wall, time_point now,
                                   registry_effects& effects);
  void take(node_slot from, const registry_entry& entry, time_point now, registry_effects& effects);
  void greet(node_slot to);
  void put(node_slot to, const registry_entry& entry);
  void flush(registry_effects& effects);

  registry_settings settings_;
  hybrid_clock clock_;
  registry_nodes nodes_;
  std::vector<node_slot> leaving_;  ///< in the view, and will not come back

  session_map own_;
  pending_logins pending_;
  attempt_number last_attempt_ = 0;
  paced_walk registering_;
  bool has_registered_ = false;  ///< something, in this walk

  owner_map owners_;  ///< on other nodes
  paced_walk pruning_;
  std::size_t away_ = 0;       ///< found in this walk
  bool keeps_strays_ = false;  ///< this walk: some whose home is here no longer

  std::vector<std::pair<node_slot, std::string>> outbox_;  ///< entries, of one call
  registry_message incoming_;
  std::vector<node_slot> homes_;
};

}  // namespace troupe
