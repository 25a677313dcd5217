#include "libbroker/session/session.hpp"
#include "tests/fuzz/codec_fuzz.hpp"
#include "tests/fuzz/session_fuzz.hpp"
#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace troupe::test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t own_number = 7;

void must(bool holds, const char* promise) { fuzz_expect(holds, promise, ""); }

/// The script's bytes, one by one; zeros behind the end.
class reader_of_script {
public:
  explicit reader_of_script(byte_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool more() const noexcept { return !rest_.empty(); }
  std::uint8_t next() {
    if (rest_.empty()) return 0;
    const auto value = std::to_integer<std::uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }
  std::string_view take(std::size_t count) {
    const byte_view taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return as_text(taken);
  }

private:
  byte_view rest_;
};

config make_settings(reader_of_script& script) {
  config made;
  const unsigned windows = script.next();
  made.session.receive_maximum = static_cast<std::uint16_t>(1 + windows % 4);
  made.session.max_in_flight = static_cast<std::uint16_t>(1 + windows / 4 % 4);
  made.session.topic_alias_maximum = static_cast<std::uint16_t>(windows / 16 % 4);
  made.session.outbound_topic_aliases = static_cast<std::uint16_t>(windows / 64);
  const unsigned queues = script.next();
  made.session.max_queued_messages = 1 + queues % 8;
  made.session.max_queued_bytes = queues / 8 % 2 == 0 ? 100'000 : 300;
  made.limits.output_buffer = std::size_t{64} << (queues / 16 % 8);
  const unsigned features = script.next();
  if (features % 4 == 3) made.features.max_qos = qos::at_least_once;
  made.features.retain_available = (features & 0x04) == 0;
  made.features.wildcard_subscriptions = (features & 0x08) == 0;
  made.features.shared_subscriptions = (features & 0x10) == 0;
  made.features.subscription_identifiers = (features & 0x20) == 0;
  if ((features & 0x40) != 0) made.features.response_information_prefix = "r/";
  if ((features & 0x80) != 0) made.session.max_keep_alive = 7s;
  const unsigned limits = script.next();
  made.limits.max_packet_size = std::size_t{64} << (limits % 8);
  made.limits.max_subscriptions_per_session = 1 + limits / 8 % 8;
  made.scheduler.batch_messages = 1 + limits / 64;
  made.limits.max_topic_levels = made.limits.max_filter_levels = 4;
  const unsigned node = script.next();
  made.scheduler.shards = node % 3;  // and one more
  if (node >= 128) made.node.data_dir = "data";
  return made;
}

class play {
public:
  explicit play(byte_view script)
      : script_(script),
        settings_(make_settings(script_)),
        shards_(1 + settings_.scheduler.shards),
        machine_(shared_text("client"), own_number, host_) {}

  void run() {
    while (script_.more())
      step();
    settle();
  }

private:
  // -- what the model remembers

  /// A QoS 1 or 2 message that went to the client and is not completed.
  struct sent_message {
    troupe::qos qos{};
    std::uint32_t number = 0;  // in its payload
    bool released = false;
    bool charged = false;       // went over this connection
    bool perhaps_gone = false;  // may be too large for the client that came back
  };
  struct shard_task {
    routing_request what;
    std::uint32_t epoch = 0;
  };
  struct retained_task {
    shard_read_retained what;
    std::uint32_t connection_epoch = 0;
  };
  /// What the session sent in one call.
  struct answer {
    packet_type type{};
    packet_id id = 0;
    reason_code code{};
    friend bool operator==(const answer&, const answer&) = default;
  };
  /// What waits for the disk.
  struct write_task {
    write_number number = 0;
    std::uint32_t epoch = 0;
    std::uint32_t connection_epoch = 0;
    std::vector<answer> owed;  ///< if it succeeds
  };

  // -- steps

  void step() {
    switch (script_.next() % 18) {
    case 0: attach(); break;
    case 1: client_sends(script_.take(script_.next())); break;
    case 2: client_sends_body(); break;
    case 3:
    case 4: client_publishes(); break;
    case 5: client_responds(); break;
    case 6: client_subscribes(); break;
    case 7: client_unsubscribes(); break;
    case 8:
    case 9: shard_answers(script_.next()); break;
    case 10:
    case 11: somebody_publishes(); break;
    case 12: retained_page(); break;
    case 13: time_passes(); break;
    case 14: lose(); break;
    case 15: dismiss(); break;
    case 16: stalled_ = !stalled_; break;
    default: drain(std::size_t{16} * script_.next()); break;
    }
    if (!stalled_) drain(static_cast<std::size_t>(-1));
  }

  void attach() {
    static constexpr std::array versions{protocol_version::v5, protocol_version::v5,
                                         protocol_version::v3_1_1, protocol_version::v3_1};
    const unsigned first = script_.next();
    const unsigned second = script_.next();
    const unsigned third = script_.next();
    if (machine_.connected()) {  // a take-over
      machine_.dismiss(reason_code::session_taken_over, now_, effects_);
      collect();
    }
    connect request{.version = versions[first % 4], .clean_start = (first & 0x04) != 0};
    request.keep_alive = static_cast<std::uint16_t>(third % 4 * 5);
    if (request.version == protocol_version::v5) {
      request.session_expiry_interval = std::array{0U, 10U, 100U, 0xFFFFFFFFU}[first / 16 % 4];
      request.receive_maximum = static_cast<std::uint16_t>(1 + second % 4);
      request.maximum_packet_size = second / 4 % 8 * 16;
      request.topic_alias_maximum = static_cast<std::uint16_t>(second / 32 % 4);
      request.request_problem_information = second < 128;
      request.request_response_information = first >= 128;
    }
    if ((first & 0x08) != 0)
      request.will = will{.topic = "will",
                          .payload = as_bytes("w"),
                          .qos = static_cast<qos>(third / 16 % 3),
                          .delay_interval = third / 4 % 4 * 5};
    receive_maximum_ = request.receive_maximum;
    maximum_packet_size_ = request.maximum_packet_size;
    greeted_ = false;
    machine_.attach(request, (third & 0x80) != 0, now_, effects_);
    forget_ended_session();
    for (auto& [id, message] : window_) {
      message.charged = false;
      message.perhaps_gone |= maximum_packet_size_ != 0 && !message.released;
    }
    collect();
  }

  void client_sends_body() {
    const unsigned head = script_.next();
    const std::string_view body = script_.take(script_.next() % 128U);
    std::string wire{static_cast<char>(head), static_cast<char>(body.size())};
    client_sends(wire += body);
  }

  void client_publishes() {
    static constexpr std::array<std::string_view, 8> topics{
        "a", "a/b", "c", "$SYS/x", "deep/1/2/3/4", "d", "", "a"};
    const unsigned first = script_.next();
    const unsigned second = script_.next();
    publish packet{.dup = (first & 0x04) != 0,
                   .qos = static_cast<qos>(first % 3),
                   .retain = (first & 0x08) != 0,
                   .topic = topics[first / 16 % 8],
                   .id = static_cast<packet_id>(1 + second % 6)};
    const std::string payload(second / 8 % 32, 'p');
    packet.payload = as_bytes(payload);
    if (packet.qos == qos::at_most_once) packet.id = 0;
    const std::string properties = {'\x23', 0, static_cast<char>(first / 64)};
    if (first >= 128) packet.properties = as_bytes(properties);
    client_sends(packet);
  }

  void client_responds() {
    const unsigned first = script_.next();
    const auto type = static_cast<packet_type>(4 + first % 4);
    client_sends(typed_response{
        type,
        {.id = static_cast<packet_id>(1 + first / 4 % 8),
         .code = first >= 128 ? reason_code::unspecified_error : reason_code::success}});
  }

  [[nodiscard]] std::string_view filter(unsigned choice) const {
    static constexpr std::array<std::string_view, 8> filters{
        "a", "a/b", "c", "+", "#", "$share/g/a", "$share/g/#", "a/+"};
    return filters[choice % 8];
  }

  static unsigned filters_of(unsigned choice) noexcept {
    return std::array{1U, 2U, 3U, 20U}[choice / 4 % 4];
  }

  void client_subscribes() {
    const unsigned first = script_.next();
    const unsigned options = script_.next();
    subscribe packet{.id = static_cast<packet_id>(1 + first % 4),
                     .subscription_identifier = options / 64};
    for (unsigned i = 0; i != filters_of(first); ++i)
      packet.entries.push_back(
          {filter(first / 16 + i),
           {.qos = static_cast<qos>(options % 3),
            .no_local = (options & 0x04) != 0 && machine_.version() == protocol_version::v5,
            .retain_as_published = (options & 0x08) != 0,
            .retain_handling = static_cast<retain_handling>(options / 16 % 3)}});
    client_sends(packet);
  }

  void client_unsubscribes() {
    const unsigned first = script_.next();
    unsubscribe packet{.id = static_cast<packet_id>(1 + first % 4)};
    for (unsigned i = 0; i != filters_of(first); ++i)
      packet.filters.push_back(filter(first / 16 + i));
    client_sends(packet);
  }

  /// The oldest request of one shard is answered.
  void shard_answers(unsigned choice) {
    if (choice >= 192) return disk_answers(choice % 8 != 0);
    const shard_index shard = choice % shards_;
    const auto asked = std::find_if(tasks_.begin(), tasks_.end(), [&](const shard_task& task) {
      return shard_of_task(task.what) == shard;
    });
    if (asked == tasks_.end()) return;
    const shard_task task = std::move(*asked);
    tasks_.erase(asked);
    if (ended_ || task.epoch != machine_.epoch()) return;
    if (const auto* p = std::get_if<shard_publish>(&task.what)) return accept(*p->block);
    if (const auto* p = std::get_if<shard_subscribe>(&task.what)) {
      std::vector<std::uint32_t> with_retained;
      for (std::size_t i = 0; i != p->filters.size(); ++i)
        if ((choice >> (3 + i % 4) & 1) != 0) with_retained.push_back(p->filters[i].position);
      machine_.subscribed(shard, p->number, 1, with_retained, effects_);
    } else if (const auto* p = std::get_if<shard_unsubscribe>(&task.what); p && p->number != 0) {
      machine_.unsubscribed(p->number, 0, now_, effects_);
    } else if (const auto* call = std::get_if<share_call>(&task.what)) {
      if (const auto* joins = std::get_if<share_join>(&call->what); joins && joins->number != 0)
        machine_.subscribed(0, joins->number, 0, {}, effects_);
      if (const auto* leaves = std::get_if<share_leave>(&call->what); leaves && leaves->number != 0)
        machine_.unsubscribed(leaves->number, 0, now_, effects_);
    }
    collect();
  }

  /// Share groups answer as the first shard does.
  static shard_index shard_of_task(const routing_request& task) {
    return std::visit(
        [](const auto& request) -> shard_index {
          if constexpr (requires { request.shard; })
            return request.shard;
          else
            return 0;
        },
        task);
  }

  /// Each QoS 1 or 2 message is acknowledged now, once, if its client still waits.
  void accept(const message_block& block) {
    std::vector<answer> due;
    for (std::uint32_t i = 0; i != block.size(); ++i) {
      const message_entry& entry = block[i];
      if (entry.qos == qos::at_least_once) {
        if (machine_.connected() && block.connection_epoch() == machine_.connection_epoch())
          due.push_back({packet_type::puback, entry.id, reason_code::success});
      } else if (const auto at = inbound_.find(entry.id);
                 entry.qos == qos::exactly_once && at != inbound_.end() && !at->second) {
        due.push_back({packet_type::pubrec, entry.id, reason_code::success});
      }
    }
    machine_.accepted(block, effects_);
    const bool waits = effects_.write.number != 0;
    collect();
    if (waits)
      std::erase_if(due, [&](const answer& each) {
        const bool owed = each.type == packet_type::pubrec;
        if (owed) writes_.back().owed.push_back(each);
        return owed;
      });
    book_pubrecs(due);
    must(answers_ == due, "what a shard accepted is acknowledged once");
  }

  /// `due` were sent if the client is there; the first of each message counts.
  void book_pubrecs(std::vector<answer>& due) {
    for (const answer& each : due)
      if (each.type == packet_type::pubrec) inbound_.at(each.id) = true;
    if (!machine_.connected())
      std::erase_if(due, [](const answer& each) { return each.type == packet_type::pubrec; });
  }

  /// The oldest write is done, or fails: what waited for it is answered now.
  void disk_answers(bool done) {
    if (writes_.empty()) return;
    const write_task task = std::move(writes_.front());
    writes_.pop_front();
    if (ended_ || task.epoch != machine_.epoch()) return;
    machine_.written(task.number, done, now_, effects_);
    collect();
    std::vector<answer> due;
    for (answer each : task.owed) {
      // The client may have released it without waiting. If it has sent another one by the
      // identifier meanwhile, it gets the answer for that.
      if (each.type == packet_type::pubrec && !inbound_.contains(each.id)) continue;
      if (each.type == packet_type::pubrec && !done) {
        inbound_.erase(each.id);
        if (!machine_.connected() || machine_.version() != protocol_version::v5) continue;
        each.code = reason_code::quota_exceeded;
      } else if (each.type == packet_type::pubrec) {
        inbound_.at(each.id) = true;
        if (!machine_.connected()) continue;
      } else if (!done || !machine_.connected() ||
                 task.connection_epoch != machine_.connection_epoch()) {
        continue;
      }
      due.push_back(each);
    }
    // PUBREL waits, too.
    std::erase_if(answers_, [](const answer& each) { return each.type == packet_type::pubrel; });
    must(answers_ == due, "what waited for the disk is answered once");
  }

  message_block_ptr make_block(unsigned count, std::uint64_t publisher, protocol_version version) {
    static constexpr std::array sizes{0U, 1U, 10U, 30U, 60U, 100U, 1200U, 3000U};
    static constexpr std::array<std::string_view, 4> topics{"a", "a/b", "some/longer/topic", "b"};
    message_block_builder builder;
    for (unsigned i = 0; i != count; ++i) {
      const unsigned how = script_.next();
      ++number_;
      std::string payload;
      for (int shift = 24; shift >= 0; shift -= 8)
        payload += static_cast<char>(number_ >> shift);
      payload.append(sizes[how / 32], '.');
      const unsigned expiry = how / 8 % 4;
      const std::string properties{'\x02', 0, 0, 0, static_cast<char>(10 * (expiry - 1))};
      publish packet{.qos = static_cast<qos>(how % 3),
                     .retain = (how & 0x04) != 0,
                     .topic = topics[(how + number_) % 4],
                     .payload = as_bytes(payload)};
      if (expiry != 0 && version == protocol_version::v5) {
        packet.has_message_expiry_interval = true;
        packet.message_expiry_interval = 10 * (expiry - 1);
        packet.properties = as_bytes(properties);
      }
      builder.add(packet, packet.topic, version);
    }
    return builder.seal({.publisher = publisher, .received_at = now_});
  }

  void somebody_publishes() {
    const unsigned first = script_.next();
    const unsigned second = script_.next();
    if (ended_) return;
    const auto version = (second & 0x10) != 0 ? protocol_version::v3_1_1 : protocol_version::v5;
    const std::uint64_t publisher = (second & 0x08) != 0 ? own_number : 1;
    delivery messages;
    const auto add = [&](const message_block_ptr& block) {
      for (std::uint32_t i = 0; i != block->size(); ++i)
        messages.add(block, i);
    };
    add(make_block(1 + first % 4, publisher, version));
    if (first >= 128) add(make_block(1, 2, protocol_version::v3_1));
    delivery_options options{.maximum_qos = static_cast<qos>(first / 4 % 3),
                             .retain_as_published = (first & 0x20) != 0,
                             .no_local = (first & 0x40) != 0,
                             .retained = (first & 0x10) != 0};
    std::vector<std::uint32_t> identifiers;
    if (machine_.version() == protocol_version::v5)
      for (unsigned i = 0; i != second % 4; ++i)
        identifiers.push_back(1 + 200 * i);
    const bool shared = (second & 0x04) != 0;
    if (shared || !identifiers.empty())
      options.details = make_match_details(identifiers, shared ? "$share/g/#" : "");
    machine_.deliver(messages, options, 0, now_, effects_);
    collect();
  }

  void retained_page() {
    const unsigned first = script_.next();
    if (reads_.empty()) return;
    const auto asked = reads_.begin() + first / 8 % static_cast<int>(reads_.size());
    const retained_task task = *asked;
    reads_.erase(asked);
    retained_store::page page;
    for (unsigned i = 0; i != first % 4; ++i)
      page.messages.push_back(make_block(1, 1, protocol_version::v5));
    page.next = task.what.from;
    page.next.started = true;
    page.done = (first & 0x04) != 0;
    if (ended_ || task.connection_epoch != machine_.connection_epoch()) return;
    machine_.retained_read(task.what.number, page, now_, effects_);
    collect();
  }

  void time_passes() {
    static constexpr std::array<std::chrono::milliseconds, 8> spans{1ms, 100ms, 1s,   2s,
                                                                    5s,  15s,   100s, 1h};
    const unsigned first = script_.next();
    now_ += spans[first % 8];
    if ((first & 0x08) != 0) machine_.reading_paused(now_);
    for (int i = 0; i != 4 && !ended_ && machine_.deadline() && *machine_.deadline() <= now_; ++i) {
      machine_.tick(now_, effects_);
      collect();
    }
    must(ended_ || !machine_.deadline() || *machine_.deadline() > now_, "a tick does what is due");
  }

  void lose() {
    machine_.connection_lost(now_, effects_);
    collect();
  }

  void dismiss() {
    machine_.dismiss(reason_code::server_shutting_down, now_, effects_);
    collect();
  }

  void drain(std::size_t at_most) {
    output_queue& output = machine_.output();
    while (at_most != 0 && !output.empty()) {
      const std::size_t some = std::min(at_most, output.size());
      output.consume(some);
      parsed_ -= some;
      at_most -= some;
      machine_.output_drained(now_, effects_);
      collect();
    }
  }

  // -- the client's bytes

  void client_sends(const any_packet& packet) {
    client_sends(as_text(encode_any(packet, machine_.version()).view()));
  }

  /// Feeds whole runs of packets; each acknowledgement alone, so that the model
  /// knows the order of what follows from it.
  void client_sends(std::string_view bytes) {
    // A caller reads from nobody who does not read.
    if (!machine_.connected() || machine_.output().size() > settings_.limits.output_buffer) return;
    client_bytes_ += bytes.size();
    arrived_ += bytes;
    std::size_t run = 0;
    while (machine_.connected()) {
      const auto scanned = scan_frame(as_bytes(arrived_).subspan(run), 0);
      const bool whole = scanned && scanned->status == frame_scan::status::complete;
      const bool alone = whole && scanned->packet.type >= packet_type::puback &&
                         scanned->packet.type <= packet_type::pubcomp;
      if (whole && !alone) {
        run += scanned->size;
        continue;
      }
      if (run != 0 || !whole) receive(run == 0 || !whole ? arrived_.size() : run);
      run = 0;
      if (!whole) return;
      if (alone && machine_.connected()) receive_response(scanned->size);
    }
  }

  struct run_counts {
    std::ptrdiff_t qos1 = 0;
    std::ptrdiff_t pings = 0;
  };

  /// What the session will make of the first `size` bytes, if it takes them all.
  run_counts look_at(std::size_t size) {
    run_counts counts;
    for (byte_view rest = as_bytes(arrived_).first(size); !rest.empty();) {
      const auto scanned = scan_frame(rest, settings_.limits.max_packet_size);
      if (!scanned || scanned->status == frame_scan::status::incomplete) break;
      rest = rest.subspan(scanned->size);
      const auto packet = decode_any(scanned->packet, machine_.version(), role::server);
      if (!packet) break;
      if (const auto* p = std::get_if<publish>(&*packet)) {
        counts.qos1 += p->qos == qos::at_least_once ? 1 : 0;
      } else if (const auto* p = std::get_if<subscribe>(&*packet)) {
        requests_.insert({{packet_type::suback, p->id}, p->entries.size()});
      } else if (const auto* p = std::get_if<unsubscribe>(&*packet)) {
        requests_.insert({{packet_type::unsuback, p->id}, p->filters.size()});
      } else if (std::holds_alternative<pingreq>(*packet)) {
        ++counts.pings;
      }
    }
    return counts;
  }

  void feed(std::size_t size) {
    const exact_copy input(as_bytes(arrived_).first(size));
    const std::size_t taken = machine_.receive(input.view(), now_, effects_);
    must(taken <= size, "no more is taken than was given");
    arrived_.erase(0, taken);
  }

  void receive(std::size_t size) {
    const run_counts counts = look_at(size);
    feed(size);
    const auto inbound_before = inbound_;
    collect();
    const auto answered = [&](packet_type type) {
      return std::count_if(answers_.begin(), answers_.end(),
                           [&](const answer& each) { return each.type == type; });
    };
    for (const answer& each : answers_) {
      if (each.type != packet_type::pubrec || each.code != reason_code::success) continue;
      const auto known = inbound_before.find(each.id);
      if (machine_.version() == protocol_version::v5)
        must(known != inbound_before.end() && known->second,
             "PUBREC comes after the shard has the message");
      else if (machine_.connected())
        inbound_.try_emplace(each.id, true);  // refused, which 3.x cannot say
    }
    if (!machine_.connected()) return;
    must(answered(packet_type::puback) + routed_qos1_ == counts.qos1,
         "each QoS 1 message is routed or refused");
    must(answered(packet_type::pingresp) == counts.pings, "each PINGREQ is answered");
  }

  void receive_response(std::size_t size) {
    const auto scanned = scan_frame(as_bytes(arrived_), settings_.limits.max_packet_size);
    std::optional<answer> response;
    if (scanned && scanned->status == frame_scan::status::complete)
      if (const auto decoded = decode_publish_response(scanned->packet, machine_.version()))
        response = {scanned->packet.type, decoded->id, decoded->code};
    const bool was_known =
        response && response->type == packet_type::pubrel && inbound_.erase(response->id) != 0;
    if (response) complete(*response);
    feed(size);
    const bool waits = effects_.write.number != 0;
    collect();
    if (!response) return must(!machine_.connected(), "a malformed packet ends the connection");
    if (response->type != packet_type::pubrel) return;
    const bool told_so = machine_.version() != protocol_version::v5 || was_known;
    const answer expected{packet_type::pubcomp, response->id,
                          told_so ? reason_code::success
                                  : reason_code::packet_identifier_not_found};
    if (waits && was_known && machine_.connected()) return writes_.back().owed.push_back(expected);
    must(std::count(answers_.begin(), answers_.end(), expected) == 1,
         "each PUBREL is answered, once");
  }

  void complete(const answer& response) {
    const auto at = window_.find(response.id);
    if (at == window_.end()) return;
    sent_message& message = at->second;
    if (response.type == packet_type::puback) {
      if (message.qos == qos::at_least_once) window_.erase(at);
    } else if (response.type == packet_type::pubrec && message.qos == qos::exactly_once) {
      if (is_error(response.code))
        window_.erase(at);
      else
        message.released = true;
    } else if (response.type == packet_type::pubcomp && message.released) {
      window_.erase(at);
    }
  }

  // -- what the session did

  /// After every call of the session.
  void collect() {
    answers_.clear();
    routed_qos1_ = 0;
    machine_.keep_progress(now_, effects_);
    // A CONNECT can be refused, too.
    if (connected_before_ || machine_.connected() || (!greeted_ && effects_.close_connection)) {
      read_output();
    } else {
      must(machine_.output().empty(), "who is not connected is sent nothing");
    }
    for (routing_request& each : effects_.requests) {
      if (const auto* p = std::get_if<shard_publish>(&each); p != nullptr) book(*p->block);
      must(shard_of_task(each) < shards_, "requests go to shards that exist");
      tasks_.push_back({std::move(each), machine_.epoch()});
    }
    if (effects_.write.number != 0)
      writes_.push_back({.number = effects_.write.number,
                         .epoch = machine_.epoch(),
                         .connection_epoch = machine_.connection_epoch(),
                         .owed = {}});
    if (effects_.read_retained) {
      must(machine_.connected(), "retained messages are read for a client");
      must(std::none_of(reads_.begin(), reads_.end(),
                        [&](const retained_task& task) {
                          return task.connection_epoch == machine_.connection_epoch();
                        }),
           "retained messages are read one page at a time");
      reads_.push_back({*effects_.read_retained, machine_.connection_epoch()});
    }
    const bool closes = effects_.close_connection;
    must(closes || !effects_.close_reason, "a reason comes with its end");
    must(!(closes && machine_.connected()), "who is sent away is not connected");
    must(closes || machine_.connected() || !connected_before_, "who is cut off is closed");
    if (effects_.session_ended) ended_ = true;
    if (machine_.connected()) ended_ = false;
    effects_.clear();
    connected_before_ = machine_.connected();
    if (closes) {
      machine_.output().clear();
      parsed_ = 0;
      arrived_.clear();
      requests_.clear();
    }
    forget_ended_session();
    check_bounds();
  }

  void forget_ended_session() {
    if (machine_.epoch() == epoch_) return;
    epoch_ = machine_.epoch();
    window_.clear();
    inbound_.clear();
  }

  void book(const message_block& block) {
    if (block.connection_epoch() == 0) return;  // a will
    for (std::uint32_t i = 0; i != block.size(); ++i) {
      if (block[i].qos == qos::at_least_once) ++routed_qos1_;
      if (block[i].qos == qos::exactly_once)
        must(inbound_.try_emplace(block[i].id, false).second, "a QoS 2 message is routed once");
    }
  }

  void read_output() {
    if (machine_.output().size() == parsed_) return;
    std::array<byte_view, 256> views;
    const std::size_t count = machine_.output().gather(views);
    std::string all;
    for (const byte_view view : std::span(views).first(count))
      all += as_text(view);
    must(all.size() == machine_.output().size(), "all output can be seen");
    must(parsed_ <= all.size(), "output does not vanish");
    for (std::string_view rest = std::string_view(all).substr(parsed_); !rest.empty();) {
      const auto scanned = scan_frame(as_bytes(rest), 0);
      must(scanned && scanned->status == frame_scan::status::complete, "output is whole packets");
      const auto packet = decode_any(scanned->packet, machine_.version(), role::client);
      fuzz_expect(packet.has_value(), "output is packets of the client's version",
                  describe(packet));
      // A CONNACK that says so may be too large itself.
      fuzz_expect(maximum_packet_size_ == 0 || scanned->size <= maximum_packet_size_ ||
                      scanned->packet.type == packet_type::connack,
                  "packets are not larger than the client takes", describe(packet));
      must(!said_goodbye_ || scanned->packet.type == packet_type::connack,
           "nothing follows DISCONNECT");
      said_goodbye_ = false;
      must(greeted_ != (scanned->packet.type == packet_type::connack), "CONNACK is first, once");
      greeted_ = true;
      take(*packet, scanned->packet.type);
      rest.remove_prefix(scanned->size);
    }
    parsed_ = all.size();
  }

  void take(const any_packet& packet, packet_type type) {
    if (const auto* p = std::get_if<publish>(&packet)) {
      take_publish(*p);
    } else if (const auto* p = std::get_if<typed_response>(&packet)) {
      answers_.push_back({type, p->packet.id, p->packet.code});
      if (type == packet_type::pubrel && p->packet.code == reason_code::success) {
        const bool is_certain = machine_.version() == protocol_version::v5;
        // A client that has said so before it was sent the message is to complete that, too.
        const auto at = window_
                            .try_emplace(p->packet.id, sent_message{.qos = qos::exactly_once,
                                                                    .released = true,
                                                                    .perhaps_gone = true})
                            .first;
        must(!is_certain || at->second.released, "PUBREL is for what was received");
      }
    } else if (const auto* p = std::get_if<suback>(&packet)) {
      take_reply(type, p->id, p->codes.size());
    } else if (const auto* p = std::get_if<unsuback>(&packet)) {
      take_reply(type, p->id, p->codes.size());
    } else if (std::holds_alternative<pingresp>(packet)) {
      answers_.push_back({type, 0, {}});
    } else if (std::holds_alternative<disconnect>(packet)) {
      must(machine_.version() == protocol_version::v5, "only 5.0 clients are told why");
      must(!machine_.connected(), "DISCONNECT ends the connection");
      said_goodbye_ = true;
    } else {
      must(std::holds_alternative<connack>(packet), "a server may send this packet");
    }
  }

  void take_reply(packet_type type, packet_id id, std::size_t codes) {
    const auto [first, last] = requests_.equal_range({type, id});
    const bool uncounted =
        type == packet_type::unsuback && machine_.version() != protocol_version::v5;
    const auto at = std::find_if(
        first, last, [&](const auto& each) { return uncounted || each.second == codes; });
    must(at != last, "SUBACK and UNSUBACK answer a request, with a code per filter");
    requests_.erase(at);
  }

  void take_publish(const publish& packet) {
    if (packet.qos == qos::at_most_once) return must(!packet.dup, "QoS 0 has no DUP");
    const auto number = [&] {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i != 4; ++i)
        value = value << 8 | std::to_integer<std::uint32_t>(packet.payload[i]);
      return value;
    };
    const auto at = window_.find(packet.id);
    if (packet.dup) {
      must(at != window_.end() && !at->second.charged, "what is sent again was sent before");
      must(!at->second.released, "what was received is not sent again");
      must(at->second.qos == packet.qos && at->second.number == number(),
           "what is sent again is the same message");
    } else {
      must(at == window_.end() || at->second.perhaps_gone, "packet ids in flight are unique");
      std::uint32_t& last = last_sent_[static_cast<std::size_t>(packet.qos)];
      must(number() > last, "messages of one QoS are sent in their order");
      last = number();
    }
    window_[packet.id] = {.qos = packet.qos, .number = number(), .charged = true};
    const auto charged = std::count_if(window_.begin(), window_.end(),
                                       [](const auto& each) { return each.second.charged; });
    must(charged <= receive_maximum_, "the receive maximum is kept");
  }

  void check_bounds() {
    const session_config& limits = settings_.session;
    must(machine_.in_flight() <= limits.max_in_flight, "the window is bounded");
    must(machine_.queued_messages() <= limits.max_queued_messages, "the queue is bounded");
    must(machine_.queued_bytes() <= limits.max_queued_bytes, "the queue's memory is bounded");
    must(machine_.output().size() <=
             settings_.limits.output_buffer + 8 * kibibyte + 64 * client_bytes_,
         "output is bounded");
    const auto doubtful = std::count_if(window_.begin(), window_.end(),
                                        [](const auto& each) { return each.second.perhaps_gone; });
    const bool may_wait_for_disk = !settings_.node.data_dir.empty();
    must((may_wait_for_disk || machine_.in_flight() <= window_.size()) &&
             machine_.in_flight() + static_cast<std::size_t>(doubtful) >= window_.size(),
         "what is in flight is what was sent and not completed");
  }

  // -- the end

  /// Everybody does what is due: nothing may be left.
  void settle() {
    arrived_.clear();
    stalled_ = false;
    now_ += 1s;  // what could not be written is tried again
    drain(static_cast<std::size_t>(-1));
    if (machine_.connected()) client_sends(pingreq{});
    for (int round = 0; round != 3000 && is_busy(); ++round) {
      for (shard_index shard = 0; shard != shards_; ++shard)
        shard_answers(shard);
      while (!reads_.empty())
        finish_read();
      disk_answers(true);
      if (machine_.connected() && !window_.empty()) acknowledge(*window_.begin());
      drain(static_cast<std::size_t>(-1));
    }
    must(tasks_.empty(), "shards answer everything");
    if (!machine_.connected()) return;
    must(machine_.in_flight() == 0, "what is acknowledged leaves the window");
    must(machine_.queued_messages() == 0 && machine_.queued_bytes() == 0, "the queue empties");
    must(machine_.pending_requests() == 0 && requests_.empty(), "each request is answered");
    must(
        std::all_of(inbound_.begin(), inbound_.end(), [](const auto& each) { return each.second; }),
        "each QoS 2 message is acknowledged");
  }

  [[nodiscard]] bool is_busy() const {
    return !tasks_.empty() || !reads_.empty() || !writes_.empty() ||
           (machine_.connected() && !window_.empty());
  }

  void finish_read() {
    const retained_task task = reads_.back();
    reads_.pop_back();
    if (task.connection_epoch != machine_.connection_epoch()) return;
    retained_store::page page;
    page.done = true;
    machine_.retained_read(task.what.number, page, now_, effects_);
    collect();
  }

  void acknowledge(const std::pair<const packet_id, sent_message>& sent) {
    const auto& [id, message] = sent;
    const packet_type type = message.qos == qos::at_least_once ? packet_type::puback
                             : message.released                ? packet_type::pubcomp
                                                               : packet_type::pubrec;
    const bool doubtful = message.perhaps_gone;
    const packet_id acknowledged = id;
    client_sends(typed_response{type, {.id = acknowledged}});
    if (doubtful && type == packet_type::pubrec)  // if it was gone, its PUBREL said so
      client_sends(typed_response{packet_type::pubcomp, {.id = acknowledged}});
  }

  reader_of_script script_;
  const config settings_;
  const std::uint32_t shards_;
  const session_host host_{settings_, shards_};
  session machine_;
  session_effects effects_;
  time_point now_{1h};

  std::deque<shard_task> tasks_;
  std::vector<retained_task> reads_;
  std::deque<write_task> writes_;

  std::string arrived_;            // of the client, not taken yet
  std::size_t client_bytes_ = 0;   // in all
  std::size_t parsed_ = 0;         // bytes of the output that the model has seen
  bool stalled_ = false;           // the client does not read
  bool ended_ = true;              // there is no session
  bool connected_before_ = false;  // the last call
  bool greeted_ = true;            // CONNACK went
  bool said_goodbye_ = false;
  std::uint32_t epoch_ = 0;
  std::uint32_t receive_maximum_ = 0;
  std::uint32_t maximum_packet_size_ = 0;
  std::uint32_t number_ = 0;                  // of the last message made
  std::array<std::uint32_t, 3> last_sent_{};  // by QoS: number of the last message sent first

  std::map<packet_id, sent_message> window_;
  std::map<packet_id, bool> inbound_;  // QoS 2 of the client: whether shards have it
  std::multimap<std::pair<packet_type, packet_id>, std::size_t> requests_;  // filters
  std::vector<answer> answers_;                                             // of the last call
  std::ptrdiff_t routed_qos1_ = 0;                                          // by the last call
};

}  // namespace

void fuzz_session(byte_view script) { play(script).run(); }

}  // namespace troupe::test
