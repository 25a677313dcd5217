#include "persistence/store_backup.hpp"

#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"
#include "persistence/node_record.hpp"
#include "persistence/snapshot_walk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <leveldb/db.h>
#include <leveldb/env.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace troupe {

namespace {

// Small steps: the copy shares the disk, and LevelDB's only background thread, with the broker.
constexpr std::size_t write_buffer = 4UL << 20;
constexpr std::size_t cache = 1UL << 20;
constexpr std::size_t commit_bytes = 1UL << 20;

/// Nobody has handed out so many offsets since. More than a jump after damage, of which the
/// original may have had some.
constexpr log_offset jump = log_offset{1} << 44;

storage_error failure(std::string what) { return {storage_error::kind::io, std::move(what)}; }

/// What is in a directory is safe only when the directory is synced, too.
storage_result<void> sync_directory(const std::string& name) {
  const int directory = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = directory >= 0 && ::fsync(directory) == 0;
  const int reason = errno;
  if (directory >= 0) ::close(directory);
  if (done) return {};
  return failure("cannot sync " + name + ": " + std::generic_category().message(reason));
}

std::string parent_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : name.substr(0, slash);
}

/// A data directory that is being filled; removed with this unless `finish` succeeds.
class unfinished {
public:
  unfinished(leveldb::Env& files, std::string target)
      : files_(files), target_(std::move(target)), place_(target_ + ".partial") {}
  unfinished(const unfinished&) = delete;
  unfinished& operator=(const unfinished&) = delete;
  ~unfinished() {
    store_.reset();
    if (!is_ours_) return;
    leveldb::Options how;
    how.env = &files_;
    leveldb::DestroyDB(place_ + "/store", how);
    files_.RemoveFile(place_ + "/lock");
    files_.RemoveDir(place_);
  }

  storage_result<void> begin() {
    std::vector<std::string> names;
    const bool is_directory = files_.GetChildren(target_, &names).ok();
    std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
    if (files_.FileExists(target_) && (!is_directory || !names.empty()))
      return failure(target_ + " exists and is not an empty directory");
    if (files_.FileExists(place_))
      return failure(place_ + " exists: a backup that goes on, or that was killed; then remove it");
    is_ours_ = true;  // also what an attempt to open it leaves
    auto opened = database::open(
        place_, {.env = &files_, .write_buffer = write_buffer, .cache = cache, .create = true});
    if (!opened) return opened.error();
    store_ = *std::move(opened);
    return {};
  }

  [[nodiscard]] database& store() { return *store_; }

  storage_result<void> finish() {
    store_.reset();
    const bool is_on_disk = &files_ == leveldb::Env::Default();  // else directories know no sync
    if (is_on_disk)
      for (const std::string& each : {place_ + "/store", place_})
        if (auto synced = sync_directory(each); !synced) return synced;
    if (const auto renamed = files_.RenameFile(place_, target_); !renamed.ok())
      return storage_error_of(renamed);
    is_ours_ = false;
    return is_on_disk ? sync_directory(parent_of(target_)) : storage_result<void>();
  }

private:
  leveldb::Env& files_;
  const std::string target_;
  const std::string place_;
  std::unique_ptr<database> store_;
  bool is_ours_ = false;
};

storage_result<void> raise_ceiling(database& copy) {
  const auto kept = copy.get(keys::ceiling);
  if (!kept) return kept.error();
  const log_offset before = *kept ? whole_big_endian<log_offset>(**kept).value_or(0) : 0;
  std::string ceiling;
  append_big_endian(before + jump, ceiling);
  copy.put(keys::ceiling, ceiling);
  return copy.commit(true);
}

}  // namespace

storage_result<backup_figures> back_up(const database& store, std::string target,
                                       const std::function<bool()>& is_wanted) {
  while (target.size() > 1 && target.ends_with('/'))
    target.pop_back();
  if (target.empty()) return failure("a backup needs a place");
  unfinished copy(store.files(), std::move(target));
  if (auto begun = copy.begin(); !begun) return begun.error();
  const auto snapshot = store.snapshot();
  if (!snapshot) return snapshot.error();

  backup_figures figures;
  const auto take = [&](std::string_view key, std::string_view value, const store_scan&) {
    copy.store().put(key, value);
    ++figures.keys;
    figures.bytes += key.size() + value.size();
  };
  const auto rest = [&](const std::optional<storage_error>& damage) -> storage_result<void> {
    if (damage) return *damage;
    if (!is_wanted()) return failure("given up");
    // Each time synced: else the disk has it all at once at the end, and the broker waits.
    if (copy.store().staged_bytes() < commit_bytes) return {};
    return copy.store().commit(true);
  };
  if (auto walked = walk(*snapshot, "", {.take = take, .rest = rest}); !walked)
    return walked.error();
  if (auto written = copy.store().commit(true); !written) return written.error();
  if (auto raised = raise_ceiling(copy.store()); !raised) return raised.error();
  if (auto skipped = skip_lives(copy.store()); !skipped) return skipped.error();
  if (auto finished = copy.finish(); !finished) return finished.error();
  return figures;
}

}  // namespace troupe
