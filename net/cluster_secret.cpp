#include "net/cluster_secret.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

namespace troupe {

cluster_key read_cluster_key(const cluster_config& settings) {
  if (settings.secret_file.empty()) return key_of_secret(settings.secret);
  std::ifstream file(settings.secret_file);
  std::string secret;
  std::getline(file, secret);  // an editor ends it with a newline
  if (!file || secret.empty())
    throw std::runtime_error("cannot read a secret from " + settings.secret_file);
  return key_of_secret(secret);
}

}  // namespace troupe
