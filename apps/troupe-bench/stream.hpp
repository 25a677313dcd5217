#pragma once

#include "apps/troupe-bench/payload_header.hpp"
#include "apps/troupe-bench/prebuilt_publish.hpp"
#include "apps/troupe-bench/sequence_tracker.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

namespace troupe::bench {

/// The numbered messages of one publisher on one topic, and the bound on how
/// far it may be ahead of the slowest of their receivers. The publisher's
/// thread publishes; the receivers may be on other threads.
class stream {
public:
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max() / 2;

  /// How far ahead a publisher may be, in messages.
  struct bound {
    std::uint64_t limit = no_limit;
    /// Room that a publisher which ran into the limit waits for: more than 1
    /// makes it send in batches.
    std::uint64_t step = 1;
  };

  stream(std::uint32_t index, prebuilt_publish packet, bound ahead)
      : packet_(std::move(packet)), ahead_(ahead), index_(index) {}

  void add_receiver(const sequence_tracker& receiver) { receivers_.push_back(&receiver); }

  // For the publisher's thread.

  /// False: wait until `take_wake` or `write_off` returned true.
  [[nodiscard]] bool may_publish() noexcept {
    return published_.load(std::memory_order_relaxed) < allowed_until_ || extend();
  }

  /// Appends the next message to `out`.
  void append_next(byte_buffer& out, std::uint32_t run, packet_id id, std::int64_t sent_at) {
    const std::uint64_t sequence = published_.load(std::memory_order_relaxed);
    packet_.append_to(out, id, {run, index_, sequence, sent_at});
    published_.store(sequence + 1, std::memory_order_relaxed);
  }

  /// Whether a message needs a packet identifier.
  [[nodiscard]] bool needs_id() const noexcept { return packet_.has_id(); }

  /// To be called now and then: after two seconds without progress of the
  /// receiver that is waited for, everything published counts as lost for the
  /// bound, so that one lost message does not stop the stream for ever. Returns
  /// true when the publisher may go on.
  [[nodiscard]] bool write_off(std::int64_t now) noexcept;

  // For any thread.

  [[nodiscard]] std::uint64_t published() const noexcept {
    return published_.load(std::memory_order_relaxed);
  }

  /// To be called before `take_wake` by receivers on another thread than the publisher's.
  void announce_progress() noexcept { waiting_for_.fetch_add(0, std::memory_order_acq_rel); }

  /// To be called when `receiver` made progress. Returns true once when the
  /// publisher, which waited for that, may go on.
  [[nodiscard]] bool take_wake(const sequence_tracker& receiver) noexcept {
    return waiting_for_.load(std::memory_order_acquire) == &receiver &&
           receiver.next() >= wait_until_.load(std::memory_order_relaxed) &&
           waiting_for_.exchange(nullptr) != nullptr;
  }

  [[nodiscard]] const std::vector<const sequence_tracker*>& receivers() const noexcept {
    return receivers_;
  }

  std::uint32_t worker = 0;  ///< index of the publisher's thread
  std::uint32_t client = 0;  ///< index of the publisher there

private:
  [[nodiscard]] bool extend() noexcept;

  // Read for every message of a receiver's thread, written when the publisher waits.
  std::atomic<const sequence_tracker*> waiting_for_{nullptr};
  std::atomic<std::uint64_t> wait_until_{0};

  std::atomic<std::uint64_t> published_{0};
  std::uint64_t allowed_until_ = 0;
  std::uint64_t written_off_ = 0;
  prebuilt_publish packet_;
  bound ahead_;
  std::uint32_t index_;
  std::vector<const sequence_tracker*> receivers_;
  std::int64_t stalled_since_ = 0;
  std::uint64_t stalled_at_ = 0;
};

}  // namespace troupe::bench
