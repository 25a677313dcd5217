#!/usr/bin/env bash
# A cluster on this machine, to look at: starts N nodes, waits until all are linked, sends a
# message from the first to the last, says what to paste, and ends all of them on Ctrl-C.
#
#     examples/cluster/run.sh [N] [--once] [--keep] [--base-port PORT]
#
#     N                 nodes, 2 or more; default: 3
#     --once            end after the message has come across; for tests
#     --keep            leave the directory with configuration, logs and data behind
#     --base-port PORT  use PORT and the following ones, two per node; default: some that are free
#
# TROUPE_BIN names the broker; default: build/release/bin/troupe.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
readonly troupe=${TROUPE_BIN:-$root/build/release/bin/troupe}
readonly host=127.0.0.1
readonly patience=20  # seconds for the nodes to find each other

die() {
  echo "run.sh: $*" >&2
  exit 1
}

nodes=3
once=false
keep=false
base_port=
while [[ $# -gt 0 ]]; do
  case $1 in
    --once) once=true ;;
    --keep) keep=true ;;
    --base-port)
      [[ ${2:-} =~ ^[0-9]{1,5}$ ]] || die "--base-port takes a port"
      base_port=$2
      shift
      ;;
    -h | --help)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      [[ $1 =~ ^[0-9]{1,3}$ ]] || die "expected a number of nodes, got $1"
      nodes=$((10#$1))
      ;;
  esac
  shift
done
((nodes >= 2)) || die "a cluster has 2 nodes or more"
[[ -x $troupe ]] || die "$troupe is not there: build it with ./dev build, or say in TROUPE_BIN where it is"

# -- ports: node i has mqtt_port i for clients and cluster_port i for other nodes

in_use() { (exec 3<>"/dev/tcp/$host/$1") 2>/dev/null; }

all_free() {  # FIRST: so many as are needed, from there on
  local port
  for ((port = $1; port < $1 + 2 * nodes; ++port)); do
    if in_use "$port"; then return 1; fi
  done
}

if [[ -n $base_port ]]; then
  base_port=$((10#$base_port))
  ((base_port > 0 && base_port + 2 * nodes <= 65536)) || die "there are not enough ports from $base_port on"
else
  for ((attempt = 0; attempt < 20; ++attempt)); do
    base_port=$((20000 + RANDOM % 10000))  # below the ports that the kernel gives to connections
    if all_free "$base_port"; then break; fi
  done
fi
all_free "$base_port" || die "some port from $base_port on is in use"
mqtt_port() { echo $((base_port + 2 * ($1 - 1))); }
cluster_port() { echo $((base_port + 2 * ($1 - 1) + 1)); }

# -- the end

directory=$(mktemp -d "${TMPDIR:-/tmp}/troupe-cluster.XXXXXX")
readonly directory

clean_up() {
  local status=$? running
  trap - EXIT
  trap '' INT TERM
  for ((tenth = 0; tenth < 150; ++tenth)); do
    running=$(jobs -pr)
    [[ -n $running ]] || break
    # What does not end within the time that nodes give themselves is killed.
    for pid in $running; do
      if ((tenth == 0)); then kill "$pid" 2>/dev/null || true; fi
      if ((tenth == 100)); then kill -KILL "$pid" 2>/dev/null || true; fi
    done
    sleep 0.1
  done
  if $keep || ((status != 0)); then
    echo "What there was is in $directory"
  else
    rm -rf "$directory"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 0' INT TERM

fail() {  # SENTENCE: says what the nodes said last, too
  echo "run.sh: $*" >&2
  tail -n 5 "$directory"/node-*.log >&2 || true
  exit 1
}

# -- configuration: all nodes have the same, but for their names, ports and data

secret_file=$directory/secret
(
  umask 077
  head -c 24 /dev/urandom | base64 >"$secret_file"
)

for ((i = 1; i <= nodes; ++i)); do
  cat >"$directory/node-$i.toml" <<END
[node]
name = "node-$i"
data-dir = "$directory/node-$i"

[[listener]]
address = "tcp://$host:$(mqtt_port "$i")"

[cluster]
listen = "$host:$(cluster_port "$i")"
seeds = ["$host:$(cluster_port 1)", "$host:$(cluster_port 2)"]
secret-file = "$secret_file"
END
done

# -- the nodes

declare -A pids
for ((i = 1; i <= nodes; ++i)); do
  "$troupe" --config "$directory/node-$i.toml" >"$directory/node-$i.out" 2>"$directory/node-$i.log" &
  pids[$i]=$!
done

links_of() { { grep -o 'event=node_up node=[^ ]*' "$directory/node-$1.log" || true; } | sort -u | wc -l; }

give_up_at=$((SECONDS + patience))
for ((i = 1; i <= nodes; ++i)); do
  until (($(links_of "$i") == nodes - 1)); do
    for ((j = 1; j <= nodes; ++j)); do
      kill -0 "${pids[$j]}" 2>/dev/null || fail "node-$j has ended"
    done
    ((SECONDS < give_up_at)) || fail "node-$i has no link with some other node after $patience seconds"
    sleep 0.05
  done
done

echo "$nodes nodes, each linked with every other:"
for ((i = 1; i <= nodes; ++i)); do
  echo "  node-$i  clients $host:$(mqtt_port "$i")  other nodes $host:$(cluster_port "$i")  pid ${pids[$i]}"
done

# -- a message from the first to the last

if command -v mosquitto_sub >/dev/null && command -v mosquitto_pub >/dev/null; then
  readonly got=$directory/got
  : >"$got"
  stdbuf -oL mosquitto_sub -d -h "$host" -p "$(mqtt_port "$nodes")" -t 'demo/#' -q 1 -C 1 -W 15 >>"$got" 2>&1 &
  subscriber=$!
  # The answer to the subscription says that the other nodes know of it.
  until grep -q '^Subscribed' "$got"; do
    kill -0 "$subscriber" 2>/dev/null || fail "node-$nodes took no subscription: $(cat "$got")"
    sleep 0.02
  done
  mosquitto_pub -h "$host" -p "$(mqtt_port 1)" -t demo/greeting -q 1 -m "hello from node-1" ||
    fail "node-1 took no message"
  wait "$subscriber" || fail "the message did not come: $(cat "$got")"
  grep -qx 'hello from node-1' "$got" || fail "something else came: $(cat "$got")"
  echo "A subscriber of node-$nodes got what was published to node-1: hello from node-1"
else
  echo "mosquitto_pub and mosquitto_sub are not installed: no message was sent."
fi
if $once; then exit 0; fi

cat <<END

Try it:
  mosquitto_sub -h $host -p $(mqtt_port "$nodes") -t 'demo/#' -v
  mosquitto_pub -h $host -p $(mqtt_port 1) -t demo/hello -m hi
See what nodes say of each other, then kill one:
  tail -f $directory/node-1.log
  kill -KILL ${pids[$nodes]}
And start it again:
  $troupe --config $directory/node-$nodes.toml

Ctrl-C ends the nodes that were started here$($keep || echo " and removes $directory").
END
wait
echo "All nodes have ended."
