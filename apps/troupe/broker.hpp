#pragma once

#include "actors/node_context.hpp"
#include "libbroker/cluster/link_crypto.hpp"
#include "libbroker/config/config.hpp"
#include "net/control_server.hpp"
#include "net/listener.hpp"
#include "persistence/database.hpp"
#include "persistence/offset_log.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// A whole broker in this process: makes the actors, wires them together, lets
/// clients in and, at the end, takes it all down in order.
class broker {
public:
  /// Starts everything but the listening. Throws `std::runtime_error` with a
  /// sentence for the user when a listener's address or a CAF option is not to
  /// be had.
  explicit broker(const config& settings);
  /// Stops, if `stop` was not called.
  ~broker();

  /// Begins to accept clients.
  void start();

  /// Drains and stops, within `shutdown.deadline`: no more connections, no more
  /// reading, hand out what is under way, DISCONNECT 0x8B to MQTT 5 clients.
  void stop();

  /// Where clients may connect, one URL per listener.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// Where other nodes may connect, "host:port"; empty: nowhere.
  [[nodiscard]] const std::string& cluster_address() const noexcept { return cluster_address_; }
  [[nodiscard]] const node_context& state() const noexcept { return node_; }

private:
  void open_store();
  void name_node();
  void forget_departed(const std::vector<restore_node>& still_kept);
  void spawn_actors(const cluster_key& key);
  void enter();
  void restore();
  void subscribe_again(const std::vector<restore_session>& earlier);
  void open_listeners();
  void admit(std::unique_ptr<connection> socket, const listener_config& from,
             const listener& through);
  void drain();

  node_context node_;
  std::unique_ptr<database> store_;          ///< null: everything is in memory
  std::unique_ptr<offset_log> log_;          ///< null as `store_`
  std::unique_ptr<control_server> control_;  ///< null as `store_`
  io_scheduler_config system_config_;
  std::vector<std::shared_ptr<listener>> listeners_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<caf::execution_unit*> homes_;   ///< the workers
  std::vector<handshake_handle> handshakes_;  ///< by worker
  std::vector<member_record> remembered_;     ///< of the cluster, until it is entered
  std::string cluster_address_;
  connector_handle connector_;  ///< null: this node is alone
  retention_handle retention_;  ///< null as `store_`
  bool stopped_ = false;
};

}  // namespace troupe
