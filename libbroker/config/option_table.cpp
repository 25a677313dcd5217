#include "libbroker/config/option.hpp"
#include "libbroker/topic.hpp"

#include <array>

namespace troupe {

namespace {

template <auto Section, auto Member>
auto& member(config& from, std::size_t) {
  return (from.*Section).*Member;
}

template <auto Section, auto Inner, auto Member>
auto& inner_member(config& from, std::size_t) {
  return ((from.*Section).*Inner).*Member;
}

template <auto List, auto Member>
auto& item_member(config& from, std::size_t item) {
  return (from.*List)[item].*Member;
}

template <auto List>
std::size_t count_items(const config& from) {
  return (from.*List).size();
}

template <auto List>
void resize_items(config& in, std::size_t count) {
  (in.*List).resize(count);
}

template <auto List>
constexpr item_list items_of{&count_items<List>, &resize_items<List>};

constexpr std::uint64_t any_count = 0xFFFFFFFF;
constexpr std::uint64_t any_size = 1024 * gibibyte;
constexpr std::uint64_t any_day = 86'400;
constexpr std::uint64_t any_year = 365 * any_day;
// A time before now is still one behind 1970.
constexpr std::uint64_t any_retention = 50 * any_year;
constexpr std::uint64_t u16_max = 0xFFFF;

// The largest Remaining Length and its five bytes of fixed header. Source: MQTT5 §2.1.4.
constexpr std::uint64_t protocol_max_packet_size = 268'435'455 + 5;

constexpr auto node = &config::node;
constexpr auto listeners = &config::listeners;
constexpr auto limits = &config::limits;
constexpr auto session_ = &config::session;
constexpr auto features = &config::features;
constexpr auto scheduler = &config::scheduler;
constexpr auto store = &config::store;
constexpr auto durability_rules = &config::durability_rules;
constexpr auto streams = &config::streams;
constexpr auto cluster = &config::cluster;
constexpr auto cluster_tls = &cluster_config::tls;
constexpr auto sys = &config::sys;
constexpr auto log_ = &config::log;
constexpr auto shutdown_ = &config::shutdown;

constexpr std::array section_table{
    section{"node", section_form::table, "This node."},
    section{"listener", section_form::list,
            "Where clients connect; repeat the section for more. With none in the file, "
            "this one is there.",
            items_of<listeners>},
    section{"limits", section_form::table,
            "What one client, or all of them together, can make the broker hold."},
    section{"session", section_form::table, "What holds for each client's session."},
    section{"features", section_form::table,
            "What clients may use; MQTT 5 clients are told on connecting."},
    section{"scheduler", section_form::table, "Threads and batches."},
    section{"store", section_form::table, "What is kept in node.data-dir."},
    section{"durability", section_form::list,
            "Topics whose messages are not as safe as store.durability says; repeat the section "
            "for more. The first whose filter matches counts. With none in the file, there is "
            "none.",
            items_of<durability_rules>},
    section{"stream", section_form::list,
            "Topics whose messages are kept in node.data-dir whether anybody subscribes or not; "
            "repeat the section for more. A message belongs to the first stream whose filter "
            "matches its topic. With none in the file, there is none.",
            items_of<streams>},
    section{"cluster", section_form::table,
            "Brokers that serve their clients as one. All nodes should have the same values, but "
            "for listen, advertise and client-address."},
    section{"cluster.tls", section_form::table,
            "Encryption between the nodes, which then prove with certificates that they belong to "
            "the cluster. All three files are given or none."},
    section{"sys", section_form::table, "Statistics as messages on $SYS topics."},
    section{"log", section_form::table, "The log."},
    section{"shutdown", section_form::table, "Leaving in order."},
    section{"caf", section_form::open,
            "Passed to CAF, the actor library, as if given on its command line: strings need no "
            "CAF quotes. Sections are part of the key, as in scheduler.max-throughput = 64."},
};

constexpr std::array option_table{
    option{"node", "name", &member<node, &node_config::name>, "", 0, 0,
           "Unique name in the cluster. Empty: made up at the first start and kept in data-dir."},
    option{"node", "data-dir", &member<node, &node_config::data_dir>, "", 0, 0,
           "Directory for what outlives a restart: retained messages, sessions and their "
           "subscriptions. Empty: everything is in memory and a restart forgets it."},

    option{"listener", "address", &item_member<listeners, &listener_config::address>, "", 0, 0,
           "Where to accept connections. IPv6 goes in brackets; a name is looked up at start; "
           "port 0 stands for any free one."},
    option{"listener", "allow-anonymous",
           &item_member<listeners, &listener_config::allow_anonymous>, "", 0, 0,
           "Whether clients may connect without authenticating. \"auto\": only where no other "
           "machine can reach the listener (loopback and UNIX-domain sockets)."},
    option{"listener", "max-connections",
           &item_member<listeners, &listener_config::max_connections>, "connections", 0, any_count,
           "Most connections through this listener at a time. 0: only limits.max-connections "
           "counts."},
    option{"listener", "backlog", &item_member<listeners, &listener_config::backlog>, "connections",
           1, u16_max, "Most connections that the kernel holds until the broker accepts them."},

    option{"limits", "max-connections", &member<limits, &limits_config::max_connections>,
           "connections", 0, any_count,
           "Most open connections of the node; further ones are closed. 0: no limit."},
    option{"limits", "max-sessions", &member<limits, &limits_config::max_sessions>, "sessions", 0,
           any_count,
           "Most sessions of the node, including those whose client is away. A client that needs "
           "one more is refused. 0: no limit."},
    option{"limits", "max-handshakes", &member<limits, &limits_config::max_handshakes>,
           "connections", 1, any_count,
           "Most connections that have not finished their CONNECT; further ones wait to be "
           "accepted."},
    option{"limits", "connect-timeout", &member<limits, &limits_config::connect_timeout>,
           "milliseconds", 1, any_day * 1000,
           "How long a new connection may take until its CONNECT is complete."},
    option{"limits", "max-connect-size", &member<limits, &limits_config::max_connect_size>, "bytes",
           128, protocol_max_packet_size,
           "Largest CONNECT packet; it carries the will. Nothing beyond is read from a client "
           "that is not known yet."},
    option{"limits", "max-packet-size", &member<limits, &limits_config::max_packet_size>, "bytes",
           128, protocol_max_packet_size,
           "Largest packet in either direction, fixed header included."},
    option{"limits", "max-subscriptions-per-session",
           &member<limits, &limits_config::max_subscriptions_per_session>, "filters", 0, any_count,
           "Most subscriptions of one session. A filter costs some hundred bytes, one with a "
           "wildcard in each shard, so the default lets one client hold a few megabytes; who "
           "needs more is better served by a wildcard. 0: no limit."},
    option{"limits", "max-replays-per-session",
           &member<limits, &limits_config::max_replays_per_session>, "subscriptions", 0, any_count,
           "Most subscriptions of one session to $replay/, each of which reads a stream from the "
           "disk. 0: replay is switched off."},
    option{"limits", "max-filter-levels", &member<limits, &limits_config::max_filter_levels>,
           "levels", 1, u16_max + 1, "Most levels of a topic filter."},
    option{"limits", "max-topic-levels", &member<limits, &limits_config::max_topic_levels>,
           "levels", 1, u16_max + 1, "Most levels of the topic that a message is published to."},
    option{"limits", "max-topic-length", &member<limits, &limits_config::max_topic_length>, "bytes",
           1, u16_max, "Longest topic or filter."},
    option{"limits", "output-buffer", &member<limits, &limits_config::output_buffer>, "bytes",
           4 * kibibyte, gibibyte,
           "Most bytes that wait for one slow connection; above that, messages of QoS 0 to it "
           "are dropped."},
    option{"limits", "publish-credit", &member<limits, &limits_config::publish_credit>, "bytes",
           4 * kibibyte, any_size,
           "Most bytes of one session's published messages that are not processed yet. A session "
           "that used it up is not read until some are; a single larger message is taken."},
    option{"limits", "publish-backlog", &member<limits, &limits_config::publish_backlog>, "bytes",
           4 * kibibyte, any_size,
           "Most bytes read from a session whose publish-credit is used up, so that its "
           "acknowledgements and pings still come through."},
    option{"limits", "shard-credit", &member<limits, &limits_config::shard_credit>, "bytes",
           64 * kibibyte, any_size,
           "Most bytes of published messages of all sessions that one topic shard has not "
           "processed yet."},
    option{"limits", "delivery-credit", &member<limits, &limits_config::delivery_credit>, "bytes",
           4 * kibibyte, any_size,
           "Most bytes of messages handed to one session that it has not taken yet."},
    option{"limits", "retained-messages", &member<limits, &limits_config::retained_messages>,
           "messages", 0, any_count, "Most retained messages of the node. 0: no limit."},
    option{"limits", "retained-bytes", &member<limits, &limits_config::retained_bytes>, "bytes", 0,
           any_size, "Most bytes of all retained messages of the node. 0: no limit."},

    option{"session", "max-in-flight", &member<session_, &session_config::max_in_flight>,
           "messages", 1, u16_max,
           "Most messages of QoS 1 and 2 sent to a client and not completed. A client's own "
           "Receive Maximum can lower it."},
    option{"session", "receive-maximum", &member<session_, &session_config::receive_maximum>,
           "messages", 1, u16_max,
           "Most messages of QoS 1 and 2 that a client may have under way to the broker; MQTT 5 "
           "clients are told."},
    option{"session", "max-queued-messages",
           &member<session_, &session_config::max_queued_messages>, "messages", 0, any_count,
           "Most messages that wait for a client that is away or slow. 0: no limit."},
    option{"session", "max-queued-bytes", &member<session_, &session_config::max_queued_bytes>,
           "bytes", 0, any_size,
           "Most bytes of messages that wait for a client that is away or slow. 0: no limit."},
    option{"session", "max-expiry", &member<session_, &session_config::max_expiry>, "seconds", 0,
           static_cast<std::uint64_t>(never_expires.count()),
           "Longest time that a session is kept for a client that is away, whatever it asks "
           "for."},
    option{"session", "expiry-for-v3", &member<session_, &session_config::expiry_for_v3>, "seconds",
           0, static_cast<std::uint64_t>(never_expires.count()),
           "How long the session of an MQTT 3 client without clean session is kept while it is "
           "away; max-expiry limits this too."},
    option{"session", "topic-alias-maximum",
           &member<session_, &session_config::topic_alias_maximum>, "aliases", 0, u16_max,
           "Most topic aliases that an MQTT 5 client may set; it is told. 0: none."},
    option{"session", "outbound-topic-aliases",
           &member<session_, &session_config::outbound_topic_aliases>, "aliases", 0, u16_max,
           "Most topic aliases that the broker sets for an MQTT 5 client that takes them. 0: "
           "none."},
    option{"session", "max-keep-alive", &member<session_, &session_config::max_keep_alive>,
           "seconds", 0, u16_max,
           "Longest keep alive; MQTT 5 clients that ask for more or for none are told this one. "
           "0: no limit."},

    option{"features", "max-qos", &member<features, &features_config::max_qos>, "", 0, 2,
           "Highest quality of service of messages and subscriptions."},
    option{"features", "retain-available", &member<features, &features_config::retain_available>,
           "", 0, 0, "Whether messages can be retained."},
    option{"features", "wildcard-subscriptions",
           &member<features, &features_config::wildcard_subscriptions>, "", 0, 0,
           "Whether filters may contain + and #."},
    option{"features", "shared-subscriptions",
           &member<features, &features_config::shared_subscriptions>, "", 0, 0,
           "Whether clients may subscribe to $share/<group>/<filter>."},
    option{"features", "subscription-identifiers",
           &member<features, &features_config::subscription_identifiers>, "", 0, 0,
           "Whether subscriptions may carry an identifier."},
    option{"features", "response-information-prefix",
           &member<features, &features_config::response_information_prefix>, "", 0, 0,
           "Start of the topics that MQTT 5 clients are told to take answers on, if they ask. "
           "Empty: nothing is told."},

    option{"scheduler", "workers", &member<scheduler, &scheduler_config::workers>, "threads", 0,
           1024, "Threads that serve connections and topics. 0: one per core."},
    option{"scheduler", "shards", &member<scheduler, &scheduler_config::shards>, "shards", 0,
           partition_count, "Parts that the topics are spread over. 0: one per worker."},
    option{"scheduler", "jobs-per-poll", &member<scheduler, &scheduler_config::jobs_per_poll>,
           "turns", 1, any_count,
           "Most turns of actors that a worker takes before it looks at its sockets."},
    option{"scheduler", "poll-interval", &member<scheduler, &scheduler_config::poll_interval>,
           "milliseconds", 1, 1000,
           "Longest time that a busy worker goes on before it looks at its sockets."},
    option{"scheduler", "accepts-per-turn", &member<scheduler, &scheduler_config::accepts_per_turn>,
           "connections", 1, any_count,
           "Most connections that a listener accepts before other work has its turn, so that a "
           "storm of logins does not hold up the clients that are in."},
    option{"scheduler", "read-buffer", &member<scheduler, &scheduler_config::read_buffer>, "bytes",
           4 * kibibyte, gibibyte,
           "Size of the buffer that each worker reads with; idle connections have none."},
    option{"scheduler", "batch-bytes", &member<scheduler, &scheduler_config::batch_bytes>, "bytes",
           1, any_size, "Bytes that are collected for one batch at most."},
    option{"scheduler", "batch-messages", &member<scheduler, &scheduler_config::batch_messages>,
           "messages", 1, any_count, "Messages that are collected for one batch at most."},

    option{"store", "durability", &member<store, &store_config::durability>, "", 0, 0,
           "When clients are told that something is safe. \"sync\": when it is on the disk; a "
           "power cut loses nothing. \"interval\": before; a power cut loses up to sync-interval. "
           "\"os\": before; a power cut loses what the operating system has not written. A crash "
           "of the broker alone loses nothing in any case."},
    option{"store", "sync-interval", &member<store, &store_config::sync_interval>, "milliseconds",
           1, any_day * 1000, "Time between two syncs with durability = \"interval\"."},
    option{"store", "max-age", &member<store, &store_config::max_age>, "seconds", 0, any_year,
           "Messages that wait for sessions are dropped after this time though sessions have not "
           "got them. Streams have limits of their own. 0: no limit but the messages' own expiry."},
    option{"store", "max-bytes", &member<store, &store_config::max_bytes>, "bytes", 0, any_size,
           "Most bytes of messages that wait for sessions; beyond it the oldest are dropped though "
           "sessions have not got them. Streams have limits of their own. 0: no limit."},
    option{"store", "sweep-above", &member<store, &store_config::sweep_above>, "bytes", 0, any_size,
           "A session that is behind keeps what came since on all topics, up to so many bytes and "
           "as many again as are really needed; then messages on topics that nobody is behind on "
           "are searched for and removed."},
    option{"store", "trim-interval", &member<store, &store_config::trim_interval>, "seconds", 1,
           any_day, "Time between two removals of messages that no session needs any more."},

    option{"durability", "filter", &item_member<durability_rules, &durability_rule::filter>, "", 0,
           0,
           "Which topics: a filter as for subscriptions, like \"telemetry/#\", without $share/. It "
           "has to be given."},
    option{"durability", "mode", &item_member<durability_rules, &durability_rule::mode>, "", 0, 0,
           "When these messages are acknowledged; see store.durability."},

    option{"stream", "filter", &item_member<streams, &stream_config::filter>, "", 0, 0,
           "Which topics: a filter as for subscriptions, like \"plant/+/measurements/#\", without "
           "$share/. It has to be given."},
    option{"stream", "max-age", &item_member<streams, &stream_config::max_age>, "seconds", 0,
           any_retention, "Messages that are older are dropped. 0: no limit."},
    option{"stream", "max-bytes", &item_member<streams, &stream_config::max_bytes>, "bytes", 0,
           any_size,
           "Most bytes of the stream's messages; beyond it the oldest are dropped. 0: no limit."},

    option{"cluster", "listen", &member<cluster, &cluster_config::listen>, "", 0, 0,
           "Where other nodes connect: host:port, IPv6 in brackets; port 0 stands for any free "
           "one. What is not loopback needs a secret or [cluster.tls]. Empty: the node is not in "
           "a cluster."},
    option{"cluster", "advertise", &member<cluster, &cluster_config::advertise>, "", 0, 0,
           "host:port under which other nodes reach this one. Empty: as in listen."},
    option{"cluster", "client-address", &member<cluster, &cluster_config::client_address>, "", 0, 0,
           "host:port under which clients reach this node; what clients of a node that is drained "
           "are told. Empty: none."},
    option{"cluster", "seeds", &member<cluster, &cluster_config::seeds>, "", 0, 0,
           "Some members of the cluster, each as host:port; it is enough that one of them "
           "answers. Empty: this node waits for others."},
    option{"cluster", "secret", &member<cluster, &cluster_config::secret>, "", 0, 0,
           "What every node knows and nobody else: a node without it is not let in. It does not "
           "hide what nodes send each other, [cluster.tls] does. Better in a variable or in "
           "secret-file than on the command line, which other users of the machine see. Empty: "
           "none.",
           true},
    option{"cluster", "secret-file", &member<cluster, &cluster_config::secret_file>, "", 0, 0,
           "File that holds the secret. Empty: none."},
    option{"cluster", "heartbeat", &member<cluster, &cluster_config::heartbeat>, "milliseconds", 10,
           60'000, "Something is sent to every other node at least so often."},
    option{"cluster", "missed-heartbeats", &member<cluster, &cluster_config::missed_heartbeats>,
           "heartbeats", 1, 1000,
           "After so many that did not come in a row the link to a node is given up."},
    option{"cluster", "credit", &member<cluster, &cluster_config::credit>, "bytes", 64 * kibibyte,
           any_size, "Most bytes of messages sent to another node that it has not handled yet."},
    option{"cluster", "subscribe-wait", &member<cluster, &cluster_config::subscribe_wait>,
           "milliseconds", 0, 60'000,
           "Longest time that a SUBACK waits until other nodes know of the subscription. 0: it "
           "does not wait."},
    option{"cluster", "dead-after", &member<cluster, &cluster_config::dead_after>, "seconds", 1,
           any_day,
           "A node to which no other has had a link for so long counts as dead: its clients' wills "
           "are published."},

    option{"cluster.tls", "certificate",
           &inner_member<cluster, cluster_tls, &cluster_tls_config::certificate>, "", 0, 0,
           "PEM file with this node's certificate and those between it and the authority's."},
    option{"cluster.tls", "key", &inner_member<cluster, cluster_tls, &cluster_tls_config::key>, "",
           0, 0, "PEM file with the key of the certificate."},
    option{"cluster.tls", "ca", &inner_member<cluster, cluster_tls, &cluster_tls_config::ca>, "", 0,
           0, "PEM file with the authority's certificate, by which other nodes are checked."},

    option{"sys", "interval", &member<sys, &sys_config::interval>, "seconds", 0, any_year,
           "Time between two publications. 0: off."},

    option{"log", "level", &member<log_, &log_config::level>, "", 0, 0,
           "Least important lines that are written."},
    option{"log", "format", &member<log_, &log_config::format>, "", 0, 0,
           "\"text\" writes key=value, \"json\" one object per line."},
    option{"log", "file", &member<log_, &log_config::file>, "", 0, 0,
           "Path to append to. Empty: standard error."},

    option{"shutdown", "deadline", &member<shutdown_, &shutdown_config::deadline>, "milliseconds",
           1, any_day * 1000, "Longest time to finish and to say goodbye to clients and peers."},
};

}  // namespace

std::span<const option> options() noexcept { return option_table; }

std::span<const section> sections() noexcept { return section_table; }

}  // namespace troupe
