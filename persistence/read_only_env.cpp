#include "persistence/read_only_env.hpp"

#include <leveldb/helpers/memenv.h>

#include <algorithm>

namespace troupe {

namespace {

using leveldb::Status;

Status refused(const std::string& name) { return Status::IOError(name, "is only read"); }
Status not_there(const std::string& name) { return Status::NotFound(name, "no such file"); }

}  // namespace

class read_only_env::writer final : public leveldb::WritableFile {
public:
  writer(const read_only_env& env, std::unique_ptr<leveldb::WritableFile> file, std::string name)
      : env_(env), file_(std::move(file)), name_(std::move(name)) {}
  Status Append(const leveldb::Slice& bytes) override {
    return env_.is_full_ ? refused(name_) : file_->Append(bytes);
  }
  Status Close() override { return file_->Close(); }
  Status Flush() override { return file_->Flush(); }
  Status Sync() override { return file_->Sync(); }

private:
  const read_only_env& env_;
  const std::unique_ptr<leveldb::WritableFile> file_;
  const std::string name_;
};

read_only_env::read_only_env(leveldb::Env* files)
    : EnvWrapper(files), written_(leveldb::NewMemEnv(files)) {}

read_only_env::~read_only_env() = default;

/// The first work that is put off is a compaction; an open store writes nothing else.
void read_only_env::Schedule(void (*work)(void*), void* argument) {
  is_full_ = true;
  target()->Schedule(work, argument);
}

bool read_only_env::is_hidden(const std::string& name) {
  const std::lock_guard guard(mutex_);
  return hidden_.contains(name);
}

// -- reading ----------------------------------------------------------------------

Status read_only_env::NewSequentialFile(const std::string& name, leveldb::SequentialFile** opened) {
  *opened = nullptr;
  if (written_->FileExists(name)) return written_->NewSequentialFile(name, opened);
  return is_hidden(name) ? not_there(name) : target()->NewSequentialFile(name, opened);
}

Status read_only_env::NewRandomAccessFile(const std::string& name,
                                          leveldb::RandomAccessFile** opened) {
  *opened = nullptr;
  if (written_->FileExists(name)) return written_->NewRandomAccessFile(name, opened);
  return is_hidden(name) ? not_there(name) : target()->NewRandomAccessFile(name, opened);
}

bool read_only_env::FileExists(const std::string& name) {
  return written_->FileExists(name) || (!is_hidden(name) && target()->FileExists(name));
}

Status read_only_env::GetChildren(const std::string& directory, std::vector<std::string>* names) {
  const Status status = target()->GetChildren(directory, names);
  std::erase_if(*names, [&](const std::string& name) { return is_hidden(directory + '/' + name); });
  std::vector<std::string> written;
  written_->GetChildren(directory, &written);
  names->insert(names->end(), written.begin(), written.end());
  std::ranges::sort(*names);
  names->erase(std::unique(names->begin(), names->end()), names->end());
  return status;
}

Status read_only_env::GetFileSize(const std::string& name, std::uint64_t* size) {
  if (written_->FileExists(name)) return written_->GetFileSize(name, size);
  return is_hidden(name) ? not_there(name) : target()->GetFileSize(name, size);
}

// -- what only seems to happen ----------------------------------------------------

Status read_only_env::NewWritableFile(const std::string& name, leveldb::WritableFile** opened) {
  *opened = nullptr;
  if (is_full_) return refused(name);
  leveldb::WritableFile* file = nullptr;
  const Status status = written_->NewWritableFile(name, &file);
  if (status.ok()) *opened = new writer(*this, std::unique_ptr<leveldb::WritableFile>(file), name);
  return status;
}

Status read_only_env::NewAppendableFile(const std::string& name, leveldb::WritableFile** opened) {
  *opened = nullptr;
  return refused(name);
}

Status read_only_env::RemoveFile(const std::string& name) {
  if (written_->FileExists(name)) return written_->RemoveFile(name);
  const std::lock_guard guard(mutex_);
  hidden_.insert(name);
  return {};
}

Status read_only_env::RenameFile(const std::string& from, const std::string& to) {
  return written_->FileExists(from) ? written_->RenameFile(from, to) : refused(from);
}

Status read_only_env::LockFile(const std::string&, leveldb::FileLock** lock) {
  *lock = new leveldb::FileLock;
  return {};
}

Status read_only_env::UnlockFile(leveldb::FileLock* lock) {
  delete lock;
  return {};
}

}  // namespace troupe
