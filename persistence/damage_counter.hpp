#pragma once

#include <leveldb/env.h>

#include <cstdint>

namespace troupe {

/// Listens to what LevelDB notes down and adds up the bytes of its write-ahead log that
/// it could not read. It says so nowhere else.
class damage_counter final : public leveldb::Logger {
public:
  explicit damage_counter(std::uint64_t& dropped_bytes) : dropped_bytes_(dropped_bytes) {}

  void Logv(const char* format, std::va_list arguments) override;

private:
  std::uint64_t& dropped_bytes_;
};

}  // namespace troupe
