#include "apps/troupe-bench/packet_scanner.hpp"

#include "apps/troupe-bench/prebuilt_publish.hpp"
#include "libbroker/codec/encode.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::bench;

namespace {

/// Writes down what the scanner reports.
struct recorder {
  std::vector<std::string> events;

  void on_publish(const received_publish& message) {
    std::string text = "publish " + std::to_string(static_cast<int>(message.qos)) + " id " +
                       std::to_string(message.id);
    if (message.has_header)
      text += " run " + std::to_string(message.header.run) + " stream " +
              std::to_string(message.header.stream) + " sequence " +
              std::to_string(message.header.sequence) + " at " +
              std::to_string(message.header.sent_at);
    events.push_back(text);
  }
  void on_response(packet_type type, packet_id id, reason_code code) {
    events.push_back("response " + std::to_string(static_cast<int>(type)) + " " +
                     std::to_string(id) + " " + std::to_string(static_cast<int>(code)));
  }
  void on_control(const frame& packet) {
    events.push_back("control " + std::to_string(static_cast<int>(packet.type)) + " " +
                     std::to_string(packet.body.size()));
  }
};

/// Scans `pieces` as if each were one read.
std::vector<std::string> scan(const std::vector<byte_view>& pieces, protocol_version version,
                              std::size_t* most_carried = nullptr) {
  packet_scanner scanner(version);
  recorder into;
  for (const byte_view piece : pieces) {
    std::vector<std::byte> input(scanner.carried() + piece.size());
    const std::size_t carried = scanner.carried();
    if (most_carried != nullptr) *most_carried = std::max(*most_carried, carried);
    scanner.restore(input.data());
    std::copy(piece.begin(), piece.end(), input.begin() + static_cast<std::ptrdiff_t>(carried));
    if (!scanner.scan(input, into)) {
      into.events.emplace_back("refused");
      return into.events;
    }
  }
  return into.events;
}

byte_buffer publish_of(qos level, packet_id id, std::size_t payload, protocol_version version) {
  byte_buffer out;
  prebuilt_publish("a/topic", level, false, payload, version)
      .append_to(out, id, {.run = 7, .stream = 3, .sequence = 123456789012, .sent_at = 42});
  return out;
}

publish_response response(packet_id id, reason_code code) {
  publish_response made;
  made.id = id;
  made.code = code;
  return made;
}

byte_buffer everything(protocol_version version) {
  byte_buffer out;
  encode(connack{}, version, out);
  out.append(publish_of(qos::at_most_once, 0, 64, version).view());
  out.append(publish_of(qos::at_least_once, 0x1234, 24, version).view());
  out.append(publish_of(qos::exactly_once, 65535, 300, version).view());
  publish odd;
  odd.topic = "short";
  odd.payload = as_bytes("hi");
  if (version == protocol_version::v5)
    odd.properties = as_bytes(std::string_view("\x0B\x81\x01", 3));
  encode(odd, version, out);
  for (const auto type :
       {packet_type::puback, packet_type::pubrec, packet_type::pubrel, packet_type::pubcomp})
    encode(type, response(77, reason_code::success), version, out);
  encode(pingresp{}, out);
  return out;
}

std::vector<std::string> expected(protocol_version version) {
  const std::string connack_size = version == protocol_version::v5 ? "3" : "2";
  const std::string header = " run 7 stream 3 sequence 123456789012 at 42";
  return {"control 2 " + connack_size,
          "publish 0 id 0" + header,
          "publish 1 id 4660" + header,
          "publish 2 id 65535" + header,
          "publish 0 id 0",
          "response 4 77 0",
          "response 5 77 0",
          "response 6 77 0",
          "response 7 77 0",
          "control 13 0"};
}

constexpr protocol_version both[] = {protocol_version::v3_1_1, protocol_version::v5};

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_packet_scanner)

BOOST_AUTO_TEST_CASE(all_packets_are_found_in_one_read) {
  for (const auto version : both) {
    const byte_buffer input = everything(version);
    BOOST_TEST(scan({input.view()}, version) == expected(version),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(every_split_in_three_reads_gives_the_same_packets) {
  for (const auto version : both) {
    const byte_buffer input = everything(version);
    const byte_view all = input.view();
    for (std::size_t first = 0; first <= all.size(); ++first)
      for (std::size_t second = first; second <= all.size(); ++second) {
        const auto found = scan(
            {all.first(first), all.subspan(first, second - first), all.subspan(second)}, version);
        BOOST_REQUIRE(found == expected(version));
      }
  }
}

BOOST_AUTO_TEST_CASE(single_bytes_give_the_same_packets) {
  for (const auto version : both) {
    const byte_buffer input = everything(version);
    std::vector<byte_view> pieces;
    for (std::size_t at = 0; at < input.size(); ++at)
      pieces.push_back(input.view().subspan(at, 1));
    BOOST_REQUIRE(scan(pieces, version) == expected(version));
  }
}

BOOST_AUTO_TEST_CASE(the_payload_of_a_large_message_is_skipped_not_kept) {
  const byte_buffer input = publish_of(qos::at_least_once, 9, 3'000'000, protocol_version::v3_1_1);
  std::vector<byte_view> pieces;
  for (std::size_t at = 0; at < input.size(); at += 1000)
    pieces.push_back(input.view().subspan(at, std::min<std::size_t>(1000, input.size() - at)));
  std::size_t most_carried = 0;
  const auto found = scan(pieces, protocol_version::v3_1_1, &most_carried);
  BOOST_TEST(found.size() == 1U);
  BOOST_TEST(most_carried < 64U);
}

BOOST_AUTO_TEST_CASE(a_message_is_reported_only_with_its_last_byte) {
  const byte_buffer input = publish_of(qos::at_most_once, 0, 64, protocol_version::v5);
  for (std::size_t size = 0; size < input.size(); ++size)
    BOOST_TEST(scan({input.view().first(size)}, protocol_version::v5).empty());
  BOOST_TEST(scan({input.view()}, protocol_version::v5).size() == 1U);
}

BOOST_AUTO_TEST_CASE(properties_before_the_payload_are_skipped) {
  std::byte payload[payload_header::size];
  payload_header{.run = 1, .stream = 2, .sequence = 3, .sent_at = 4}.write(payload);
  publish message;
  message.topic = "t";
  message.payload = payload;
  // Subscription identifier 129 and a user property.
  message.properties = as_bytes(std::string_view("\x0B\x81\x01\x26\x00\x01k\x00\x01v", 10));
  byte_buffer input;
  encode(message, protocol_version::v5, input);
  const std::vector<std::string> wanted{"publish 0 id 0 run 1 stream 2 sequence 3 at 4"};
  BOOST_TEST(scan({input.view()}, protocol_version::v5) == wanted,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_reason_code_of_a_response_is_reported) {
  byte_buffer input;
  encode(packet_type::pubrec, response(5, reason_code::quota_exceeded), protocol_version::v5,
         input);
  const std::vector<std::string> wanted{"response 5 5 151"};
  BOOST_TEST(scan({input.view()}, protocol_version::v5) == wanted,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_hides_the_packet_boundaries_is_refused) {
  using namespace std::string_view_literals;
  for (const auto input : {
           "\x30\xFF\xFF\xFF\xFF\x01"sv,   // remaining length of five bytes
           "\x36\x05\x00\x01t\x00\x01"sv,  // QoS 3
           "\x30\x03\x00\x09t"sv,          // topic longer than the packet
           "\x30\x01\x00"sv,               // no room for a topic
           "\x32\x04\x00\x02tt"sv,         // no room for the packet identifier
           "\x40\x01\x00"sv,               // PUBACK without packet identifier
       })
    BOOST_TEST(scan({as_bytes(input)}, protocol_version::v3_1_1).back() == "refused");
}

BOOST_AUTO_TEST_SUITE_END()
