#include "tests/persistence/faulty_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace troupe::test {

namespace {

using leveldb::Slice;
using leveldb::Status;

struct held_lock final : leveldb::FileLock {
  explicit held_lock(std::string of) : name(std::move(of)) {}
  std::string name;
};

Status not_there(const std::string& name) { return Status::NotFound(name, "no such file"); }

/// Counts down to a fault that stays: true when it is time.
bool is_due(std::uint64_t& fails_in) {
  if (fails_in > 1) {
    --fails_in;
    return false;
  }
  return fails_in == 1;
}

}  // namespace

// -- open files -------------------------------------------------------------------

class faulty_disk::writer final : public leveldb::WritableFile {
public:
  writer(faulty_disk& disk, file_ptr of) : disk_(disk), file_(std::move(of)) {}
  Status Append(const Slice& bytes) override { return disk_.append(*file_, bytes); }
  Status Close() override { return Status::OK(); }
  Status Flush() override { return Status::OK(); }
  Status Sync() override { return disk_.sync(*file_); }

private:
  faulty_disk& disk_;
  file_ptr file_;
};

class faulty_disk::sequential_reader final : public leveldb::SequentialFile {
public:
  sequential_reader(faulty_disk& disk, file_ptr of) : disk_(disk), file_(std::move(of)) {}
  Status Read(std::size_t count, Slice* result, char* scratch) override {
    const std::lock_guard guard(disk_.mutex_);
    const std::size_t size =
        std::min(count, file_->bytes.size() - std::min(at_, file_->bytes.size()));
    std::copy_n(file_->bytes.data() + at_, size, scratch);
    at_ += size;
    *result = Slice(scratch, size);
    return Status::OK();
  }
  Status Skip(std::uint64_t count) override {
    at_ += count;
    return Status::OK();
  }

private:
  faulty_disk& disk_;
  file_ptr file_;
  std::size_t at_ = 0;
};

class faulty_disk::random_reader final : public leveldb::RandomAccessFile {
public:
  random_reader(faulty_disk& disk, file_ptr of) : disk_(disk), file_(std::move(of)) {}
  Status Read(std::uint64_t offset, std::size_t count, Slice* result,
              char* scratch) const override {
    const std::lock_guard guard(disk_.mutex_);
    const std::size_t begin = std::min<std::size_t>(offset, file_->bytes.size());
    const std::size_t size = std::min(count, file_->bytes.size() - begin);
    std::copy_n(file_->bytes.data() + begin, size, scratch);
    *result = Slice(scratch, size);
    return Status::OK();
  }

private:
  faulty_disk& disk_;
  file_ptr file_;
};

// -- faults -----------------------------------------------------------------------

void faulty_disk::set(std::uint64_t& fault, std::uint64_t n) {
  const std::lock_guard guard(mutex_);
  fault = n;
}

void faulty_disk::set_size(std::uint64_t bytes) {
  const std::lock_guard guard(mutex_);
  capacity_ = bytes;
}

void faulty_disk::heal() {
  const std::lock_guard guard(mutex_);
  write_fails_in_ = sync_fails_in_ = 0;
  capacity_ = UINT64_MAX;
}

Status faulty_disk::append(file& to, const Slice& bytes) {
  const std::lock_guard guard(mutex_);
  if (is_due(write_fails_in_)) {
    to.bytes.append(bytes.data(), bytes.size() / 2);
    return Status::IOError("write", "the disk fails");
  }
  if (used_ + bytes.size() > capacity_)
    return Status::IOError("write", std::generic_category().message(ENOSPC));
  to.bytes.append(bytes.data(), bytes.size());
  used_ += bytes.size();
  return Status::OK();
}

Status faulty_disk::sync(file& which) {
  const std::lock_guard guard(mutex_);
  if (is_due(sync_fails_in_)) return Status::IOError("sync", "the disk fails");
  which.synced = which.bytes.size();
  ++syncs_;
  return Status::OK();
}

void faulty_disk::cut_power(std::mt19937_64& random) {
  const std::lock_guard guard(mutex_);
  for (auto& [name, each] : files_) {
    const std::size_t unsynced = each->bytes.size() - each->synced;
    // Whoever still has the old file open does not write into the new one.
    auto left = std::make_shared<file>(*each);
    left->bytes.resize(each->synced + (unsynced == 0 ? 0 : random() % (unsynced + 1)));
    // What was not synced need not be what was written.
    if (left->bytes.size() > each->synced && random() % 4 == 0)
      left->bytes[each->synced + random() % (left->bytes.size() - each->synced)] ^= 0x55;
    left->synced = left->bytes.size();
    each = std::move(left);
  }
  locked_.clear();
}

// -- from outside -----------------------------------------------------------------

std::vector<std::string> faulty_disk::files() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, each] : files_)
    names.push_back(name);
  return names;
}

std::uint64_t faulty_disk::size_of(const std::string& name) const {
  const std::lock_guard guard(mutex_);
  return find(name)->bytes.size();
}

void faulty_disk::flip_bit(const std::string& name, std::uint64_t bit) {
  const std::lock_guard guard(mutex_);
  find(name)->bytes.at(bit / 8) ^= static_cast<char>(1U << (bit % 8));
}

void faulty_disk::truncate(const std::string& name, std::uint64_t size) {
  const std::lock_guard guard(mutex_);
  const file_ptr cut = find(name);
  cut->bytes.resize(size);
  cut->synced = std::min<std::size_t>(cut->synced, size);
}

// -- leveldb::Env -----------------------------------------------------------------

faulty_disk::file_ptr faulty_disk::find(const std::string& name) const {
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : found->second;
}

Status faulty_disk::NewSequentialFile(const std::string& name, leveldb::SequentialFile** opened) {
  const std::lock_guard guard(mutex_);
  const file_ptr found = find(name);
  if (found == nullptr) return not_there(name);
  *opened = new sequential_reader(*this, found);
  return Status::OK();
}

Status faulty_disk::NewRandomAccessFile(const std::string& name,
                                        leveldb::RandomAccessFile** opened) {
  const std::lock_guard guard(mutex_);
  const file_ptr found = find(name);
  if (found == nullptr) return not_there(name);
  *opened = new random_reader(*this, found);
  return Status::OK();
}

Status faulty_disk::NewWritableFile(const std::string& name, leveldb::WritableFile** opened) {
  const std::lock_guard guard(mutex_);
  *opened = new writer(*this, files_[name] = std::make_shared<file>());
  return Status::OK();
}

Status faulty_disk::NewAppendableFile(const std::string& name, leveldb::WritableFile** opened) {
  const std::lock_guard guard(mutex_);
  file_ptr& at = files_[name];
  if (at == nullptr) at = std::make_shared<file>();
  *opened = new writer(*this, at);
  return Status::OK();
}

bool faulty_disk::FileExists(const std::string& name) {
  const std::lock_guard guard(mutex_);
  return files_.contains(name) ||
         std::find(directories_.begin(), directories_.end(), name) != directories_.end();
}

Status faulty_disk::GetChildren(const std::string& directory, std::vector<std::string>* names) {
  const std::lock_guard guard(mutex_);
  names->clear();
  const std::string prefix = directory + '/';
  for (const auto& [name, each] : files_)
    if (name.starts_with(prefix) && name.find('/', prefix.size()) == std::string::npos)
      names->push_back(name.substr(prefix.size()));
  return Status::OK();
}

Status faulty_disk::RemoveFile(const std::string& name) {
  const std::lock_guard guard(mutex_);
  const file_ptr found = find(name);
  if (found == nullptr) return not_there(name);
  used_ -= std::min<std::uint64_t>(used_, found->bytes.size());
  files_.erase(name);
  return Status::OK();
}

Status faulty_disk::CreateDir(const std::string& name) {
  const std::lock_guard guard(mutex_);
  directories_.push_back(name);
  return Status::OK();
}

Status faulty_disk::RemoveDir(const std::string& name) {
  const std::lock_guard guard(mutex_);
  std::erase(directories_, name);
  return Status::OK();
}

Status faulty_disk::GetFileSize(const std::string& name, std::uint64_t* size) {
  const std::lock_guard guard(mutex_);
  const file_ptr found = find(name);
  if (found == nullptr) return not_there(name);
  *size = found->bytes.size();
  return Status::OK();
}

Status faulty_disk::RenameFile(const std::string& from, const std::string& to) {
  const std::lock_guard guard(mutex_);
  if (const auto found = files_.find(from); found != files_.end()) {
    files_[to] = std::move(found->second);
    files_.erase(from);
    return Status::OK();
  }
  // A directory with all that is in it.
  std::map<std::string, file_ptr> moved;
  std::erase_if(files_, [&](auto& each) {
    if (!each.first.starts_with(from + '/')) return false;
    moved[to + each.first.substr(from.size())] = each.second;
    return true;
  });
  files_.merge(moved);
  std::replace(directories_.begin(), directories_.end(), from, to);
  return Status::OK();
}

Status faulty_disk::LockFile(const std::string& name, leveldb::FileLock** lock) {
  const std::lock_guard guard(mutex_);
  files_.try_emplace(name, std::make_shared<file>());
  if (std::find(locked_.begin(), locked_.end(), name) != locked_.end())
    return Status::IOError("lock " + name, "already held");
  locked_.push_back(name);
  *lock = new held_lock(name);
  return Status::OK();
}

Status faulty_disk::UnlockFile(leveldb::FileLock* lock) {
  const std::lock_guard guard(mutex_);
  std::erase(locked_, static_cast<held_lock*>(lock)->name);
  delete lock;
  return Status::OK();
}

}  // namespace troupe::test
