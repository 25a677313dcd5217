#pragma once

#include "libbroker/result.hpp"

#include <string>

namespace leveldb {
class Status;
}

namespace troupe {

/// Why the disk did not do what it was asked for.
struct storage_error {
  enum class kind {
    io,           ///< reading or writing failed
    no_space,     ///< the disk is full
    damaged,      ///< what was read is not what was written
    locked,       ///< another process uses the data directory
    newer_format  ///< written by a version of Troupe that knows more than this one
  };
  kind failure = kind::io;
  std::string what;  ///< one sentence for a person

  friend bool operator==(const storage_error&, const storage_error&) = default;
};

template <class T>
using storage_result = result<T, storage_error>;

/// The only place where LevelDB's errors become ours. REQUIRES: !status.ok().
[[nodiscard]] storage_error storage_error_of(const leveldb::Status& status);

}  // namespace troupe
