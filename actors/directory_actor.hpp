#pragma once

#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/shared_text.hpp"

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Knows the session of each client identifier that hashes to it, and the group of each shared
/// subscription; makes new ones, and lets them go: they end only with its consent, so no
/// client is ever handed to a dead session, and no member to a dead group.
class directory_actor final : public homed<directory_handle> {
public:
  directory_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "directory"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  struct entry {
    session_handle session;
    std::uint32_t attempts = 0;  ///< clients passed on to it
  };

  struct share_entry {
    share_handle group;
    std::uint64_t joins = 0;  ///< members passed on to it
  };

  void admit(const claim& request);
  void let_in(const client_ptr& who, hybrid_stamp stamp, std::string previous);
  void handle(login_decided& answer);
  void handle(const session_displaced& event);
  void pass_on(const session_said& message);
  void answer_for_none(const session_said& message);
  void rename(const session_moved& event);
  void drain(const drain_clients& request);
  void drain_some_more();
  [[nodiscard]] std::string servers_for(std::string_view client_id) const;
  share_handle make_share(const std::string& share);
  void pass_on(to_share& request);
  void answer_for_none(const to_share& request);
  void answer_node_for_none(to_share& request);
  void forget(const retire_share& request);
  [[nodiscard]] caf::typed_response_promise<settled> settle_shares();
  caf::typed_response_promise<interests> ask_everybody(log_offset head);
  void forget(const retire& request);
  caf::result<session_restored> restore(const restore_session& kept);
  template <caf::message_priority Priority, class Step>
  caf::result<all_done> tell_everybody(Step step);

  const node_context& house_;
  std::unordered_map<shared_text, entry, text_hash, std::equal_to<>> sessions_;
  std::unordered_map<std::string, share_entry, text_hash, std::equal_to<>> shares_;
  /// Clients for whom the registry was asked, by identifier, in order.
  std::unordered_map<std::string, std::deque<client_ptr>, text_hash, std::equal_to<>> asking_;
  drain_clients draining_;
  std::vector<std::string> to_drain_;  ///< sessions whose clients are to be told still
  bool drains_ = false;                ///< the next round is under way
  bool shutting_down_ = false;
  bool dismissing_ = false;   ///< the second of the two steps
  std::size_t not_done_ = 0;  ///< sessions that have not done the current step
  caf::typed_response_promise<all_done> step_;
};

}  // namespace troupe
