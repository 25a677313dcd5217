#pragma once

#include <leveldb/env.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace troupe {

/// Files of another environment that are read only. LevelDB cannot open a store without
/// writing: it turns its write-ahead log into a table and begins a new manifest. What it writes
/// is kept in memory here, what it removes is only hidden. That is all of the write-ahead log at
/// most: a compaction, which might rewrite the whole store, is refused and given up.
class read_only_env final : public leveldb::EnvWrapper {
public:
  /// `files` outlives this.
  explicit read_only_env(leveldb::Env* files);
  ~read_only_env() override;

  /// To be called before each time that a store is opened. REQUIRES: none is open.
  void begin_open() noexcept { is_full_ = false; }

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
  leveldb::Status CreateDir(const std::string&) override { return {}; }
  leveldb::Status RemoveDir(const std::string&) override { return {}; }
  leveldb::Status GetFileSize(const std::string& name, std::uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  /// Locks nothing: whoever opens a store has locked what is around it.
  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;
  void Schedule(void (*work)(void*), void* argument) override;

private:
  class writer;

  [[nodiscard]] bool is_hidden(const std::string& name);

  const std::unique_ptr<leveldb::Env> written_;
  std::atomic<bool> is_full_{false};
  std::mutex mutex_;
  std::set<std::string> hidden_;  ///< of the files below
};

}  // namespace troupe
