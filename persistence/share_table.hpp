#pragma once

#include "libbroker/share/kept_share.hpp"
#include "persistence/database.hpp"

#include <functional>
#include <string_view>

namespace troupe {

/// What is kept of share groups. Stages into a database whose owner commits; one thread.
class share_table {
public:
  explicit share_table(database& store) : store_(store) {}

  void keep(const kept_share& group);
  void remove(std::string_view share);
  /// A message that another node has lent to the group has come.
  void add_loan(std::string_view share, const share_loan& loan);
  void change_loans(std::string_view share, const loan_changes& changes);

  struct figures {
    std::size_t groups = 0;
    std::size_t loans = 0;
    std::size_t damaged = 0;  ///< of both, that were left out
  };
  /// Hands out all that were committed and stages the removal of damaged ones.
  [[nodiscard]] figures load(const std::function<void(kept_share&&)>& take);

private:
  database& store_;
};

/// Whether `value` under `key`, one of a share group's, can be read.
[[nodiscard]] bool is_whole_share(std::string_view key, std::string_view value);
/// The same of a loan.
[[nodiscard]] bool is_whole_loan(std::string_view key, std::string_view value);

}  // namespace troupe
