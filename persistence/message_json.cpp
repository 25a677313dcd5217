#include "persistence/message_json.hpp"

#include "libbroker/base64.hpp"
#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/rfc3339.hpp"
#include "libbroker/utf8.hpp"
#include "persistence/json_text.hpp"

namespace troupe {

namespace {

void add_properties(const message_block& block, const message_entry& entry, json_object& to) {
  // With their length, which is how the reader takes them.
  const byte_view section = block.wire(entry).subspan(entry.header_size + 2U + entry.topic_size,
                                                      entry.prefix_size + entry.properties_size);
  packet_reader packet(section, protocol_version::v5);
  property_reader properties(packet, property_owner::publish);
  json_object users = json_object::array();
  for (property each; properties.next(each);) {
    switch (each.id) {
    case property_id::content_type: to["content_type"] = each.text(); break;
    case property_id::response_topic: to["response_topic"] = each.text(); break;
    case property_id::correlation_data: to["correlation_data_base64"] = to_base64(each.data); break;
    case property_id::payload_format_indicator: to["payload_format"] = each.number; break;
    case property_id::user_property:
      users.push_back(json_object::array({each.text(), as_text(each.value)}));
      break;
    default: break;
    }
  }
  if (!users.empty()) to["user_properties"] = std::move(users);
}

}  // namespace

std::string to_json_line(const log_run& run, std::uint32_t index) {
  const message_block& block = *run.block;
  const message_entry& entry = block[index];
  const message_identity identity = block.identity(index);
  json_object line{{"offset", entry.log_offset},
                   {"timestamp", to_rfc3339(run.received_at)},
                   {"topic", block.topic(entry)},
                   {"publisher", shown_publisher(run.publisher)},
                   {"qos", static_cast<unsigned>(entry.qos)},
                   {"retain", entry.retain},
                   {"protocol", static_cast<unsigned>(block.version())}};
  if (identity != message_identity())
    line["origin"] = {{"home", identity.home}, {"offset", identity.offset}};
  if (entry.expires) line["expiry_seconds"] = entry.expiry_interval;
  if (block.version() == protocol_version::v5) add_properties(block, entry, line);
  const byte_view payload = block.payload(entry);
  if (is_utf8(payload))
    line["payload"] = as_text(payload);
  else
    line["payload_base64"] = to_base64(payload);
  return to_text(line);
}

}  // namespace troupe
