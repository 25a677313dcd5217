#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/cluster/retained_stamp.hpp"
#include "libbroker/intrusive_ptr.hpp"
#include "libbroker/log_offset.hpp"
#include "libbroker/message/message_identity.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/time_point.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace troupe {

/// Where one message lies in its block, and where in the offset log.
struct message_entry {
  troupe::log_offset log_offset = 0;  ///< 0 = not in the log
  std::uint32_t offset = 0;           ///< of the wire form, in bytes
  std::uint32_t size = 0;             ///< of the wire form, in bytes
  std::uint32_t properties_size = 0;  ///< in bytes, without length prefix
  std::uint32_t expiry_interval = 0;  ///< seconds; counts if `expires`
  std::uint16_t topic_size = 0;       ///< in bytes
  packet_id id = 0;                   ///< the publisher's; 0 for QoS 0
  std::uint8_t header_size = 0;       ///< of the fixed header, in bytes
  std::uint8_t prefix_size = 0;       ///< of the property length; 0 for MQTT 3.x
  troupe::qos qos = qos::at_most_once;
  bool retain : 1 = false;   ///< as published
  bool expires : 1 = false;  ///< has a message expiry interval

  [[nodiscard]] std::uint32_t payload_size() const noexcept {
    return size - header_size - 2U - topic_size - prefix_size - properties_size;
  }
};

class message_block;
using message_block_ptr = intrusive_ptr<const message_block>;

/// A batch of messages of one publisher in one allocation, immutable and shared
/// by everybody who has one of them to deliver.
///
/// Each message is kept as the complete PUBLISH packet, in the publisher's
/// protocol version, that delivers it at QoS 0 with RETAIN 0. Neighbours in the
/// block are neighbours in memory, so that a subscriber of the same version
/// sends a run of them as one byte range. Properties: the topic alias is gone
/// and a message expiry interval, if any, comes first.
class message_block final : public ref_counted {
public:
  [[nodiscard]] protocol_version version() const noexcept { return version_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return entries_; }
  /// Memory that the messages take, in bytes.
  [[nodiscard]] std::uint32_t bytes() const noexcept { return capacity_; }
  /// Number of the publishing session, unique in this process; 0 = the broker itself.
  [[nodiscard]] std::uint64_t publisher() const noexcept { return publisher_; }
  /// Which of the publisher's connections it came over; 0 = none.
  [[nodiscard]] std::uint32_t connection_epoch() const noexcept { return connection_epoch_; }
  /// Whether a session publishes it for a client that is gone.
  [[nodiscard]] bool is_will() const noexcept { return publisher_ != 0 && connection_epoch_ == 0; }
  /// Whether any of the messages was published with RETAIN 1.
  [[nodiscard]] bool has_retain() const noexcept { return has_retain_; }
  /// Whether a client waits for an acknowledgement of any of the messages.
  [[nodiscard]] bool is_acknowledged() const noexcept {
    return has_packet_ids_ && connection_epoch_ != 0;
  }
  [[nodiscard]] time_point received_at() const noexcept { return received_at_; }

  /// REQUIRES: index < size().
  [[nodiscard]] const message_entry& operator[](std::uint32_t index) const noexcept {
    return *(entries_end() - 1 - index);
  }

  // Views into the block; they live as long as it.
  [[nodiscard]] byte_view wire(const message_entry& entry) const noexcept {
    return {data() + entry.offset, entry.size};
  }
  /// The wire forms of `count` neighbours from `first` on.
  [[nodiscard]] byte_view wire(std::uint32_t first, std::uint32_t count) const noexcept;
  [[nodiscard]] std::string_view topic(const message_entry& entry) const noexcept {
    return as_text({data() + entry.offset + entry.header_size + 2, entry.topic_size});
  }
  [[nodiscard]] byte_view properties(const message_entry& entry) const noexcept {
    return {data() + entry.offset + entry.header_size + 2 + entry.topic_size + entry.prefix_size,
            entry.properties_size};
  }
  [[nodiscard]] byte_view payload(const message_entry& entry) const noexcept;

  /// Whether the message's expiry interval has passed [MQTT5-3.3.2-5].
  [[nodiscard]] bool expired(const message_entry& entry, time_point now) const noexcept {
    return entry.expires && now - received_at_ >= std::chrono::seconds(entry.expiry_interval);
  }

  /// When a message with RETAIN was published, for all nodes of the cluster; {}: nobody said.
  [[nodiscard]] retained_stamp stamp(std::uint32_t index) const noexcept {
    return stamps_ == nullptr ? retained_stamp() : stamps_[index];
  }
  [[nodiscard]] bool has_stamps() const noexcept { return stamps_ != nullptr; }

  /// Of a message that another node has forwarded from its log; {}: of all others.
  [[nodiscard]] message_identity identity(std::uint32_t index) const noexcept {
    return identities_ == nullptr ? message_identity() : identities_[index];
  }

  static void destroy(const message_block* block) noexcept;

  /// Says of the messages `which` (indexes, ascending) that they lie in the log one
  /// behind the other from `first` on. REQUIRES: nobody else reads the block yet.
  static void place_in_log(const message_block& block, std::span<const std::uint32_t> which,
                           log_offset first) noexcept;
  /// Gives its messages the stamps of `node` from `first` on. REQUIRES: nobody else reads them yet.
  static void set_stamps(const message_block& block, hybrid_stamp first, std::uint64_t node);
  /// Gives one of a block with stamps another. REQUIRES: as above.
  static void change_stamp(const message_block& block, std::uint32_t index,
                           const retained_stamp& to) noexcept;

private:
  friend class message_block_builder;
  message_block() = default;
  ~message_block() = default;

  // Layout of the allocation: this header, wire forms growing up, entries
  // growing down from the end.
  [[nodiscard]] std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const std::byte* data() const noexcept {
    return reinterpret_cast<const std::byte*>(this + 1);
  }
  [[nodiscard]] const message_entry* entries_end() const noexcept {
    return reinterpret_cast<const message_entry*>(data() + capacity_);
  }
  /// REQUIRES: `entry` is one of this block's.
  [[nodiscard]] std::uint32_t index_of(const message_entry& entry) const noexcept {
    return static_cast<std::uint32_t>(entries_end() - 1 - &entry);
  }

  std::uint32_t capacity_ = 0;  ///< of data(), in bytes, entries included
  std::uint32_t wire_size_ = 0;
  std::uint32_t entries_ = 0;
  std::uint32_t connection_epoch_ = 0;
  std::uint64_t publisher_ = 0;
  time_point received_at_{};
  std::unique_ptr<retained_stamp[]> stamps_;        ///< by index; null: none has one
  std::unique_ptr<message_identity[]> identities_;  ///< likewise
  protocol_version version_ = protocol_version::v3_1_1;
  bool has_packet_ids_ = false;
  bool has_retain_ = false;
};

/// Fills one block after the other. Empty (and free of memory) between `seal`
/// and the next `add`.
class message_block_builder {
public:
  message_block_builder() noexcept = default;
  message_block_builder(message_block_builder&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        stamps_(std::move(other.stamps_)),
        identities_(std::move(other.identities_)) {}
  message_block_builder& operator=(message_block_builder&&) = delete;
  ~message_block_builder();

  [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return block_ == nullptr ? 0 : block_->entries_;
  }
  /// Bytes of wire forms collected so far.
  [[nodiscard]] std::uint32_t wire_size() const noexcept {
    return block_ == nullptr ? 0 : block_->wire_size_;
  }

  /// Appends `packet`, published with `topic` (its alias resolved).
  /// `version`: the publisher's; the same for every message of a block.
  /// `more`: input bytes of which the rest of the block will probably be made,
  /// a hint for the first allocation.
  void add(const publish& packet, std::string_view topic, protocol_version version,
           std::size_t more = 0);

  /// Appends `entry` of `source` unchanged. REQUIRES: one source version per block.
  void add(const message_block& source, const message_entry& entry) {
    const std::uint32_t index = source.index_of(entry);
    add(entry, source.wire(entry), source.version(), source.stamp(index), source.identity(index));
  }
  /// Appends a message that was kept elsewhere: `wire` as `entry` describes it, `offset`
  /// left aside. REQUIRES: one version per block; wire.size() == entry.size.
  void add(const message_entry& entry, byte_view wire, protocol_version version,
           const retained_stamp& stamp = {}, const message_identity& identity = {});

  struct origin {
    std::uint64_t publisher = 0;
    std::uint32_t connection_epoch = 0;
    time_point received_at{};
  };
  /// Closes the block and hands it out. REQUIRES: !empty().
  [[nodiscard]] message_block_ptr seal(const origin& from);

private:
  message_entry& append_entry(std::size_t wire_bytes, std::size_t more);
  void reallocate(std::size_t capacity);

  message_block* block_ = nullptr;
  // Up to the last message that has one.
  std::vector<retained_stamp> stamps_;
  std::vector<message_identity> identities_;
};

/// Some neighbouring messages of a block.
struct message_run {
  message_block_ptr block;
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  [[nodiscard]] byte_view wire() const noexcept { return block->wire(first, count); }
};

/// Copies `run` into a block of its own, so that keeping it keeps nothing else alive.
[[nodiscard]] message_block_ptr copy_run(const message_run& run);

}  // namespace troupe
