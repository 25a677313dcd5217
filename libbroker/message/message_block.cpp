#include "libbroker/message/message_block.hpp"

#include "libbroker/codec/variable_byte_integer.hpp"
#include "libbroker/message/message_properties.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <new>

namespace troupe {

namespace {

constexpr std::size_t entry_size = sizeof(message_entry);
constexpr std::size_t largest_first_block = 64UL * 1024;

constexpr std::size_t align_up(std::size_t size) noexcept {
  return (size + alignof(message_entry) - 1) & ~(alignof(message_entry) - 1);
}

}  // namespace

byte_view message_block::wire(std::uint32_t first, std::uint32_t count) const noexcept {
  const message_entry& front = (*this)[first];
  const message_entry& back = (*this)[first + count - 1];
  return {data() + front.offset, back.offset + back.size - front.offset};
}

byte_view message_block::payload(const message_entry& entry) const noexcept {
  const std::size_t before =
      entry.header_size + 2U + entry.topic_size + entry.prefix_size + entry.properties_size;
  return wire(entry).subspan(before);
}

void message_block::destroy(const message_block* block) noexcept {
  block->~message_block();
  std::free(const_cast<message_block*>(block));
}

void message_block::place_in_log(const message_block& block, std::span<const std::uint32_t> which,
                                 log_offset first) noexcept {
  for (const std::uint32_t index : which)
    const_cast<message_entry&>(block[index]).log_offset = first++;
}

void message_block::set_stamps(const message_block& block, hybrid_stamp first, std::uint64_t node) {
  auto stamps = std::make_unique<retained_stamp[]>(block.size());
  for (std::uint32_t i = 0; i != block.size(); ++i)
    stamps[i] = {first + i, node};
  const_cast<message_block&>(block).stamps_ = std::move(stamps);
}

void message_block::change_stamp(const message_block& block, std::uint32_t index,
                                 const retained_stamp& to) noexcept {
  const_cast<message_block&>(block).stamps_[index] = to;
}

message_block_builder::~message_block_builder() {
  if (block_ != nullptr) message_block::destroy(block_);
}

void message_block_builder::add(const publish& packet, std::string_view topic,
                                protocol_version version, std::size_t more) {
  const bool has_properties = version == protocol_version::v5;
  const std::size_t properties_size = has_properties ? forwarded_properties_size(packet) : 0;
  const std::size_t prefix_size = has_properties ? variable_byte_integer_size(properties_size) : 0;
  const std::size_t remaining =
      2 + topic.size() + prefix_size + properties_size + packet.payload.size();
  const std::size_t header_size = 1 + variable_byte_integer_size(remaining);

  message_entry& entry = append_entry(header_size + remaining, more);
  block_->version_ = version;
  block_->has_packet_ids_ |= packet.qos != qos::at_most_once;
  block_->has_retain_ |= packet.retain;
  entry.properties_size = static_cast<std::uint32_t>(properties_size);
  entry.expiry_interval = packet.message_expiry_interval;
  entry.topic_size = static_cast<std::uint16_t>(topic.size());
  entry.id = packet.id;
  entry.header_size = static_cast<std::uint8_t>(header_size);
  entry.prefix_size = static_cast<std::uint8_t>(prefix_size);
  entry.qos = packet.qos;
  entry.retain = packet.retain;
  entry.expires = packet.has_message_expiry_interval;

  std::byte* out = block_->data() + entry.offset;
  *out++ = std::byte{static_cast<std::uint8_t>(packet_type::publish) << 4};
  out = write_variable_byte_integer(remaining, out);
  *out++ = static_cast<std::byte>(topic.size() >> 8);
  *out++ = static_cast<std::byte>(topic.size());
  std::memcpy(out, topic.data(), topic.size());
  out += topic.size();
  if (has_properties) {
    out = write_variable_byte_integer(properties_size, out);
    out = write_forwarded_properties(packet, out);
  }
  if (!packet.payload.empty()) std::memcpy(out, packet.payload.data(), packet.payload.size());
}

void message_block_builder::add(const message_entry& entry, byte_view wire,
                                protocol_version version, const retained_stamp& stamp,
                                const message_identity& identity) {
  message_entry& copy = append_entry(entry.size, 0);
  const std::uint32_t offset = copy.offset;
  copy = entry;
  copy.offset = offset;
  block_->version_ = version;
  block_->has_packet_ids_ |= entry.qos != qos::at_most_once;
  block_->has_retain_ |= entry.retain;
  std::memcpy(block_->data() + offset, wire.data(), entry.size);
  if (stamp != retained_stamp()) {
    stamps_.resize(block_->entries_);
    stamps_.back() = stamp;
  }
  if (identity != message_identity()) {
    identities_.resize(block_->entries_);
    identities_.back() = identity;
  }
}

message_block_ptr message_block_builder::seal(const origin& from) {
  assert(block_ != nullptr);
  block_->publisher_ = from.publisher;
  block_->connection_epoch_ = from.connection_epoch;
  block_->received_at_ = from.received_at;
  const std::size_t used = align_up(block_->wire_size_) + block_->entries_ * entry_size;
  // A block may be kept for long; a wrong guess of its size must not be.
  if (used < block_->capacity_ / 2) reallocate(used);
  if (!stamps_.empty()) {
    block_->stamps_ = std::make_unique<retained_stamp[]>(block_->entries_);
    std::ranges::copy(stamps_, block_->stamps_.get());
    stamps_.clear();
  }
  if (!identities_.empty()) {
    block_->identities_ = std::make_unique<message_identity[]>(block_->entries_);
    std::ranges::copy(identities_, block_->identities_.get());
    identities_.clear();
  }
  return message_block_ptr::adopt(std::exchange(block_, nullptr));
}

message_entry& message_block_builder::append_entry(std::size_t wire_bytes, std::size_t more) {
  const std::size_t used = block_ == nullptr ? 0 : block_->wire_size_;
  const std::size_t entries = block_ == nullptr ? 0 : block_->entries_;
  const std::size_t needed = align_up(used + wire_bytes) + (entries + 1) * entry_size;
  if (block_ == nullptr) {
    // The rest of the input is probably made of packets like this one.
    const std::size_t like_this = (more / (wire_bytes + 1) + 1) * (wire_bytes + entry_size + 2);
    const std::size_t guess = std::min(like_this, largest_first_block);
    reallocate(align_up(std::max(needed, guess)));
  } else if (needed > block_->capacity_) {
    reallocate(align_up(std::max<std::size_t>(needed, block_->capacity_ * 2UL)));
  }
  block_->entries_ += 1;
  auto* entry =
      new (const_cast<message_entry*>(block_->entries_end()) - block_->entries_) message_entry();
  entry->offset = block_->wire_size_;
  entry->size = static_cast<std::uint32_t>(wire_bytes);
  block_->wire_size_ += static_cast<std::uint32_t>(wire_bytes);
  return *entry;
}

void message_block_builder::reallocate(std::size_t capacity) {
  auto* grown = static_cast<message_block*>(std::malloc(sizeof(message_block) + capacity));
  if (grown == nullptr) throw std::bad_alloc();
  new (grown) message_block();
  grown->capacity_ = static_cast<std::uint32_t>(capacity);
  if (block_ != nullptr) {
    const message_block& old = *block_;
    grown->wire_size_ = old.wire_size_;
    grown->entries_ = old.entries_;
    grown->connection_epoch_ = old.connection_epoch_;
    grown->publisher_ = old.publisher_;
    grown->received_at_ = old.received_at_;
    grown->version_ = old.version_;
    grown->has_packet_ids_ = old.has_packet_ids_;
    grown->has_retain_ = old.has_retain_;
    std::memcpy(grown->data(), old.data(), old.wire_size_);
    std::memcpy(grown->data() + capacity - old.entries_ * entry_size,
                old.data() + old.capacity_ - old.entries_ * entry_size, old.entries_ * entry_size);
    message_block::destroy(block_);
  }
  block_ = grown;
}

message_block_ptr copy_run(const message_run& run) {
  message_block_builder builder;
  for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
    builder.add(*run.block, (*run.block)[i]);
  return builder.seal({.publisher = run.block->publisher(),
                       .connection_epoch = run.block->connection_epoch(),
                       .received_at = run.block->received_at()});
}

}  // namespace troupe
