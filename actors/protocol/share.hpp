#pragma once

#include "actors/protocol/cluster.hpp"
#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/session.hpp"
#include "libbroker/share/kept_share.hpp"

#include <cstdint>
#include <memory>

/// The members of a shared subscription.
namespace troupe {

/// A session speaks to the group of one of its shared subscriptions, or another node does, as its
/// peer: by way of the group's directory, which answers for groups that have ended.
struct to_share {
  share_call call;
  session_handle from;        ///< null: a node speaks
  std::uint64_t session = 0;  ///< its number; of a node `share_id_of_node`
  std::uint32_t epoch = 0;    ///< of a node: rises when a link with it has ended
  session_flow_ptr flow;
  peer_handle node;  ///< null: a session speaks
};
/// There is a link with the node (again): to all groups of a directory.
struct share_node_up {
  std::uint64_t node = 0;   ///< `share_id_of_node`
  std::uint64_t home = 0;   ///< number of its data directory
  std::uint32_t epoch = 0;  ///< as in `to_share`
  session_flow_ptr flow;
  peer_handle peer;
};
/// The node is dead, or will not come back: likewise.
struct share_node_died {
  std::uint64_t node = 0;
  std::uint64_t home = 0;  ///< 0: not known
  bool for_good = false;
};
/// What a node lent lies in the log from `first` on, or, if that is 0, could not be written; in
/// the order in which the store was asked.
struct loans_appended {
  log_offset first = 0;
};
/// Before the first client: what is kept of an earlier life.
struct restore_share {
  std::shared_ptr<const kept_share> earlier;
};
/// A write of the group is on the disk, or failed.
struct share_written {
  write_number number = 0;
  bool done = false;
};
/// To itself: it is time to write down where the group is.
struct share_timer {
  time_point at{};  ///< for which it was set
};

/// The members of one shared subscription: each message goes to one of them.
using share_handle = subscriber_handle::extend<
    // Members come, go, and say what became of messages.
    caf::reacts_to<to_share>,
    // Start: be the group that was kept.
    caf::reacts_to<restore_share>,
    // Start: all members are there again.
    caf::reacts_to<go_on>,
    // Tell members what waited for the disk.
    caf::reacts_to<share_written>, caf::reacts_to<loans_appended>,
    // Give what it had to others.
    caf::reacts_to<share_node_died>,
    // Write down where it is.
    caf::reacts_to<share_timer>,
    // A barrier; writes down where it is.
    caf::replies_to<settle>::with<settled>,
    // What it has.
    caf::replies_to<ask_facts>::with<facts_told>,
    // It has no members and may end.
    caf::reacts_to<retired>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(loans_appended)
TROUPE_LOCAL_MESSAGE(restore_share)
TROUPE_LOCAL_MESSAGE(share_node_died)
TROUPE_LOCAL_MESSAGE(share_node_up)
TROUPE_LOCAL_MESSAGE(share_timer)
TROUPE_LOCAL_MESSAGE(share_written)
TROUPE_LOCAL_MESSAGE(to_share)
