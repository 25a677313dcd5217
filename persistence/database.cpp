#include "persistence/database.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/damage_counter.hpp"
#include "persistence/keys.hpp"
#include "persistence/read_only_env.hpp"
#include "persistence/torn_file.hpp"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/filter_policy.h>

#include <algorithm>

namespace troupe {

namespace {

constexpr std::uint32_t store_format = 1;
constexpr int bloom_bits_per_key = 10;

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

leveldb::Options level_options(const database::options& how, leveldb::Env* env,
                               leveldb::Cache* cache, const leveldb::FilterPolicy* filter,
                               leveldb::Logger* log) {
  leveldb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;  // else it trusts a table's index and filter unseen
  options.write_buffer_size = how.write_buffer;
  options.block_cache = cache;
  options.filter_policy = filter;
  options.info_log = log;
  return options;
}

leveldb::ReadOptions checked(const leveldb::Snapshot* as_of = nullptr) {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.snapshot = as_of;
  return options;
}

storage_error closed() { return {storage_error::kind::io, "the store is closed"}; }

storage_result<std::optional<std::string>> get_from(leveldb::DB* db, std::string_view key,
                                                    const leveldb::Snapshot* as_of = nullptr) {
  if (db == nullptr) return closed();
  std::string value;
  const leveldb::Status status = db->Get(checked(as_of), slice(key), &value);
  if (status.ok()) return std::optional<std::string>(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  return storage_error_of(status);
}

}  // namespace

database::database(std::string directory, const options& how)
    : directory_(std::move(directory)),
      store_(directory_ + "/store"),
      options_(how),
      files_(how.env != nullptr ? how.env : leveldb::Env::Default()),
      read_only_(how.read_only ? std::make_unique<read_only_env>(files_) : nullptr),
      env_(read_only_ != nullptr ? read_only_.get() : files_),
      cache_(leveldb::NewLRUCache(how.cache)),
      filter_(leveldb::NewBloomFilterPolicy(bloom_bits_per_key)),
      log_(std::make_unique<damage_counter>(recovered_.dropped_bytes)) {}

database::~database() {
  db_.reset();
  if (lock_ != nullptr) files_->UnlockFile(lock_);
}

storage_result<std::unique_ptr<database>> database::open(std::string directory,
                                                         const options& how) {
  std::unique_ptr<database> opened(new database(std::move(directory), how));
  if ((!how.create || how.read_only) && !opened->store_exists())
    return storage_error{storage_error::kind::io, "there is no store in " + opened->directory_};
  if (auto done = opened->lock(); !done) return done.error();
  if (auto done = opened->start(); !done) return done.error();
  return opened;
}

storage_result<void> database::lock() {
  env_->CreateDir(directory_);  // an error shows below
  if (!env_->FileExists(directory_))
    return storage_error{storage_error::kind::io, "cannot create the directory " + directory_};
  const leveldb::Status locked = files_->LockFile(directory_ + "/lock", &lock_);
  if (locked.ok()) return {};
  storage_error failed = storage_error_of(locked);
  // LevelDB's Env does not tell a lock that is held from one that cannot be made; a
  // second try from this process would say "already held".
  if (env_->FileExists(directory_ + "/lock"))
    failed = {storage_error::kind::locked,
              "another process uses the data directory " + directory_ + " (" + failed.what + ')'};
  return failed;
}

bool database::store_exists() const {
  std::vector<std::string> names;
  env_->GetChildren(store_, &names);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with(".ldb") || name.ends_with(".log") || name.starts_with("MANIFEST-");
  });
}

storage_result<void> database::start() {
  const bool existed = store_exists();
  recovered_.created = !existed;
  while (env_->FileExists(set_aside_place(recovered_.stores_lost + 1)))
    ++recovered_.stores_lost;
  storage_result<void> opened = try_start();
  const auto is_damaged = [&] {
    return existed && !opened && opened.error().failure != storage_error::kind::no_space &&
           opened.error().failure != storage_error::kind::newer_format;
  };
  if (read_only_ != nullptr) {
    if (is_damaged())
      return storage_error{storage_error::kind::damaged, "the store in " + directory_ +
                                                             " is damaged; a broker that starts on "
                                                             "it repairs it: " +
                                                             opened.error().what};
    return opened;
  }
  if (is_damaged()) {
    recovered_.repaired = true;
    recovered_.set_aside = store_ + "/lost";
    db_.reset();
    leveldb::RepairDB(store_,
                      level_options(options_, env_, cache_.get(), filter_.get(), log_.get()));
    opened = try_start();
  }
  if (is_damaged()) {
    db_.reset();
    set_store_aside();
    opened = try_start();
  }
  return opened;
}

storage_result<void> database::try_start() {
  // LevelDB would take a store without CURRENT for an empty directory and delete its files.
  if (store_exists() && !env_->FileExists(store_ + "/CURRENT"))
    return storage_error{storage_error::kind::damaged, "CURRENT is missing"};
  // … and one with half a manifest for one that has fewer.
  std::string manifest;
  leveldb::ReadFileToString(env_, store_ + "/CURRENT", &manifest);
  if (!manifest.empty() && is_torn(*env_, store_ + '/' + manifest.substr(0, manifest.size() - 1)))
    return storage_error{storage_error::kind::damaged, "the manifest is torn"};
  if (auto opened = open_store(); !opened) return opened;
  if (auto format = check_format(); !format) return format;
  const auto last = last_commit();
  if (!last) return last.error();
  commits_ = *last;
  // Whoever asks for the rest of the table later cannot repair it.
  const store_scan meta = scan();
  for (meta->Seek(std::string(1, keys::meta_table));
       meta->Valid() && meta->key()[0] == keys::meta_table;)
    meta->Next();
  if (!meta->status().ok()) return storage_error_of(meta->status());
  return {};
}

storage_result<void> database::open_store() {
  leveldb::Options how = level_options(options_, env_, cache_.get(), filter_.get(), log_.get());
  const auto open = [&] {
    db_.reset();
    if (read_only_ != nullptr) read_only_->begin_open();
    leveldb::DB* opened = nullptr;
    const leveldb::Status status = leveldb::DB::Open(how, store_, &opened);
    db_.reset(opened);
    return status;
  };
  leveldb::Status status = open();
  if (status.IsCorruption()) {
    // Let it leave out what it cannot read of its write-ahead log.
    how.paranoid_checks = false;
    status = open();
    how.paranoid_checks = true;
    if (status.ok()) status = open();
  }
  if (!status.ok()) return storage_error_of(status);
  return {};
}

void database::set_store_aside() {
  recovered_.set_aside = set_aside_place(++recovered_.stores_lost);
  env_->RenameFile(store_, recovered_.set_aside);
}

std::string database::set_aside_place(std::uint64_t number) const {
  return directory_ + "/damaged-" + std::to_string(number);
}

storage_result<void> database::check_format() {
  const auto kept = get(keys::format);
  if (!kept) return kept.error();
  if (*kept && (*kept)->size() == sizeof(store_format)) {
    const auto found = get_big_endian<std::uint32_t>(**kept);
    if (found <= store_format) return {};
    return storage_error{storage_error::kind::newer_format,
                         "the data directory " + directory_ + " has format " +
                             std::to_string(found) + ", this version knows up to " +
                             std::to_string(store_format)};
  }
  if (read_only_ != nullptr)
    return storage_error{storage_error::kind::damaged, "its format is not known"};
  std::string number;
  append_big_endian(store_format, number);
  put(keys::format, number);
  number.clear();
  append_big_endian(partition_count, number);
  put(keys::partitions, number);
  return commit(true);
}

// -- writing ----------------------------------------------------------------------

void database::put(std::string_view key, std::string_view value) {
  staged_.Put(slice(key), slice(value));
  ++staged_count_;
}

void database::remove(std::string_view key) {
  staged_.Delete(slice(key));
  ++staged_count_;
}

storage_result<void> database::commit(bool sync) {
  std::string number;
  append_big_endian(++commits_, number);
  put(keys::commits, number);
  open_again();
  leveldb::Status status = leveldb::Status::IOError("the store is closed");
  if (db_ != nullptr) {
    leveldb::WriteOptions how;
    how.sync = sync;
    status = db_->Write(how, &staged_);
  }
  staged_.Clear();
  staged_count_ = 0;
  if (status.ok()) return {};
  reopen();
  // What a recovery found is on the disk.
  if (const auto last = last_commit(); last && *last == commits_) return {};
  return storage_error_of(status);
}

storage_error database::abandon() {
  staged_.Clear();
  staged_count_ = 0;
  return {storage_error::kind::io, "the store cannot be read"};
}

void database::open_again() {
  if (db_ == nullptr) reopen();
}

void database::reopen() {
  const std::unique_lock nobody_reads(open_);
  for (const leveldb::Snapshot* const each : snapshots_)
    db_->ReleaseSnapshot(each);
  snapshots_.clear();
  ++opening_;
  db_.reset();
  (void)open_store();  // whether it does shows with the next commit
}

storage_result<std::uint64_t> database::last_commit() const {
  const auto kept = get(keys::commits);
  if (!kept) return kept.error();
  if (!*kept || (*kept)->size() != sizeof(commits_)) return std::uint64_t{0};
  return get_big_endian<std::uint64_t>(**kept);
}

// -- reading ----------------------------------------------------------------------

storage_result<std::optional<std::string>> database::get(std::string_view key) const {
  const std::shared_lock stays_open(open_);
  return get_from(db_.get(), key);
}

storage_result<std::optional<std::string>> store_scan::get(std::string_view key) const {
  return get_from(db_, key, as_of_);
}

std::unique_ptr<leveldb::Iterator> store_scan::another() const {
  leveldb::ReadOptions how = checked(as_of_);
  how.fill_cache = as_of_ == nullptr;
  return std::unique_ptr<leveldb::Iterator>(
      db_ != nullptr ? db_->NewIterator(how)
                     : leveldb::NewErrorIterator(leveldb::Status::IOError("the store is closed")));
}

store_scan database::scan() const {
  store_scan scan;
  scan.open_ = std::shared_lock(open_);
  scan.db_ = db_.get();
  scan.iterator_ = scan.another();
  return scan;
}

storage_result<store_snapshot> database::snapshot() const {
  const std::shared_lock stays_open(open_);
  if (db_ == nullptr) return closed();
  const std::lock_guard guard(snapshots_mutex_);
  snapshots_.push_back(db_->GetSnapshot());
  return store_snapshot(*this, snapshots_.back(), opening_);
}

store_snapshot::~store_snapshot() {
  if (snapshot_ == nullptr) return;
  const std::shared_lock stays_open(store_->open_);
  if (store_->opening_ != opening_) return;
  const std::lock_guard guard(store_->snapshots_mutex_);
  std::erase(store_->snapshots_, snapshot_);
  store_->db_->ReleaseSnapshot(snapshot_);
}

storage_result<store_scan> store_snapshot::scan() const {
  store_scan scan;
  scan.open_ = std::shared_lock(store_->open_);
  if (store_->opening_ != opening_)
    return storage_error{storage_error::kind::io,
                         "a write failed meanwhile, and the store was opened anew; try again"};
  scan.db_ = store_->db_.get();
  scan.as_of_ = snapshot_;
  scan.iterator_ = scan.another();
  return scan;
}

std::uint64_t database::bytes_on_disk() const {
  std::vector<std::string> names;
  files_->GetChildren(store_, &names);
  std::uint64_t all = 0;
  for (const std::string& name : names) {
    std::uint64_t size = 0;
    // LevelDB may have removed it since, and directories are none of its files.
    if (name != "." && name != ".." && name != "lost" &&
        files_->GetFileSize(store_ + '/' + name, &size).ok())
      all += size;
  }
  return all;
}

std::uint64_t database::size_of(std::string_view from, std::string_view to) const {
  const std::shared_lock stays_open(open_);
  if (db_ == nullptr) return 0;
  const leveldb::Range range(slice(from), slice(to));
  std::uint64_t size = 0;
  db_->GetApproximateSizes(&range, 1, &size);
  return size;
}

}  // namespace troupe
