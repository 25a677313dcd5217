#pragma once

#include "apps/troupe-bench/connection.hpp"
#include "apps/troupe-bench/event_loop.hpp"
#include "apps/troupe-bench/histogram.hpp"
#include "apps/troupe-bench/run_context.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe::bench {

/// What the coordinator tells a worker to do.
enum class command : std::uint8_t {
  open,             ///< open all connections that were never opened, or have left
  publish,          ///< start to publish, at `run_context::publish_start`
  stop_publishing,  ///< only receive and acknowledge
  subscribe,        ///< subscribe the deferred subscribers
  leave,            ///< disconnect the subscribers; their sessions stay
  clear_retained,   ///< publish an empty retained message on every topic
  quit              ///< disconnect all and end
};

/// What a worker has done so far; written by it alone, read by all.
struct alignas(64) worker_counters {
  using counter = std::atomic<std::uint64_t>;
  counter ready{0};         ///< connections that have done all they do before publishing
  counter failed{0};        ///< connections refused or lost
  counter published{0};     ///< messages handed to the kernel or waiting for it
  counter acknowledged{0};  ///< QoS 1 and 2 exchanges completed by the publisher
  counter rejected{0};      ///< of these, with an error
  counter delivered{0};     ///< messages received, without duplicates
  counter foreign{0};       ///< messages received that are not of this run
  std::atomic<std::int64_t> last_delivery{0};  ///< `now_ns`
  /// `now_ns` of the first deferred SUBSCRIBE, or of the CONNECT with which a session returns.
  std::atomic<std::int64_t> retrieval_began{0};
};

/// One thread with its event loop and its share of the clients.
class worker {
public:
  worker(run_context& context, std::uint32_t index);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker();

  /// REQUIRES: not started.
  connection& add(client_plan plan);

  void start();
  /// From any thread.
  void post(command what);
  /// From any thread: lets the publisher of `which` go on.
  void post_wake(const stream& which);
  /// Waits until the thread has ended, which `command::quit` makes it do.
  void join();

  [[nodiscard]] const worker_counters& counters() const noexcept { return counters_; }
  /// From sending to receiving; in nanoseconds. REQUIRES: joined.
  [[nodiscard]] const histogram& delivery_latency() const noexcept { return delivery_latency_; }
  /// From opening the connection to CONNACK; in nanoseconds. REQUIRES: joined.
  [[nodiscard]] const histogram& connect_latency() const noexcept { return connect_latency_; }

private:
  class incoming;

  void run();
  /// Lets input gather.
  void pause() const noexcept;
  [[nodiscard]] std::int64_t timeout() const noexcept;
  void dispatch(const epoll_event& event);
  void take_posted();
  void obey(command what);
  void tick();

  // The life of a connection.
  void open_more();
  bool open(connection& client);
  void established(connection& client);
  void on_control(connection& client, const frame& packet);
  void on_connack(connection& client, const frame& packet);
  void on_suback(connection& client, const frame& packet);
  void send_subscribe(connection& client);
  void set_ready(connection& client);
  void leave(connection& client);
  void left(connection& client);
  void fail(connection& client, const std::string& reason);
  void clear_retained(connection& client);
  void disconnect_all();

  // Traffic.
  void receive(connection& client);
  void pump(connection& client);
  void fill(connection& client);
  void flush(connection& client);
  void enqueue(connection& client);
  void release_due();
  [[nodiscard]] std::int64_t scheduled(std::uint64_t position) const noexcept;
  void resume_publisher_of(const stream& which);
  void run_runnable();

  run_context& context_;
  const std::uint32_t index_;
  event_loop loop_;
  worker_counters counters_;
  histogram delivery_latency_;
  histogram connect_latency_;

  std::deque<connection> clients_;
  std::vector<connection*> publishers_;
  std::vector<connection*> runnable_;
  std::vector<connection*> running_;

  byte_buffer input_;    // shared by all connections: only its filled part is ever touched
  byte_buffer scratch_;  // what is about to be sent on the connection in turn

  std::int64_t now_ = 0;
  std::int64_t next_tick_ = 0;
  std::int64_t opening_since_ = 0;
  std::int64_t retry_at_ = 0;  // no new connection before
  std::size_t next_to_open_ = 0;
  std::size_t opening_ = 0;
  std::uint64_t released_ = 0;  // open loop: messages of the schedule that became due
  bool open_wanted_ = false;
  bool publishing_ = false;
  bool done_ = false;

  std::mutex posted_mutex_;
  std::vector<command> posted_commands_;
  std::vector<std::uint32_t> posted_wakes_;  // client indices
  std::thread thread_;
};

}  // namespace troupe::bench
