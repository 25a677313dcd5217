#pragma once

#include <leveldb/env.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace troupe::test {

/// Files in memory that remember what was synced, fail when told to, and lose
/// everything else when the power goes.
class faulty_disk final : public leveldb::EnvWrapper {
public:
  faulty_disk() : EnvWrapper(leveldb::Env::Default()) {}

  // -- faults

  /// The n-th of the writes from now on (1 = the next) fails, and all after it until
  /// `heal`; half of their bytes get through. Syncs likewise.
  void fail_writes_from(std::uint64_t n) { set(write_fails_in_, n); }
  void fail_syncs_from(std::uint64_t n) { set(sync_fails_in_, n); }
  /// No file may grow when all take so many bytes.
  void set_size(std::uint64_t bytes);
  void heal();

  /// The power goes: of each file a part of what was not synced is lost, the rest may
  /// be torn at any byte. Whoever has files open writes to what is not there any more.
  void cut_power(std::mt19937_64& random);

  // -- what one can see and do from outside

  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] std::uint64_t size_of(const std::string& name) const;
  void flip_bit(const std::string& name, std::uint64_t bit);
  void truncate(const std::string& name, std::uint64_t size);
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }

  // -- leveldb::Env

  leveldb::Status NewSequentialFile(const std::string& name,
                                    leveldb::SequentialFile** opened) override;
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** opened) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** opened) override;
  leveldb::Status NewAppendableFile(const std::string& name,
                                    leveldb::WritableFile** opened) override;
  bool FileExists(const std::string& name) override;
  leveldb::Status GetChildren(const std::string& directory,
                              std::vector<std::string>* names) override;
  leveldb::Status RemoveFile(const std::string& name) override;
  leveldb::Status CreateDir(const std::string& name) override;
  leveldb::Status RemoveDir(const std::string& name) override;
  leveldb::Status GetFileSize(const std::string& name, std::uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;

private:
  struct file {
    std::string bytes;
    std::size_t synced = 0;
  };
  using file_ptr = std::shared_ptr<file>;
  class writer;
  class sequential_reader;
  class random_reader;

  void set(std::uint64_t& fault, std::uint64_t n);
  file_ptr find(const std::string& name) const;
  leveldb::Status append(file& to, const leveldb::Slice& bytes);
  leveldb::Status sync(file& which);

  mutable std::mutex mutex_;
  std::map<std::string, file_ptr> files_;
  std::vector<std::string> directories_;
  std::vector<std::string> locked_;
  std::uint64_t write_fails_in_ = 0;  // 0 = never
  std::uint64_t sync_fails_in_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
  std::uint64_t used_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace troupe::test
