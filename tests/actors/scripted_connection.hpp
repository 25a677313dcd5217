#pragma once

#include "actors/connection.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace troupe::test {

/// The cable between a scripted client and the broker's end of its connection.
/// Both ends hold it, so that the client can look at what a dead end left.
struct cable {
  std::string to_broker;
  std::string to_client;
  bool client_closed = false;  ///< the client sends no more
  bool reset = false;          ///< nor does it take anything: writing fails
  bool broker_closed = false;  ///< the broker's end is destroyed
  std::size_t room = std::numeric_limits<std::size_t>::max();  ///< bytes the client still takes
  std::size_t writes = 0;                                      ///< calls of `write_some`

  // As the broker set it.
  connection_owner owner;
  std::uint32_t watch = 0;
  std::optional<time_point> deadline;

  /// Tells the owner, as the poller of a real socket does.
  void report(io_ready event) const {
    event.watch = watch;
    if (owner) caf::anon_send(owner, event);
  }
};

/// The broker's end: edge-triggered like the real thing, which says nothing
/// twice.
class scripted_connection final : public connection {
public:
  scripted_connection(std::shared_ptr<cable> line, caf::execution_unit* home)
      : line_(std::move(line)), home_(home) {}
  ~scripted_connection() override {
    unwatch();
    line_->broker_closed = true;
  }

  io_result read_some(std::span<std::byte> into) override {
    std::string& bytes = line_->to_broker;
    if (bytes.empty())
      return {.status = line_->client_closed ? io_status::closed : io_status::would_block};
    const std::size_t count = std::min(bytes.size(), into.size());
    std::copy_n(as_bytes(bytes).begin(), count, into.begin());
    bytes.erase(0, count);
    return {.bytes = count};
  }

  io_result write_some(std::span<const byte_view> views) override {
    ++line_->writes;
    if (line_->reset) return {.status = io_status::closed};
    std::size_t written = 0;
    for (const byte_view view : views) {
      const std::size_t count = std::min(view.size(), line_->room);
      line_->to_client += as_text(view.first(count));
      line_->room -= count;
      written += count;
    }
    return {.bytes = written, .status = written == 0 ? io_status::would_block : io_status::ok};
  }

  void watch(connection_owner owner, std::uint32_t watch) override {
    line_->owner = std::move(owner);
    line_->watch = watch;
  }
  void unwatch() override {
    line_->owner = nullptr;
    line_->deadline.reset();
  }
  void set_deadline(std::optional<time_point> due) override { line_->deadline = due; }

  caf::execution_unit* home() const noexcept override { return home_; }
  std::string peer() const override { return "script"; }

private:
  const std::shared_ptr<cable> line_;
  caf::execution_unit* const home_;
};

}  // namespace troupe::test
