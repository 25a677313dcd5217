#pragma once

#include <caf/all.hpp>

/// To stand outside of all namespaces: the message stays in the process, and need not be
/// serialised.
#define TROUPE_LOCAL_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::name)
