#!/bin/sh
# Fails when a source file is not as .clang-format says. Argument: the clang-format to use.
cd "$(dirname "$0")/.." && git ls-files '*.hpp' '*.cpp' | xargs "$1" --dry-run --Werror
