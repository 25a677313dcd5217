#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/cluster/wire.hpp"
#include "libbroker/message/message_block.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What nodes tell each other over a link: a frame is some records, each a kind and a section.
/// Who does not know a kind, or what stands at the end of a section, skips it: so versions can
/// differ. Bytes: docs/cluster_wire.md.
namespace troupe {

enum class record_kind : std::uint8_t {
  gossip = 1,            ///< membership
  routes = 2,            ///< what the sender wants
  routes_installed = 3,  ///< what the other side wants is known to all shards here
  publishes = 4,         ///< messages that match what the other side wants
  retained = 5,          ///< what topics have as retained messages, not for subscribers
  retained_sync = 6,     ///< comparing them
  figures = 7,           ///< how the sender does
  clients = 8,           ///< who has which client id
  session = 9,           ///< how one client's session goes to another node
  wills = 10,            ///< of clients whose node may die
  fence = 11,            ///< asks for a `fenced`
  fenced = 12,           ///< what the other side wanted before it asked is behind it
  share_routes = 13,     ///< as `routes`, of shared subscriptions
  lent = 14,             ///< messages for a member of a shared subscription there
  share = 15,            ///< what two groups of one shared subscription say to each other
};

/// Collects records.
class frame_builder {
public:
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  void add(record_kind kind, std::string_view content) {
    wire_writer out(bytes_);
    out.number(static_cast<std::uint64_t>(kind));
    out.text(content);
  }

  /// Leaves the builder empty.
  [[nodiscard]] std::shared_ptr<const std::string> take() {
    return std::make_shared<const std::string>(std::exchange(bytes_, {}));
  }

private:
  std::string bytes_;
};

// -- routes ---------------------------------------------------------------------------

/// Changes of what the sender wants, in the order in which they were told.
struct routes_record {
  std::uint64_t number = 0;      ///< rises with each record of a stream, from 1 on
  bool begins_snapshot = false;  ///< what was said before does not count
  bool ends_snapshot = false;
  std::vector<route_change> changes;
};
void encode(const routes_record& record, std::string& out);
/// Nothing for what is no such record: one that names a filter that is none, for instance.
/// `are_shared`: filters are to be shared subscriptions, as of the kind `share_routes`.
[[nodiscard]] std::optional<routes_record> decode_routes(std::string_view content,
                                                         bool are_shared = false);

// -- publishes ------------------------------------------------------------------------

/// Appends some neighbouring messages as one section of a publishes record. At most QoS 0 if
/// `at_most_once`.
void encode_run(const message_run& run, bool at_most_once, time_point now, std::string& out);
/// Appends a message, alone in its block, as one section of a record of kind `retained`.
void encode_retained(const message_block_ptr& message, const retained_stamp& stamp, time_point now,
                     std::string& out);

/// Takes the messages of a record of kind `publishes` or `retained` apart, in order.
class publishes_reader {
public:
  publishes_reader(std::string_view content, time_point now) noexcept : runs_(content), now_(now) {}

  struct message {
    message_entry entry;  ///< `log_offset`: where it lies in the sender's log
    byte_view wire;
    protocol_version version{};
    time_point received_at{};
    retained_stamp stamp;  ///< of one with RETAIN; {}: it has none
  };
  /// The next one; nothing at the end, or where it cannot be understood: see `ok`. Views live as
  /// long as the content.
  [[nodiscard]] std::optional<message> next();
  [[nodiscard]] bool ok() const noexcept { return runs_.ok() && ok_; }

private:
  [[nodiscard]] bool open_run();

  wire_reader runs_;
  time_point now_;
  bool ok_ = true;
  // Of the present run.
  std::uint64_t left_ = 0;
  wire_reader marks_{{}};
  wire_reader wires_{{}};
  wire_reader stamps_{{}};
  message common_;
};

}  // namespace troupe
