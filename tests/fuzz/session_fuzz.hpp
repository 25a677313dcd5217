#pragma once

#include "libbroker/bytes.hpp"

/// What must hold for a session whatever its client, the shards and time do;
/// shared by the libFuzzer target and the bounded random test of the normal build.
namespace troupe::test {

/// Plays `script` to a session: its first bytes choose the settings, the others
/// what happens, one step after the other. Aborts when a promise is broken.
void fuzz_session(byte_view script);

}  // namespace troupe::test
