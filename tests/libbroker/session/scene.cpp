#include "tests/libbroker/session/scene.hpp"

#include "tests/libbroker/codec/packet_line.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>

namespace troupe::test {

namespace {

std::string properties_of(const script_message& message) {
  std::string wire;
  if (message.expiry) {
    wire += '\x02';
    for (int shift = 24; shift >= 0; shift -= 8)
      wire += static_cast<char>(*message.expiry >> shift);
  }
  if (message.alias != 0) {
    wire += '\x23';
    wire += static_cast<char>(message.alias >> 8);
    wire += static_cast<char>(message.alias);
  }
  return wire;
}

publish to_packet(const script_message& message, std::string_view properties) {
  return {.dup = message.dup,
          .qos = message.qos,
          .retain = message.retain,
          .topic = message.topic,
          .id = message.id,
          .payload = as_bytes(message.payload),
          .topic_alias = message.alias,
          .has_message_expiry_interval = message.expiry.has_value(),
          .message_expiry_interval = message.expiry.value_or(0),
          .properties = as_bytes(properties)};
}

void add(session_effects::counters& sum, const session_effects::counters& more) {
  sum.publishes_received += more.publishes_received;
  sum.publishes_sent += more.publishes_sent;
  sum.publish_bytes_received += more.publish_bytes_received;
  sum.publish_bytes_sent += more.publish_bytes_sent;
  sum.packets_received += more.packets_received;
  sum.packets_sent += more.packets_sent;
  sum.dropped_output_full += more.dropped_output_full;
  sum.dropped_queue_full += more.dropped_queue_full;
  sum.dropped_expired += more.dropped_expired;
  sum.dropped_too_large += more.dropped_too_large;
}

}  // namespace

message_block_ptr make_block(const std::vector<script_message>& messages, time_point now,
                             protocol_version version, std::uint64_t publisher) {
  message_block_builder builder;
  for (const script_message& message : messages) {
    const std::string properties = properties_of(message);
    builder.add(to_packet(message, properties), message.topic, version);
  }
  return builder.seal({.publisher = publisher, .connection_epoch = 1, .received_at = now});
}

std::string text_of(const message_block& block, std::uint32_t index) {
  return std::string(block.topic(block[index])) + ' ' +
         std::string(as_text(block.payload(block[index])));
}

// -- the client -------------------------------------------------------------------

connect scene::request_v5() {
  return {.version = protocol_version::v5, .client_id = "client", .session_expiry_interval = 100};
}

connect scene::request_v3(bool clean_session) {
  return {.version = protocol_version::v3_1_1, .clean_start = clean_session, .client_id = "client"};
}

void scene::attach(const connect& request) {
  BOOST_TEST_REQUIRE(!machine.connected());
  closed = ended = false;
  close_reason.reset();
  version_ = request.version;
  maximum_packet_size_ = request.maximum_packet_size;
  machine.attach(request, false, now, effects);
  collect();
}

void scene::online(const connect& request) {
  attach(request);
  BOOST_TEST(received().starts_with("CONNACK"));
}

void scene::send(const any_packet& packet) { send(as_text(encode_any(packet, version_).view())); }

void scene::send(std::string_view wire) {
  // An allocation of the very size, so that a sanitizer sees each read behind it.
  const std::vector<char> exact(wire.begin(), wire.end());
  machine.receive(as_bytes({exact.data(), exact.size()}), now, effects);
  collect();
}

void scene::publish(const script_message& message) {
  const std::string properties = properties_of(message);
  send(to_packet(message, properties));
}

void scene::respond(packet_type type, packet_id id, reason_code code) {
  send(typed_response{type, {.id = id, .code = code}});
}

void scene::subscribe(std::string_view filter, subscription_options options, packet_id id,
                      std::uint32_t identifier) {
  send(troupe::subscribe{
      .id = id, .subscription_identifier = identifier, .entries = {{filter, options}}});
}

void scene::unsubscribe(std::string_view filter, packet_id id) {
  send(troupe::unsubscribe{.id = id, .filters = {filter}});
}

void scene::subscribed(std::string_view filter, subscription_options options,
                       std::uint32_t identifier) {
  subscribe(filter, options, 1, identifier);
  answer();
  BOOST_TEST(received().starts_with("SUBACK 1 0"));
}

void scene::disconnect(reason_code code, std::optional<std::uint32_t> expiry) {
  send(troupe::disconnect{.code = code, .session_expiry_interval = expiry});
}

void scene::lose() {
  machine.connection_lost(now, effects);
  collect();
}

void scene::dismiss(reason_code code) {
  machine.dismiss(code, now, effects);
  collect();
}

void scene::wait(std::chrono::milliseconds span) {
  const time_point end = now + span;
  while (machine.deadline() && *machine.deadline() <= end) {
    now = std::max(now, *machine.deadline());
    machine.tick(now, effects);
    collect();
  }
  now = end;
}

std::string scene::received() { return std::exchange(received_, {}); }

void scene::stall(bool on) {
  stalled_ = on;
  if (!on) collect();
}

void scene::collect() {
  bool drained = true;
  while (drained) {
    for (routing_request& each : effects.requests)
      requests.push_back({std::move(each), machine.epoch()});
    machine.keep_progress(now, effects);
    for (share_call& each : effects.reports)
      reports.push_back(std::move(each));
    if (effects.write.number != 0) writes.push_back(std::exchange(effects.write, {}));
    if (effects.read_retained) {
      BOOST_TEST(!read.has_value(), "one page at a time");
      read = effects.read_retained;
    }
    for (log_request& each : effects.read_log)
      reads.push_back(std::move(each));
    presence_changes += effects.presence_changed ? 1 : 0;
    ended |= effects.session_ended;
    if (effects.close_reason) close_reason = effects.close_reason;
    add(counted, effects.counted);
    const bool closes = effects.close_connection;
    closed |= closes;
    effects.clear();

    drained = !stalled_ && !machine.output().empty();
    if (drained) take_output();
    if (closes) {
      machine.output().clear();
      wire_.clear();
      read.reset();
    }
    if (drained) machine.output_drained(now, effects);
  }
}

void scene::take_output() {
  output_queue& output = machine.output();
  while (!output.empty()) {
    std::array<byte_view, 3> views;
    const std::size_t count = output.gather(views);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i != count; ++i) {
      wire_ += as_text(views[i]);
      bytes += views[i].size();
    }
    output.consume(bytes);
  }
  read_packets();
}

void scene::read_packets() {
  std::string_view rest = wire_;
  while (!rest.empty()) {
    const auto scanned = scan_frame(as_bytes(rest), 0);
    BOOST_TEST_REQUIRE(scanned.has_value());
    BOOST_TEST_REQUIRE((scanned->status == frame_scan::status::complete));
    const std::size_t size = scanned->size;
    BOOST_TEST((maximum_packet_size_ == 0 || size <= maximum_packet_size_),  // [MQTT5-3.1.2-24]
               "packet of " << size << " bytes for a client that takes " << maximum_packet_size_);
    const auto decoded = decode_any(scanned->packet, version_, role::client);
    BOOST_TEST_REQUIRE(decoded.has_value(), describe(decoded));
    if (const auto* p = std::get_if<connack>(&*decoded)) {
      answered = *p;
      answered.assigned_client_identifier.reset();  // a view
      answered.response_information = {};
    }
    if (on_packet)
      on_packet(*decoded);
    else
      received_ += packet_line(*decoded);
    rest.remove_prefix(size);
  }
  wire_.clear();
}

// -- the shards -------------------------------------------------------------------

void scene::answer() {
  while (!requests.empty()) {
    const request next = std::move(requests.front());
    requests.pop_front();
    if (next.epoch != machine.epoch()) continue;
    if (const auto* p = std::get_if<shard_publish>(&next.what))
      machine.accepted(*p->block, effects);
    else if (const auto* p = std::get_if<shard_subscribe>(&next.what))
      machine.subscribed(p->shard, p->number, 0, {}, effects);
    else if (const auto* p = std::get_if<shard_unsubscribe>(&next.what); p && p->number != 0)
      machine.unsubscribed(p->number, 0, now, effects);
    else if (const auto* p = std::get_if<share_call>(&next.what))
      answer(*p);
    collect();
  }
}

void scene::answer(const share_call& call) {
  if (const auto* p = std::get_if<share_join>(&call.what); p && p->number != 0)
    machine.subscribed(0, p->number, 0, {}, effects);
  else if (const auto* p = std::get_if<share_leave>(&call.what); p && p->number != 0)
    machine.unsubscribed(p->number, 0, now, effects);
}

void scene::write(bool done) {
  while (!writes.empty()) {
    const write_number number = writes.front().number;
    writes.pop_front();
    machine.written(number, done, now, effects);
    collect();
  }
}

std::vector<message_block_ptr> scene::blocks() {
  std::vector<message_block_ptr> found;
  for (const request& each : std::exchange(requests, {}))
    if (const auto* p = std::get_if<shard_publish>(&each.what)) found.push_back(p->block);
  return found;
}

std::string scene::routed() {
  std::string lines;
  for (const message_block_ptr& block : blocks())
    for (std::uint32_t i = 0; i != block->size(); ++i)
      lines += text_of(*block, i) + '\n';
  return lines;
}

void scene::accept(const message_block_ptr& block) {
  machine.accepted(*block, effects);
  collect();
}

void scene::deliver(const std::vector<script_message>& messages, delivery_options options,
                    protocol_version version, std::uint64_t publisher) {
  const message_block_ptr block = make_block(messages, now, version, publisher);
  delivery batch;
  for (std::uint32_t i = 0; i != block->size(); ++i)
    batch.add(block, i);
  machine.deliver(batch, options, 0, now, effects);
  collect();
}

void scene::retained_page(const std::vector<script_message>& messages, bool done,
                          std::uint64_t publisher) {
  BOOST_TEST_REQUIRE(read.has_value());
  const shard_read_retained asked = *std::exchange(read, std::nullopt);
  retained_reply(asked, messages, done, publisher);
}

void scene::retained_reply(const shard_read_retained& asked,
                           const std::vector<script_message>& messages, bool done,
                           std::uint64_t publisher) {
  retained_store::page page;
  for (const script_message& message : messages)
    page.messages.push_back(make_block({message}, now, protocol_version::v5, publisher));
  page.next = asked.from;
  page.next.started = true;
  if (!messages.empty()) page.next.after = messages.back().topic;
  page.done = done;
  machine.retained_read(asked.number, page, now, effects);
  collect();
}

// -- the log ------------------------------------------------------------------------

namespace {

/// The oldest that asks where a replay begins, or does not.
log_request next_of(std::deque<log_request>& reads, bool asks_for_begin) {
  const auto found = std::find_if(reads.begin(), reads.end(), [&](const log_request& each) {
    return each.start.has_value() == asks_for_begin;
  });
  BOOST_TEST_REQUIRE((found != reads.end()));
  log_request next = std::move(*found);
  reads.erase(found);
  return next;
}

log_run run_of(const logged_message& message) {
  const std::string properties = properties_of(message.what) + message.properties;
  message_block_builder builder;
  builder.add(to_packet(message.what, properties), message.what.topic, protocol_version::v5);
  message_block_ptr block =
      builder.seal({.received_at = time_point(message.received_at.time_since_epoch())});
  const std::uint32_t only = 0;
  message_block::place_in_log(*block, {&only, 1}, message.offset);
  return {.publisher = message.publisher,
          .received_at = message.received_at,
          .block = std::move(block)};
}

}  // namespace

void scene::begin_replay(log_offset after, log_offset oldest) {
  machine.replay_found(next_of(reads, true).number, {.after = after, .oldest = oldest}, now,
                       effects);
  collect();
}

void scene::refuse_replay() {
  machine.replay_found(next_of(reads, true).number, {.failed = true}, now, effects);
  collect();
}

void scene::page(const std::vector<logged_message>& messages, log_offset reached) {
  const request_number number = next_of(reads, false).number;
  log_page page;
  for (const logged_message& each : messages)
    page.runs.push_back(run_of(each));
  page.messages = messages.size();
  page.reached = reached;
  machine.log_read(number, std::move(page), false, now, effects);
  collect();
}

void scene::fail_page() {
  machine.log_read(next_of(reads, false).number, {}, true, now, effects);
  collect();
}

std::string scene::asked() const {
  std::string lines;
  for (const log_request& each : reads) {
    std::string filters;
    for (const std::string& filter : each.page.filters)
      filters += ' ' + filter;
    if (each.start)
      lines += "begin" + filters;
    else if (each.follows)
      lines += "follow" + filters + " after " + std::to_string(each.page.after);
    else if (each.offsets.empty())
      lines += "read" + filters + " after " + std::to_string(each.page.after);
    else
      lines += "get";
    for (const log_offset offset : each.offsets)
      lines += ' ' + std::to_string(offset);
    lines += '\n';
  }
  return lines;
}

}  // namespace troupe::test
