#pragma once

#include "libbroker/cluster/rendezvous.hpp"
#include "libbroker/message/message_block.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// The will of a client, as other nodes keep it.
struct guarded_will {
  std::uint32_t delay = 0;  ///< seconds
  std::string message;      ///< one run, as in a publishes record
};

/// What a guard wants done; the caller owns and reuses it, carries everything out and calls
/// `clear`.
struct will_effects {
  struct message {
    std::string to;
    std::string bytes;
  };
  std::vector<message> messages;  ///< in this order to each node
  struct due_will {
    std::string owner;
    std::string client_id;
    guarded_will will;
  };
  std::vector<due_will> due;           ///< to be published here
  std::vector<std::string> published;  ///< identifiers of our clients: another node did it

  void clear() noexcept {
    messages.clear();
    due.clear();
    published.clear();
  }
};

struct will_settings {
  std::size_t wills_at_a_time = 1'000;  ///< so many are told to others …
  std::chrono::milliseconds every{10};  ///< … so often
  /// The second guardian publishes so much later, unless it hears that the first one did.
  std::chrono::milliseconds second_waits{3'000};
  /// Between nodes that take themselves for the same one of the two: they were told so by a node
  /// that died when another one had, and it could not tell all what follows from that.
  std::chrono::milliseconds turn{200};
  std::size_t maximum = 1'000'000;  ///< kept for other nodes; more are not
};

/// Wills of clients whose node dies, as a state machine without I/O: a node's part in it.
///
/// The wills of its clients it tells two other nodes each, their guardians: the first ones in
/// rendezvous order that it has a link with. When a node is dead, or has come back without a client
/// that it had, the first guardian publishes, once the will's delay is over, and says so to all;
/// the second one does if it does not hear that. A node that comes back hears it from those who
/// did. So without a partition a will is published once. The caller serialises the calls.
class will_guard {
public:
  /// `life`: of this process, any number that no other one has.
  will_guard(std::string node, std::uint64_t life, const will_settings& settings = {});

  // -- this node's clients

  void set(std::string_view client_id, guarded_will will, will_effects& effects);
  /// It is published, or does not count any more.
  void clear(std::string_view client_id, will_effects& effects);

  // -- other nodes

  /// `names`: all that we have a link with.
  void view_changed(std::span<const std::string> names, time_point now, will_effects& effects);
  void node_died(std::string_view name, time_point now);
  /// Returns false, and does nothing more, at what is malformed.
  [[nodiscard]] bool receive(std::string_view from, std::string_view bytes, time_point now,
                             will_effects& effects);

  // -- time

  void tick(time_point now, will_effects& effects);
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

  /// Of other nodes, that are kept here.
  [[nodiscard]] std::size_t guarded() const noexcept { return guarded_; }

private:
  struct place {
    std::string node;
    std::uint32_t link = 0;  ///< number of the link over which it was told
    friend bool operator==(const place&, const place&) = default;
  };
  struct own_will {
    guarded_will will;
    std::vector<place> told;
  };
  struct foreign_will {
    guarded_will will;
    bool is_second = false;
    bool is_unconfirmed = false;  ///< the snapshot has not come to it
    bool is_orphan = false;       ///< its node has lost its memory: it is for us to publish
    std::optional<time_point> due;
  };
  using will_map = std::map<std::string, foreign_will, std::less<>>;
  struct owner {
    std::uint64_t life = 0;
    bool is_new_life = false;  ///< since the last snapshot ended
    will_map wills;
    std::set<std::string> published;  ///< that it is to be told of
  };

  void tell(std::string_view client_id, own_will& will, will_effects& effects);
  void tell_some(time_point now, will_effects& effects);
  void say(std::string_view to, std::string&& bytes, will_effects& effects);
  void take_will(owner& of, std::string_view client_id, foreign_will&& will);
  void take_published(std::string_view owner, std::string_view client_id, will_effects& effects);
  void end_snapshot(owner& of, time_point now);
  void make_due(std::string_view client_id, foreign_will& will, time_point now);
  [[nodiscard]] int linked_before(std::string_view client_id) const noexcept;
  void publish_some(time_point now, will_effects& effects);
  void publish(const std::string& name, owner& of, will_map::iterator which, will_effects& effects);

  const std::string node_;
  const std::uint64_t life_;
  const will_settings settings_;

  std::map<std::string, std::uint32_t, std::less<>> links_;  ///< up, by node: their numbers
  std::uint32_t last_link_ = 0;
  std::optional<rendezvous> view_;  ///< nothing: we are alone

  std::map<std::string, own_will, std::less<>> own_;
  std::optional<std::string> next_;       ///< where telling goes on; nothing: all is told
  std::vector<std::string> to_complete_;  ///< nodes whose snapshot ends with that
  time_point next_at_{};

  std::map<std::string, owner, std::less<>> owners_;
  std::size_t guarded_ = 0;
  std::optional<time_point> first_due_;  ///< of them; or before that
};

}  // namespace troupe
