#include "actors/relay_connection.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

relay_connection::relay_connection(cluster_handle cluster, relay_address to,
                                   caf::execution_unit* home)
    : cluster_(std::move(cluster)), to_(std::move(to)), home_(home) {}

bool relay_connection::took(std::uint64_t bytes) noexcept {
  under_way_ -= std::min<std::uint64_t>(bytes, under_way_);
  return under_way_ < window;
}

connection::io_result relay_connection::read_some(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), input_.size());
  if (count == 0) return {.bytes = 0, .status = io_status::would_block};
  std::copy_n(input_.data(), count, into.data());
  input_.erase_front(count);
  return {.bytes = count};
}

connection::io_result relay_connection::write_some(std::span<const byte_view> views) {
  session_message output{.what = session_message::verb::output,
                         .client_id = to_.client_id,
                         .number = to_.end,
                         .relay = to_.relay};
  for (const byte_view view : views) {
    const std::size_t room = window - under_way_ - output.bytes.size();
    output.bytes += as_text(view.first(std::min(room, view.size())));
  }
  if (output.bytes.empty()) return {.bytes = 0, .status = io_status::would_block};
  under_way_ += output.bytes.size();
  caf::anon_send(cluster_, say_to_node{to_.node, record_kind::session, encode(output)});
  return {.bytes = output.bytes.size(),
          .status = under_way_ < window ? io_status::ok : io_status::would_block};
}

void relay_connection::watch(connection_owner owner, std::uint32_t watch) {
  owner_ = std::move(owner);
  watch_ = watch;
}

void relay_connection::set_deadline(std::optional<time_point> due) {
  if (!due || !owner_) return;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now());
  caf::delayed_anon_send(owner_, std::max(*due - now, std::chrono::milliseconds(0)),
                         io_ready{.watch = watch_, .deadline_passed = true});
}

}  // namespace troupe
