#!/usr/bin/env bash
# A scripted scale test: starts a broker, raises the number of idle clients step by step, and
# prints for each step how fast they were accepted, what they cost in memory, and the latency
# that 10 busy pairs see meanwhile.
#
#     examples/scale_test.sh [CLIENTS…]        default: 1000 5000 10000
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../build/release/bin"

readonly port=${PORT:-18883}
[[ $# -gt 0 ]] || set -- 1000 5000 10000

./troupe --listen "tcp://127.0.0.1:$port" --log-level warn >/dev/null &
readonly broker=$!
trap 'kill $broker; wait $broker' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.05; done

load() { ./troupe-bench --port "$port" --pid "$broker" --json --quiet "$@" | tail -1; }
value() { python3 -c "import json,sys; r=json.load(sys.stdin); print(r$1)"; }

printf '%10s %12s %14s %16s %16s\n' clients accepted/s 'bytes/client' 'p50 µs (10 pairs)' 'p99 µs'
for clients in "$@"; do
  idle=$(mktemp)
  load idle -n "$clients" --duration 6 >"$idle" &
  waiting=$!
  sleep 3
  busy=$(load latency -n 10 --rate 1000 --duration 2)
  wait "$waiting"
  printf '%10s %12s %14s %16s %16s\n' "$clients" "$(value '["connections_per_second"]' <"$idle")" \
    "$(value '["broker_rss_per_connection"]' <"$idle")" \
    "$(value '["latency_us"]["p50"]' <<<"$busy")" "$(value '["latency_us"]["p99"]' <<<"$busy")"
  rm -f "$idle"
done
