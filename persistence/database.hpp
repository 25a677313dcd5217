#pragma once

#include "persistence/storage_error.hpp"

#include <leveldb/iterator.h>
#include <leveldb/write_batch.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leveldb {
class Cache;
class DB;
class Env;
class FileLock;
class FilterPolicy;
class Logger;
class Snapshot;
}  // namespace leveldb

namespace troupe {

class database;
class read_only_env;

/// What starting on a data directory brought to light.
struct recovery_report {
  bool created = false;             ///< there was nothing before
  bool repaired = false;            ///< parts were unreadable and were set aside
  std::uint64_t dropped_bytes = 0;  ///< of what was written last, unreadable
  std::string set_aside;            ///< where the unreadable parts are now; empty: none
  /// Whole stores that were set aside, this time and before.
  std::uint64_t stores_lost = 0;

  /// Whether anything that had been written is gone.
  [[nodiscard]] bool is_damage() const noexcept { return repaired || dropped_bytes != 0; }
};

/// An iterator that keeps the database open. A thread that has one asks it, not the
/// database, for single keys.
class store_scan {
public:
  leveldb::Iterator* operator->() const noexcept { return iterator_.get(); }
  /// As `database::get`.
  [[nodiscard]] storage_result<std::optional<std::string>> get(std::string_view key) const;
  /// A second iterator, which may see what was committed since. Lives as long as this at most.
  [[nodiscard]] std::unique_ptr<leveldb::Iterator> another() const;

private:
  friend class database;
  friend class store_snapshot;
  std::shared_lock<std::shared_mutex> open_;
  leveldb::DB* db_ = nullptr;
  const leveldb::Snapshot* as_of_ = nullptr;  ///< null: now
  std::unique_ptr<leveldb::Iterator> iterator_;
};

/// The store as it was at one moment, to be read in pieces: as long as there is no scan of it,
/// nothing waits for it. The database outlives it.
class store_snapshot {
public:
  store_snapshot(store_snapshot&& other) noexcept
      : store_(other.store_),
        snapshot_(std::exchange(other.snapshot_, nullptr)),
        opening_(other.opening_) {}
  store_snapshot& operator=(store_snapshot&&) = delete;
  ~store_snapshot();

  /// For a long way through the store: what it reads does not displace what others need.
  /// Errors: io, also when the store was closed and opened again since, as after an error.
  [[nodiscard]] storage_result<store_scan> scan() const;

private:
  friend class database;
  store_snapshot(const database& store, const leveldb::Snapshot* snapshot, std::uint64_t opening)
      : store_(&store), snapshot_(snapshot), opening_(opening) {}

  const database* store_;
  const leveldb::Snapshot* snapshot_;
  std::uint64_t opening_;  ///< of the store; a snapshot ends with it
};

/// The LevelDB of one data directory: everything that this node keeps. Writes are
/// staged and committed together; one thread stages and commits, any may read.
///
/// The directory belongs to one process at a time. Damage does not keep a database
/// from opening: what is whole is kept, what is not is set aside and reported.
class database {
public:
  struct options {
    leveldb::Env* env = nullptr;  ///< null: the machine's files
    std::size_t write_buffer = 32UL << 20;
    std::size_t cache = 32UL << 20;
    bool create = true;  ///< else a directory without a store is an error
    /// Nothing is written, repaired or set aside: a store that needs it is an error. What is
    /// unreadable of what was written last is left out and reported. Implies not to create.
    bool read_only = false;
  };

  /// Errors: locked, newer_format, no_space, io, damaged if it is only to be read.
  [[nodiscard]] static storage_result<std::unique_ptr<database>> open(std::string directory,
                                                                      const options& how);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  [[nodiscard]] const recovery_report& recovered() const noexcept { return recovered_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  /// Where the files are; those of a store that is only read are not to be written.
  [[nodiscard]] leveldb::Env& files() const noexcept { return *files_; }

  // -- writing; REQUIRES: opened to be written

  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);
  /// About how many bytes are staged.
  [[nodiscard]] std::size_t staged_bytes() const { return staged_.ApproximateSize(); }
  [[nodiscard]] bool has_staged() const noexcept { return staged_count_ != 0; }

  /// Writes what was staged, all of it or nothing; `sync`: to the disk itself.
  /// After an error nothing that was staged is there, and the database was opened anew:
  /// LevelDB refuses to go on with a handle that failed. A write that failed half-way
  /// and turns out to be there all the same succeeded.
  [[nodiscard]] storage_result<void> commit(bool sync);

  /// Forgets what was staged, as `commit` does when it fails.
  [[nodiscard]] storage_error abandon();
  /// Opens the store if it could not be opened after an error, so that it can be read.
  void open_again();

  // -- reading; staged changes are not seen

  /// Nothing if there is no such key. Errors: damaged, io.
  [[nodiscard]] storage_result<std::optional<std::string>> get(std::string_view key) const;
  /// Over all keys, as they are now. Damaged parts are passed over and told by its
  /// status. Not to be kept for long: a failed commit waits for it to go.
  [[nodiscard]] store_scan scan() const;
  /// All keys as they are now, for as long as it takes. Errors: io.
  [[nodiscard]] storage_result<store_snapshot> snapshot() const;
  /// Bytes on disk between two keys, roughly.
  [[nodiscard]] std::uint64_t size_of(std::string_view from, std::string_view to) const;
  /// Of all files of the store, in bytes.
  [[nodiscard]] std::uint64_t bytes_on_disk() const;

private:
  friend class store_snapshot;
  database(std::string directory, const options& how);
  [[nodiscard]] storage_result<void> lock();
  [[nodiscard]] storage_result<void> start();
  [[nodiscard]] storage_result<void> try_start();
  [[nodiscard]] storage_result<void> open_store();
  [[nodiscard]] storage_result<void> check_format();
  [[nodiscard]] bool store_exists() const;
  [[nodiscard]] storage_result<std::uint64_t> last_commit() const;
  void set_store_aside();
  [[nodiscard]] std::string set_aside_place(std::uint64_t number) const;
  void reopen();

  const std::string directory_;
  const std::string store_;  ///< LevelDB's own directory inside it
  const options options_;
  leveldb::Env* const files_;
  const std::unique_ptr<read_only_env> read_only_;  ///< null if it is to be written
  leveldb::Env* const env_;                         ///< one of these
  leveldb::FileLock* lock_ = nullptr;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::Logger> log_;
  mutable std::shared_mutex open_;  ///< held by readers; a failed commit closes `db_`
  std::unique_ptr<leveldb::DB> db_;
  std::uint64_t opening_ = 0;  ///< how often `db_` was opened anew
  /// Of `db_`, which must not be closed before they are released.
  mutable std::vector<const leveldb::Snapshot*> snapshots_;
  mutable std::mutex snapshots_mutex_;
  leveldb::WriteBatch staged_;
  std::size_t staged_count_ = 0;
  std::uint64_t commits_ = 0;
  recovery_report recovered_;
};

}  // namespace troupe
