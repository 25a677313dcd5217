#include "libbroker/message/delivery.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

void delivery::add(const message_block_ptr& block, std::uint32_t index) {
  const message_entry& entry = (*block)[index];
  if (!runs.empty() && runs.back().block == block &&
      runs.back().first + runs.back().count == index) {
    ++runs.back().count;
  } else {
    mixed_versions |= !runs.empty() && runs.front().block->version() != block->version();
    runs.push_back({block, index, 1});
  }
  ++messages;
  bytes += entry.size;
  payload_bytes += entry.payload_size();
  largest = std::max(largest, entry.size);
  has_acknowledged_qos |= entry.qos != qos::at_most_once;
  all_logged &= entry.log_offset != 0 && entry.qos != qos::at_most_once;
  has_retain |= entry.retain;
  expires |= entry.expires;
}

void combined_options::add(const subscription_options& one, std::uint32_t identifier) {
  is_empty_ = false;
  combined_.maximum_qos = std::max(combined_.maximum_qos, one.qos);
  combined_.retain_as_published |= one.retain_as_published;
  if (identifier != 0) identifiers_.push_back(identifier);
}

delivery_options combined_options::take() {
  if (!identifiers_.empty()) {
    std::sort(identifiers_.begin(), identifiers_.end());
    combined_.details = make_match_details(std::move(identifiers_));
  }
  return std::move(combined_);
}

match_details_ptr make_match_details(std::vector<std::uint32_t> identifiers, std::string share,
                                     std::string timestamp) {
  auto details = intrusive_ptr<match_details>::adopt(new match_details());
  details->identifiers = std::move(identifiers);
  details->share = std::move(share);
  details->timestamp = std::move(timestamp);
  return details;
}

}  // namespace troupe
