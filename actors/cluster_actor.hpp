#pragma once

#include "actors/alarm.hpp"
#include "actors/exposed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/membership.hpp"
#include "libbroker/inspection/inspection_channel.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Who the members are, and a link with each: runs `membership`, makes and answers handshakes,
/// and has a peer actor for each other node. It is what is published at the cluster port.
class cluster_actor final : public exposed<cluster_handle> {
public:
  /// `key`: of the cluster's secret; `homes`: the workers, among which peers are spread.
  cluster_actor(caf::actor_config& config, const node_context& house, const cluster_key& key,
                std::vector<caf::execution_unit*> homes);

  const char* name() const override { return "cluster"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  /// A connection that carries no link does not last longer.
  static constexpr std::chrono::seconds inspection_timeout{10};
  static constexpr std::chrono::seconds handshake_timeout{2};
  static constexpr std::chrono::milliseconds repeat_after{500};  ///< hello
  static constexpr std::chrono::seconds peer_patience{1};        ///< for one to describe itself

  struct initiation {
    link_initiator machine;
    connect_request target;
    caf::strong_actor_ptr door;
    time_point begun{};
    time_point said{};  ///< hello, the last time
  };
  struct response {
    link_responder machine;
    bool is_challenged = false;
    std::string hello;
    link_packet challenge;  ///< as it was said
    time_point begun{};
  };
  /// Somebody who may ask questions.
  struct inspection {
    inspection_channel channel;
    caf::strong_actor_ptr who;
    time_point begun{};
    bool is_asking = false;  ///< the inspector works on it
  };
  struct member_link {
    peer_handle peer;
    std::uint64_t session = 0;  ///< that is up; 0: none
    std::vector<tell_node> waiting;
  };
  struct open_session {
    std::string name;    ///< whose link it is
    std::string dialed;  ///< where this node connected to; empty if it was the other
  };

  // cluster_actor.cpp
  void enter(const enter_cluster& request);
  [[nodiscard]] member_link& link_of(const std::string& name);
  void open(link_session session, std::string dialed, link_packet welcome = {});
  void handle(const link_changed& event);
  void handle(const say_to_node& what);
  void pass_on(const say_to_node& to_ourselves);
  void tell_registry();
  void carry_out();
  void part_from(const member_link& link);
  void report(const member_event& event);
  void handle(const cluster_timer& due);
  void set_timer();

  // cluster_handshakes.cpp
  void connect(const connect_request& target);
  void begin_handshake(const connect_request& target, caf::strong_actor_ptr door);
  [[nodiscard]] std::map<std::uint64_t, initiation>::iterator
  find_initiation(const caf::strong_actor_ptr& door);
  void give_up(std::map<std::uint64_t, initiation>::iterator which, std::string_view why);
  void go_on(const link_packet& packet);
  void handle(const link_packet& packet);
  void answer_hello(const link_packet& hello);
  void answer_proof(const link_packet& proof);
  void refuse(std::string_view why);
  void reply(const caf::strong_actor_ptr& to, link_packet packet);
  void end_old_handshakes(time_point now);

  // cluster_questions.cpp
  [[nodiscard]] caf::result<cluster_status> handle(const cluster_command& command);
  void drain(bool on, bool for_good);
  void tell_directories();
  void tell_where_clients_go();
  [[nodiscard]] caf::typed_response_promise<cluster_status> describe(std::string refusal);
  [[nodiscard]] caf::typed_response_promise<interests> ask_peers(log_offset head);
  [[nodiscard]] caf::typed_response_promise<settled> settle_peers();
  void settle_shards(std::function<void()> done);
  void fence_peers(const fence_session& asked);
  [[nodiscard]] std::vector<origin_cut> all_origins() const;
  [[nodiscard]] bool is_gone(const origin_cut& origin) const;

  // Questions of who knows the secret and is no node: cluster_inspection.cpp.
  void welcome_inspector(const link_session& session);
  void refuse_inspector(std::string_view why);
  void answer_question(const link_packet& packet);
  void answer_inspector(std::uint64_t which, const inspection_answer& answer);

  const node_context& house_;
  const cluster_key key_;
  const std::vector<caf::execution_unit*> homes_;
  node_introduction self_;
  connector_handle connector_;
  std::optional<membership> members_;  ///< nothing before `enter_cluster`
  membership_effects effects_;
  std::map<std::string, member_link, std::less<>> links_;  ///< by name
  std::map<std::uint64_t, open_session> sessions_;         ///< whose link is open, or being opened
  std::map<std::uint64_t, initiation> initiations_;        ///< by number
  std::uint64_t last_initiation_ = 0;
  std::map<caf::actor_addr, response> responses_;    ///< by who asked
  std::map<std::uint64_t, inspection> inspections_;  ///< by session
  alarm<cluster_timer> alarm_;
  drain_clients draining_;  ///< as directories were told
};

}  // namespace troupe
