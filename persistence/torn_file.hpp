#pragma once

#include <string>

namespace leveldb {
class Env;
}

namespace troupe {

/// Whether one of LevelDB's log-structured files ends in the middle of a record, or seems to
/// because a length is wrong. LevelDB takes either for the end; in a manifest, which says what
/// tables there are, that means to delete those that came later. Source: LevelDB
/// doc/log_format.md.
[[nodiscard]] bool is_torn(leveldb::Env& env, const std::string& file);

}  // namespace troupe
