#include "libbroker/config/validate_cluster.hpp"

#include "libbroker/cluster/member_gossip.hpp"
#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/config/assigner.hpp"
#include "libbroker/config/host_port.hpp"
#include "libbroker/config/value_text.hpp"

#include <initializer_list>
#include <optional>
#include <utility>

namespace troupe {

namespace {

/// What is shorter can be found out by trying.
constexpr std::size_t shortest_secret = 16;

// The options by name, as errors and `option_origins` have them.
constexpr std::string_view name = "node.name";
constexpr std::string_view listen = "cluster.listen";
constexpr std::string_view advertise = "cluster.advertise";
constexpr std::string_view client_address = "cluster.client-address";
constexpr std::string_view seeds = "cluster.seeds";
constexpr std::string_view secret = "cluster.secret";
constexpr std::string_view secret_file = "cluster.secret-file";
constexpr std::string_view certificate = "cluster.tls.certificate";
constexpr std::string_view key = "cluster.tls.key";
constexpr std::string_view authority = "cluster.tls.ca";

class cluster_validator {
public:
  cluster_validator(const config& values, const option_origins& origins, config_findings& findings)
      : node_(values.node), cluster_(values.cluster), origins_(origins), findings_(findings) {}

  void check() {
    check_name();
    const auto bound = parse(listen, cluster_.listen);
    const auto reached = parse(advertise, cluster_.advertise);
    check_advertised(bound, reached);
    check_client_address(parse(client_address, cluster_.client_address));
    check_seeds();
    check_secret();
    check_tls();
    if (bound) check_protection(*bound);
  }

private:
  void check_name() {
    if (node_.name.empty() || is_node_name(node_.name)) return;
    fail(name, quoted(node_.name) +
                   " is not a name: it takes 1 to 64 of the characters A-Z a-z 0-9 . _ -");
  }

  /// Nothing when `text` is empty or wrong.
  std::optional<host_port> parse(std::string_view option, std::string_view text) {
    if (text.empty()) return std::nullopt;
    auto parsed = parse_host_port(text);
    if (const auto* problem = std::get_if<std::string>(&parsed)) {
      fail(option, quoted(text) + ": " + *problem);
      return std::nullopt;
    }
    auto& address = std::get<host_port>(parsed);
    // Nodes tell each other where they are, and take no longer text.
    if (text.size() > max_address_size) {
      fail(option, quoted(text) + " has more than " + std::to_string(max_address_size) + " bytes");
    } else if (address.port == 0 && option != listen) {
      fail(option,
           quoted(text) + ": port 0 stands for any free one and is for cluster.listen only");
    } else {
      return std::move(address);
    }
    return std::nullopt;
  }

  void check_advertised(const std::optional<host_port>& bound,
                        const std::optional<host_port>& reached) {
    if (reached && is_wildcard_host(reached->host)) {
      fail(advertise, quoted(cluster_.advertise) +
                          " stands for every interface; other nodes need one address of this one");
    } else if (bound && is_wildcard_host(bound->host) && cluster_.advertise.empty()) {
      fail(listen, quoted(cluster_.listen) +
                       " stands for every interface; say in cluster.advertise under which address "
                       "other nodes reach this one");
    }
  }

  void check_client_address(const std::optional<host_port>& reached) {
    if (reached && is_wildcard_host(reached->host))
      fail(client_address, quoted(cluster_.client_address) +
                               " stands for every interface; clients need one address of this one");
  }

  void check_seeds() {
    for (const auto& seed : cluster_.seeds) {
      if (seed.empty()) {
        fail(seeds, "one of them is empty");
      } else {
        parse(seeds, seed);
      }
    }
    if (!cluster_.seeds.empty() && cluster_.listen.empty())
      fail(seeds, "there are seeds, but no cluster.listen for the other nodes to connect to");
  }

  void check_secret() {
    if (!cluster_.secret.empty() && !cluster_.secret_file.empty()) {
      fail(secret_file, "the secret is in cluster.secret already; give one of the two",
           {secret_file, secret});
    }
    if (!cluster_.secret.empty() && cluster_.secret.size() < shortest_secret) {
      findings_.warnings.push_back(
          about(secret,
                "it has fewer than " + std::to_string(shortest_secret) +
                    " characters and can be guessed; `openssl rand -base64 24` makes a "
                    "better one",
                {secret}));
    }
  }

  void check_tls() {
    const auto& tls = cluster_.tls;
    if (!has_tls()) return;
    for (const auto& [option, file] : {std::pair(certificate, &tls.certificate),
                                       std::pair(key, &tls.key), std::pair(authority, &tls.ca)}) {
      if (file->empty())
        fail(option, "it is missing; [cluster.tls] needs certificate, key and ca, or none of them",
             {option, certificate, key, authority});
    }
  }

  void check_protection(const host_port& bound) {
    const bool is_protected =
        has_tls() || !cluster_.secret.empty() || !cluster_.secret_file.empty();
    if (is_protected || is_local_host(bound.host)) return;
    fail(listen, "other machines can reach " + quoted(cluster_.listen) +
                     ", and without cluster.secret or [cluster.tls] the cluster port is for this "
                     "machine only; give all nodes one secret or certificates");
  }

  /// Whether there is anything in [cluster.tls].
  [[nodiscard]] bool has_tls() const { return cluster_.tls != cluster_tls_config{}; }

  void fail(std::string_view option, std::string_view what) { fail(option, what, {option}); }

  void fail(std::string_view option, std::string_view what,
            std::initializer_list<std::string_view> places) {
    findings_.errors.push_back(about(option, what, places));
  }

  /// A finding about `option`, which stands in the first of `places` that was given.
  [[nodiscard]] config_error about(std::string_view option, std::string_view what,
                                   std::initializer_list<std::string_view> places) const {
    return {source_of(origins_, places), std::string(option).append(": ").append(what)};
  }

  const node_config& node_;
  const cluster_config& cluster_;
  const option_origins& origins_;
  config_findings& findings_;
};

}  // namespace

void check_cluster(const config& values, const option_origins& origins, config_findings& findings) {
  cluster_validator(values, origins, findings).check();
}

}  // namespace troupe
