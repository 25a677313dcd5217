#!/usr/bin/env python3
"""Enforces who may include whom; see docs/architecture.md."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a folder may include of the project (prefixes) and of the world outside (patterns). A folder
# that names no patterns may include anything from outside.
LAWS = {
    "libbroker": {
        "own": ["libbroker/"],
        "forbidden": [r"caf/", r"boost/asio", r"boost/beast", r"leveldb/", r"spdlog/", r"thread$",
                      r"mutex$", r"condition_variable$", r"future$", r"iostream$", r"fstream$",
                      r"sys/", r"unistd\.h$"],
    },
    "actors": {
        "own": ["actors/", "libbroker/"],
        "forbidden": [r"boost/asio", r"boost/beast", r"leveldb/", r"sys/socket\.h$"],
    },
    "net": {
        "own": ["net/", "actors/protocol.hpp", "actors/protocol/", "actors/connection.hpp", "libbroker/"],
        "forbidden": [r"leveldb/"],
    },
    "persistence": {
        "own": ["persistence/", "actors/counted.hpp", "actors/protocol.hpp", "actors/protocol/", "libbroker/"],
        "forbidden": [r"boost/asio", r"boost/beast"],
    },
    "apps/troupe": {
        "own": ["apps/troupe/", "net/", "actors/", "persistence/", "libbroker/"],
        "forbidden": [r"leveldb/"],
    },
    "apps/troupectl": {
        "own": ["apps/troupectl/", "net/control_client.hpp", "net/inspection_client.hpp",
                "net/cluster_secret.hpp", "persistence/", "libbroker/"],
        "forbidden": [r"leveldb/", r"caf/", r"boost/"],
    },
    "examples": {"own": ["apps/troupe/", "libbroker/"], "forbidden": []},
    "apps/troupe-bench": {"own": ["apps/troupe-bench/", "libbroker/"], "forbidden": [r"caf/"]},
}
# Expensive or exceptional headers, each with the only files that may include it.
ONLY_IN = {
    r"toml": {"libbroker/config/load_toml.cpp"},
    r"sodium\.h$": {"libbroker/cluster/link_crypto.cpp"},
    r"openssl/": {"net/tls_context.cpp", "net/tls_session.cpp"},
    r"xxhash\.h$": {"libbroker/topic.cpp", "libbroker/text_hash.cpp", "persistence/log_record.cpp",
                    "libbroker/cluster/rendezvous.cpp"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')


def violations():
    for folder, law in LAWS.items():
        for path in sorted((ROOT / folder).rglob("*.[hc]pp")):
            name = path.relative_to(ROOT).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                own, header = found[1] == '"', found[2]
                if own and not any(header.startswith(prefix) for prefix in law["own"]):
                    yield f"{name}:{number}: {folder} may not include {header}"
                if not own and any(re.match(pattern, header) for pattern in law["forbidden"]):
                    yield f"{name}:{number}: {folder} may not include <{header}>"
                for pattern, places in ONLY_IN.items():
                    if not own and re.match(pattern, header) and name not in places:
                        yield f"{name}:{number}: <{header}> belongs into {' and '.join(sorted(places))} only"


def main():
    found = list(violations())
    print("\n".join(found) if found else "Every include keeps to the layers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
