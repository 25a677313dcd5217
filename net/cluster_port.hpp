#pragma once

#include "actors/protocol.hpp"
#include "libbroker/config/config.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

/// How nodes reach each other: CAF's middleman (BASP), whose connections end soon after the other
/// side has stopped answering.
namespace troupe {

/// To be called before a system that has a cluster port is made.
void load_cluster_modules(caf::actor_system_config& system);

/// The port where other nodes find `door`. Throws `std::runtime_error` with a sentence for the
/// user. Returns the port; closed with the system.
struct opened_cluster_port {
  connector_handle connector;
  std::uint16_t port = 0;
};
/// `refused`: is told, by any thread, how many have come who were no nodes.
[[nodiscard]] opened_cluster_port open_cluster_port(caf::actor_system& system,
                                                    const cluster_handle& door,
                                                    const cluster_config& settings,
                                                    std::function<void(std::size_t)> refused);

/// For who connects and is not connected to. Throws as `open_cluster_port`. The connector is to be
/// ended before the system.
[[nodiscard]] connector_handle open_connector(caf::actor_system& system,
                                              const cluster_config& settings);

}  // namespace troupe
