#pragma once

#include "actors/protocol/cluster.hpp"
#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/session.hpp"
#include "actors/protocol/shard.hpp"
#include "actors/protocol/share.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The disk.
namespace troupe {

/// What became of retained messages, to be written; answered with `kept`.
struct keep_retained {
  std::vector<retained_change> changes;  ///< in order
  shard_handle reply_to;
  std::uint64_t ticket = 0;  ///< rises with each request of a shard
};

/// Messages for the log; answered with `appended`.
struct append {
  struct block {
    message_block_ptr messages;
    std::vector<std::uint32_t> which;  ///< of its messages, ascending
    session_flow_ptr flow;             ///< the publisher's; null: the broker itself
    bool lasting = false;              ///< as in `route`: packet identifiers are kept, too
    std::uint32_t attempt = 0;         ///< as in `route`
    std::shared_ptr<const origin_progress> progress;  ///< as in `route`
  };
  std::vector<block> blocks;
  shard_handle reply_to;
  std::uint64_t ticket = 0;  ///< rises with each request of a shard
};

/// What became of a session, to be written; answered with `session_written`.
struct write_session {
  std::string client_id;
  session_write changes;
  std::uint32_t epoch = 0;  ///< of the session
  session_handle reply_to;
};

/// Where a share group is; answered with `share_written`.
struct keep_share {
  std::string share;
  std::optional<kept_share> where;  ///< nothing: what was kept of it goes
  share_handle reply_to;
  write_number number = 0;
  loan_changes loans;
};

/// Messages that another node has lent to a share group; answered with `loans_appended`.
struct append_loans {
  std::string share;
  share_lend lent;
  std::vector<std::uint32_t> which;  ///< of its messages, ascending
  share_handle reply_to;
};

/// What became of another node, to be written; answered with `node_written`.
struct write_node {
  node_write change;
  peer_handle reply_to;  ///< null: nobody waits for it
  std::uint64_t ticket = 0;
};

/// Who the members of the cluster are, to be written in place of who they were. Nobody waits for
/// it.
struct write_members {
  std::vector<member_record> all;
};

/// To itself: a sync is due.
struct sync_now {};

/// What lies in the log at or below `head` and is not needed may go.
struct trim {
  log_offset head = 0;
  std::shared_ptr<const log_interests> needed;
};
/// Records of the log's common part that nobody needs: the last offset of each.
struct unneeded_found {
  std::vector<log_offset> records;
  log_offset reached = 0;  ///< the search goes on above it
};

/// Writes to the disk and says when it is there.
using store_handle = caf::typed_actor<
    // Messages for the log.
    caf::reacts_to<append>,
    // Retained messages.
    caf::reacts_to<keep_retained>,
    // Sessions.
    caf::reacts_to<write_session>,
    // Share groups.
    caf::reacts_to<keep_share>, caf::reacts_to<append_loans>,
    // Other nodes.
    caf::reacts_to<write_node>, caf::reacts_to<write_members>,
    // Remove what nobody needs.
    caf::reacts_to<trim>,
    // Remove more of that, which was searched for.
    caf::reacts_to<unneeded_found>,
    // Sync what was committed without.
    caf::reacts_to<sync_now>,
    // What it has.
    caf::replies_to<ask_facts>::with<facts_told>,
    // Commit what was staged.
    caf::reacts_to<flush>,
    // Shutdown: a barrier behind all that was sent.
    caf::replies_to<settle>::with<settled>>;

// -- log reader ---------------------------------------------------------------------

/// Answered with `log_read`, in its time: a session has a few under way.
struct read_log {
  log_request what;
  subscriber_handle reader;
  std::uint32_t epoch = 0;
};
/// Answered with `replay_found`.
struct find_replay {
  log_request what;
  session_handle reader;
  std::uint32_t epoch = 0;
};
/// Looks for records that nobody needs, `unneeded_found`, for a while.
struct find_unneeded {
  log_offset after = 0;
  trim limits;
  store_handle reply_to;
};
/// The log has grown, and somebody waited for it.
struct log_grown {};
/// To itself: who has waited for long is told that there was nothing.
struct end_long_waits {};

/// Reads the log while others append.
using log_reader_handle = caf::typed_actor<
    // A page for a subscriber.
    caf::reacts_to<read_log>,
    // Where a replay begins.
    caf::reacts_to<find_replay>,
    // Find what can go.
    caf::reacts_to<find_unneeded>,
    // Look again for those who wait.
    caf::reacts_to<log_grown>,
    // Let go of sessions that may be gone.
    caf::reacts_to<end_long_waits>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(append)
TROUPE_LOCAL_MESSAGE(trim)
TROUPE_LOCAL_MESSAGE(sync_now)
TROUPE_LOCAL_MESSAGE(unneeded_found)
TROUPE_LOCAL_MESSAGE(find_unneeded)
TROUPE_LOCAL_MESSAGE(read_log)
TROUPE_LOCAL_MESSAGE(log_grown)
TROUPE_LOCAL_MESSAGE(end_long_waits)
TROUPE_LOCAL_MESSAGE(find_replay)
TROUPE_LOCAL_MESSAGE(append_loans)
TROUPE_LOCAL_MESSAGE(keep_share)
TROUPE_LOCAL_MESSAGE(write_members)
TROUPE_LOCAL_MESSAGE(write_node)
TROUPE_LOCAL_MESSAGE(write_session)
TROUPE_LOCAL_MESSAGE(keep_retained)
