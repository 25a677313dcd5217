// How a session reads, writes and waits.

#include "actors/session_actor.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace troupe {

namespace {

/// Byte ranges that one system call writes at most.
constexpr std::size_t views_per_write = 64;

/// SUBSCRIBE and UNSUBSCRIBE packets of one client that shards work on at a time.
constexpr std::size_t requests_in_progress = 64;

/// Longest time that a timer is set for; what is due later sets another.
constexpr std::chrono::minutes longest_timer{10};

/// Input of whoever reads at the moment, so that an idle client pins no buffer.
std::span<std::byte> read_buffer(std::size_t size) {
  thread_local byte_buffer buffer;
  return {buffer.prepare(size), size};
}

}  // namespace

// -- sockets and time ---------------------------------------------------------------

void session_actor::handle(const io_ready& event) {
  if (event.watch != watch_ || socket_ == nullptr) return;
  const time_point now = current_time(*this);
  read_to_the_end_ |= event.hung_up;
  if (event.readable) {
    read_scheduled_ = false;
    read_input(now);
  }
  if (socket_ == nullptr) return;
  if (event.writable && write_blocked_) write_output(now);
  if (event.deadline_passed) {
    // The keep alive of who has to wait for others stands still, not that of who takes nothing.
    if (read_blocked_ && !is_owed_too_much()) machine_.reading_paused(now);
    machine_.tick(now, effects());
    deadline_.reset();
    carry_out(now);
  }
}

void session_actor::handle(const session_timer& due) {
  if (!alarm_.rings(due)) return;
  if (machine_.connected()) return;
  const time_point now = current_time(*this);
  machine_.tick(now, effects());
  carry_out(now);
  schedule_timer(now);
}

void session_actor::handle(const flush&) {
  flush_requested_ = false;
  if (socket_ != nullptr) write_output(current_time(*this));
}

void session_actor::update_deadline() {
  if (socket_ == nullptr) return;
  // Every packet moves the keep alive deadline on. The socket need not know: when
  // the old one passes, the machine finds nothing due and the new one is set.
  const auto due = machine_.deadline();
  if (due && (!deadline_ || *due < *deadline_)) {
    deadline_ = due;
    socket_->set_deadline(due);
  }
}

void session_actor::schedule_timer(time_point now) {
  if (machine_.connected()) return;
  const auto due = machine_.deadline();
  if (!due) return;
  // A pending timer keeps even an ended session's memory: one at a time, and not for long.
  const time_point at = std::min(*due, now + longest_timer);
  alarm_.set(*this, at, now);
}

// -- reading ----------------------------------------------------------------------

bool session_actor::is_owed_too_much() noexcept {
  return machine_.output().size() > house_.settings.limits.output_buffer;
}

bool session_actor::may_read() noexcept {
  const limits_config& limits = house_.settings.limits;
  return !reading_stopped_ && (held_ == nullptr || held_->bytes <= limits.publish_backlog) &&
         (write_broken_ || !is_owed_too_much()) &&
         machine_.pending_requests() <= requests_in_progress;
}

void session_actor::schedule_read() {
  if (read_scheduled_ || socket_ == nullptr) return;
  read_scheduled_ = true;
  send(this, io_ready{.watch = watch_, .readable = true});
}

void session_actor::resume_reading() {
  if (!read_blocked_ || !may_read()) return;
  read_blocked_ = false;
  schedule_read();
}

std::size_t session_actor::missing_of_large_packet() const {
  if (partial_.empty()) return 0;
  const auto scanned = scan_frame(partial_.view(), 0);
  const bool large = scanned && scanned->size > house_.settings.scheduler.read_buffer / 16;
  return large ? scanned->size - partial_.size() : 0;
}

void session_actor::read_input(time_point now) {
  if (!may_read()) {
    read_blocked_ = true;  // TCP pushes back
    return;
  }
  const std::span<std::byte> buffer = read_buffer(house_.settings.scheduler.read_buffer);
  std::span<std::byte> room = buffer;
  // A large packet grows in memory of its own, as it comes.
  const std::size_t missing = missing_of_large_packet();
  if (missing != 0) {
    const std::size_t next = std::min(missing, buffer.size());
    room = {partial_.prepare(next), next};
  } else if (!partial_.empty()) {
    std::copy_n(partial_.data(), partial_.size(), buffer.begin());
    room = buffer.subspan(partial_.size());
  }
  const auto [bytes, status] = socket_->read_some(room);
  house_.counts.add(&metrics::counters::bytes_received, bytes);
  if (status == connection::io_status::would_block) read_to_the_end_ = false;
  const bool drained = bytes < room.size() && !read_to_the_end_;
  if (bytes != 0) {
    if (missing != 0) {
      partial_.commit(bytes);
      if (bytes == missing) {
        const byte_buffer whole = std::exchange(partial_, byte_buffer());
        take_input(whole.view(), now);
      }
    } else {
      const std::size_t before = std::exchange(partial_, byte_buffer()).size();
      take_input(buffer.first(before + bytes), now);
    }
  }
  if (socket_ == nullptr) return;
  if (status == connection::io_status::closed) {
    machine_.connection_lost(now, effects());
    carry_out(now);
  } else if (!drained) {
    schedule_read();  // more is waiting, but others have their turn first
  }
}

void session_actor::take_input(byte_view input, time_point now) {
  const std::size_t taken = machine_.receive(input, now, effects());
  if (taken != input.size()) partial_.append(input.subspan(taken));
  carry_out(now);
}

// -- writing ----------------------------------------------------------------------

void session_actor::flush_now_or_later(time_point now) {
  if (!mailbox().empty())
    flush_later();  // what is queued may have more to write
  else if (socket_ != nullptr && !write_blocked_ && !machine_.output().empty())
    write_output(now);
}

void session_actor::flush_later() {
  if (flush_requested_ || write_blocked_ || machine_.output().empty()) return;
  flush_requested_ = true;
  send(this, flush{});
}

void session_actor::write_output(time_point now) {
  output_queue& output = machine_.output();
  std::array<byte_view, views_per_write> views;
  std::size_t budget = house_.settings.limits.output_buffer;
  write_blocked_ = false;
  while (!output.empty()) {
    const std::size_t count = output.gather(views);
    const auto [bytes, status] = socket_->write_some(std::span(views).first(count));
    house_.counts.add(&metrics::counters::bytes_sent, bytes);
    output.consume(bytes);
    if (status != connection::io_status::ok) {
      // A broken connection is reported by the read behind what it had sent.
      write_blocked_ = true;
      write_broken_ = status == connection::io_status::closed;
      break;
    }
    budget -= std::min(budget, bytes);
    if (budget == 0) break;
  }
  if (!machine_.connected()) return;
  machine_.output_drained(now, effects());
  apply_effects(now);
  flush_later();  // a turn is one round of output: others have theirs first
  acknowledge_output();
  resume_reading();
}

}  // namespace troupe
