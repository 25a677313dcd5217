#pragma once

#include "libbroker/cluster/connect_plan.hpp"
#include "libbroker/cluster/member_gossip.hpp"
#include "libbroker/cluster/membership_effects.hpp"
#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct membership_settings {
  connect_settings connects;
  std::chrono::milliseconds gossip_interval{5'000};
  std::chrono::milliseconds dead_after{10'000};
  std::chrono::milliseconds forget_left_after{std::chrono::hours(1)};
  std::chrono::milliseconds forget_dead_after{0};  ///< 0 = never
  std::string client_address{};                    ///< of this node, as in `member_record`
};

/// Whether a node may have a link with this one.
enum class admission : std::uint8_t {
  ok,
  own_name,           ///< it has this node's name, or is this node
  name_taken,         ///< another node of its name has a link, here or with a linked member
  older_incarnation,  ///< the node has been started again since
  cluster_full        ///< max_members are known
};
/// One phrase for a person.
[[nodiscard]] std::string_view describe(admission verdict) noexcept;

enum class member_state : std::uint8_t {
  self,
  linked,
  unlinked,
  dead,  ///< neither this node nor a linked member has had a link with it for `dead_after`
  left
};

/// The members of the cluster as one of them knows them, as a state machine without I/O: brings
/// about a link with each other member, and says who came, went, or seems dead.
///
/// Nodes tell each other all they know, and with whom they have links. Of two records under one
/// name that of the higher incarnation or version stands; of two homes, that of a node somebody
/// has a link with. A node that hears something else of itself raises its version above it. When
/// two nodes of one name get in at once, the one with the lesser home stays.
class membership {
public:
  /// `address`: where others reach this node; `seeds`: "host:port" each; `jitter`: any number;
  /// `remembered`: `records` of an earlier life. Connects with the first `tick`.
  membership(node_identity self, std::string address, const std::vector<std::string>& seeds,
             const membership_settings& settings, std::uint64_t jitter,
             std::vector<member_record> remembered, time_point now);

  // -- links

  /// Whether `newcomer`, which is who it says, may have a link with this node. One that left may.
  [[nodiscard]] admission admit(const node_identity& newcomer) const noexcept;
  /// There is a link with `peer`, the only one that counts from now on. `address`: where it says
  /// others reach it; `dialed`: where this node connected to, empty if it was `peer` who did. It
  /// is among `disconnects` at once if it would not be admitted any more.
  void link_up(const node_identity& peer, std::string_view address, std::string_view dialed,
               time_point now, membership_effects& effects);
  /// The link with `peer` that counts is gone; not to be said of one that a later link replaced.
  /// Does nothing if it is another incarnation that has a link.
  void link_down(const node_identity& peer, time_point now, membership_effects& effects);
  /// `bytes` came over the link with `from`, in the order in which they were sent. Fails, and
  /// does nothing, if they are malformed.
  result<void> gossip(const node_identity& from, std::string_view bytes, time_point now,
                      membership_effects& effects);
  void connect_failed(std::string_view address, time_point now, membership_effects& effects);
  /// This node reached itself there, and will not try again.
  void seed_is_self(std::string_view address);

  // -- what people want

  /// Takes part (again), with one more seed if `address` is not empty; tries all at once.
  void join(std::string_view address, time_point now, membership_effects& effects);
  /// Goes for good: until `join` it connects to nobody, a link that comes up only serves to say so,
  /// and nobody is missed. Those that are up the caller ends when it has no more use for them.
  void leave(time_point now, membership_effects& effects);

  /// Says, or no longer says, that this node's clients are to go to others.
  void drain(bool on, time_point now, membership_effects& effects);

  /// Takes a member that is dead out of the cluster: for all nodes it has left, and should it come
  /// back it joins again. Returns why not, one phrase for a person; empty: it is done, or was.
  [[nodiscard]] std::string_view forget(std::string_view name, time_point now,
                                        membership_effects& effects);

  // -- time

  /// Does what is due at `now`; see `deadline`.
  void tick(time_point now, membership_effects& effects);
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

  // -- who there is

  struct view {
    member_record record;
    member_state state = member_state::self;
    time_point since;  ///< when it came into `state`
  };
  [[nodiscard]] const member_record& self() const noexcept { return self_; }
  /// All, this node among them, by name.
  [[nodiscard]] std::vector<view> members() const;
  /// Nothing if no member has that name.
  [[nodiscard]] std::optional<view> find(std::string_view name) const;
  /// What to remember in the data directory.
  [[nodiscard]] std::vector<member_record> records() const;
  /// Where clients of this node may go: to linked nodes that say how, and are not drained.
  [[nodiscard]] std::vector<std::string> client_addresses() const;

private:
  struct member {
    member_record record;
    bool linked = false;  ///< with exactly `record.node`
    bool dead = false;
    /// Kept for a while so that others, who forget later, do not bring it back.
    bool forgotten = false;
    bool up = false;  ///< somebody has a link with it
    time_point linked_since{};
    time_point lost_at{};  ///< when it was neither up nor had left any more
    member_state state = member_state::unlinked;
    time_point since{};
    std::vector<node_identity> links;  ///< by name: what it has links with, while it is linked

    [[nodiscard]] const node_identity* link_with(std::string_view name) const noexcept;
  };
  using members_by_name = std::map<std::string, member, std::less<>>;
  using kind = member_event::kind;

  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] member* find_linked(const node_identity& node) noexcept;
  /// Whether a linked member has a link with a node of that name that has, or has not, that home.
  [[nodiscard]] bool is_reported(const node_identity& node, bool same_home) const noexcept;
  [[nodiscard]] bool is_reported(std::string_view name) const noexcept;
  static void say(kind what, const member& of, membership_effects& effects);

  member* insert(member_record record, time_point now, membership_effects& effects);
  void change(member& known, member_record record, membership_effects& effects);
  void unlink(member& known, time_point now, membership_effects& effects);
  void returned(member& known, membership_effects& effects);
  void hear(const member& sender, const gossiped_member& heard, time_point now,
            membership_effects& effects);
  void hear_of_self(const member_record& heard) noexcept;
  [[nodiscard]] bool supersedes(const gossiped_member& heard, const member& known) const noexcept;

  /// What follows from any input.
  void settle(time_point now, membership_effects& effects);
  void look_at_members(time_point now, membership_effects& effects);
  /// How long a member is kept in the state that it is in; 0 = for ever.
  [[nodiscard]] std::chrono::milliseconds keeps(const member& known) const noexcept;
  void raise_version(std::uint64_t least) noexcept;
  void set_left(bool left, membership_effects& effects);
  void send_gossip(time_point now, membership_effects& effects);

  [[nodiscard]] bool is_own(std::string_view address) const noexcept;
  [[nodiscard]] connect_plan::targets targets() const;

  membership_settings settings_;
  member_record self_;
  time_point self_since_;
  members_by_name members_;  ///< without this node
  /// By address; who was there the last time, empty if that is not known.
  std::map<std::string, std::string, std::less<>> seeds_;
  std::set<std::string, std::less<>> own_addresses_;
  connect_plan connects_;
  bool changed_ = false;  ///< others do not know yet
  time_point next_gossip_;
  /// What others know of this node asks for a version of at least that. Raised once per interval
  /// at most: two nodes of one name would otherwise outdo each other as fast as they can.
  std::uint64_t raise_to_ = 0;
  time_point next_raise_;
};

}  // namespace troupe
