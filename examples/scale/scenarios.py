"""The scale tests: each starts a cluster of its own and returns its figures, rows of a table.

Load comes from `troupe-bench`, a process per node; this process starts and ends, and reads clocks, logs and /proc.
"""

import contextlib
import dataclasses
import datetime
import pathlib
import resource
import sys
import time

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "bench"))

import filters as many
import load
import nodes

FOR_EVER = 3600  # seconds: until it is told to end
PATIENCE = 180   # seconds for all clients to be connected
LISTENERS = 3    # of a node: Linux finds a port for a connection slowly when half of those to one listener are taken
OTHER_FILES = 500  # that a process has open beside its clients
FILTERS_OF_A_CLIENT = 100_000
KEEP_ALIVE = 10  # seconds, of idle clients; they ping after three quarters of that
PING_INTERVAL = KEEP_ALIVE * 3 / 4


@dataclasses.dataclass
class scale:
    """How large, and what has been started."""

    nodes: int
    clients: int
    filters: int
    workers: int
    seconds: float  # measured each time
    running: list = dataclasses.field(default_factory=list)

    def pids(self):
        return [each.process.pid for each in self.running if each.process and each.process.poll() is None]

    @contextlib.contextmanager
    def cluster(self, size=None):
        """Linked nodes, as a list. An error that one of them logs is a failure."""
        names = [f"n{number + 1}" for number in range(size or self.nodes)]
        made = nodes.cluster(names, log_level="info", listeners=LISTENERS, options=(
            f"scheduler.workers={self.workers}", "limits.max-subscriptions-per-session=0"))
        self.running += made
        try:
            yield list(made.start_at_once())
        except BaseException:
            made.stop()
            raise
        else:
            wrong = made.stop()
            if wrong:
                raise load.failed("; ".join(wrong[:5]))
        finally:
            del self.running[:]

    @contextlib.contextmanager
    def loads(self, commands):
        """Load generators, killed at the end if they run then."""
        made = []
        try:
            for arguments in commands:
                made.append(load.load(*arguments))
                self.running.append(made[-1])
            yield made
        finally:
            for one in made:
                if one.alive():
                    one.kill()
                if one in self.running:
                    self.running.remove(one)

    def per_node(self):
        return self.clients // self.nodes


def check(wanted):
    """A sentence if this machine cannot have so many; or None."""
    most = most_clients()
    if wanted.nodes < 1 or wanted.clients < wanted.nodes:
        return "There must be a node, and a client for each."
    if wanted.per_node() > most:
        return (f"{wanted.per_node():,} clients on a node are too many: a process may open {most + OTHER_FILES:,} files "
                f"here. {wanted.clients:,} clients need {-(-wanted.clients // most)} nodes.")
    return None


def most_clients():
    """Of one process."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - OTHER_FILES


# -- what scenarios have in common


def ports(*those):
    """All ports of these nodes, in turns."""
    return ",".join(str(port) for turn in zip(*(each.tcp_ports for each in those)) for port in turn)


def idle(node, count, *more):
    return ("idle", "-n", count, "--port", ports(node), "--duration", FOR_EVER, "--connecting", 200,
            "--keep-alive", KEEP_ALIVE, "--clients-prefix", f"{node.name}-", *more)


def wait_connected(loads, count):
    """Until the generators have so many connections each; what they say of it comes once a second."""
    def all_are():
        for one in loads:
            if not one.alive():
                raise load.failed(" ".join(one.said) or "a load generator has ended")
        return all(one.connected >= count for one in loads)
    nodes.until(all_are, PATIENCE, lambda: f"{count} clients connect, {[one.connected for one in loads]}")


def cpu_of(those):
    return sum(load.cpu_seconds(each.process.pid) for each in those)


def busy_while(those, seconds):
    """Percent of a core that each of these nodes takes."""
    before = cpu_of(those)
    time.sleep(seconds)
    return 100 * (cpu_of(those) - before) / seconds / len(those)


def rss_of(those):
    return sum(each.rss_mib() for each in those) / len(those)


def probe(publish_at, receive_at, seconds=FOR_EVER):
    """1,000 messages a second from a client to another: what others feel."""
    return ("latency", "--rate", 1000, "--duration", seconds, "--port", ports(publish_at),
            "--subscriber-port", ports(receive_at), "--clients-prefix", "probe-", "--topic-prefix", "probe")


def links_given_up(those, marks=None):
    """What is for the other side at QoS 0 is lost meanwhile."""
    return sum(len(each.lines("event=node_down", marks and marks[each])) for each in those)


def logged_in(results):
    """Seconds until the slowest generator had all its clients connected."""
    return max(each["connections"] / max(each["connections_per_second"], 1) for each in results)


def worst(results, figure, part):
    if not all(each[figure] for each in results):
        raise load.failed("nothing arrived while it was measured")
    return max(each[figure][part] for each in results)


def when(line):
    """Of a line of a node's log, in seconds as `time.time`."""
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0]).replace(tzinfo=datetime.timezone.utc).timestamp()


# -- scenarios


def clients(wanted):
    """Idle clients on 1, 2, … nodes, as many on each: what a node and a client cost as the cluster grows. Each client
    pings every 7.5 s."""
    rows = []
    for size in sorted({1, min(2, wanted.nodes), (wanted.nodes + 1) // 2, wanted.nodes}):
        with wanted.cluster(size) as those:
            empty_rss, empty_cpu = rss_of(those), busy_while(those, wanted.seconds)
            count = wanted.per_node()
            with wanted.loads([idle(each, count) for each in those]) as loads:
                wait_connected(loads, count)
                rss, cpu = rss_of(those), busy_while(those, PING_INTERVAL)
                felt = load.run(*probe(those[0], those[-1], wanted.seconds), "--quiet")["latency_us"]
                done = [one.end().result() for one in loads]
            rows.append({
                "nodes": size, "clients": size * count,
                "logins/s": size * count / logged_in(done),
                "empty node: RSS, MiB": empty_rss, "CPU, % of a core": empty_cpu,
                "with clients: RSS, MiB": rss, "CPU, %": cpu,
                "a client: RSS, bytes": (rss - empty_rss) * 2**20 / count,
                "CPU for each of its pings, µs": (cpu - empty_cpu) / 100 * 1e6 * PING_INTERVAL / count,
                "message first → last node: p50, µs": felt["p50"], "p99, µs": felt["p99"]})
    return rows


def traffic(wanted, unit, commands, qos, pace, *pacing):
    """Rates of load generators that run at the same time, and what the nodes spent for a message. `pacing`: options that
    are `pace` in words."""
    warm_up = min(5, wanted.seconds)
    with wanted.cluster() as those:
        every = [(*arguments, *pacing, "-q", qos, "--topic-prefix", f"scale/{number}", "--duration", wanted.seconds,
                  "--warmup", 2 * warm_up, "--connecting", 200, "--linger", 15)
                 for number, arguments in enumerate(commands(those))]
        with wanted.loads(every) as loads:
            wait_connected(loads, wanted.per_node() + 1)
            # All measure meanwhile: none was connected more than a warm-up before the last one.
            time.sleep(warm_up)
            before, begin = cpu_of(those), time.monotonic()
            time.sleep(wanted.seconds)
            spent = (cpu_of(those) - before) / (time.monotonic() - begin)
            rss = max(each.rss_mib() for each in those)
            done = [one.result(complete=qos > 0) for one in loads]
            down = links_given_up(those)
    lost = sum(each["lost"] for each in done)
    if lost and not down:
        raise load.failed(f"lost {lost} at QoS 0, though all links were there")
    rate = sum(each["delivered_per_second"] for each in done)
    return {"QoS": qos, "pace": pace, "clients": sum(each["connections"] for each in done), f"{unit}/s": rate,
            "CPU of all nodes, µs each": spent / max(rate, 1) * 1e6,
            "latency p50, ms": worst(done, "latency_us", "p50") / 1000,
            "p99, ms": worst(done, "latency_us", "p99") / 1000,
            "lost": lost, "links given up": down,
            "largest node: RSS, MiB": rss}


def fan_in(wanted):
    """Publishers on all nodes, each with a topic of its own; a subscriber on each node gets what an equal part of them
    publishes, wherever they are."""
    def commands(those):
        return [("fan-in", "-n", wanted.per_node(), "--own-topics", "--port", ports(*those),
                 "--subscriber-port", ports(each)) for each in those]
    each_in_5_s = "each a message in 5 s", "--rate", wanted.per_node() / 5
    one_under_way = "each has one under way", "--closed-loop", 1
    return [traffic(wanted, "messages", commands, qos, *pace) for pace in (each_in_5_s, one_under_way) for qos in (0, 1)]


def fan_out(wanted):
    """A publisher on each node reaches an equal part of all subscribers, who are on all nodes."""
    def commands(those):
        return [("fan-out", "-n", wanted.per_node(), "--port", ports(each), "--subscriber-port", ports(*those))
                for each in those]
    interval = wanted.seconds / 2.5
    at_a_pace = f"each a message in {interval:g} s", "--rate", 1 / interval
    two_under_way = "each has two under way", "--closed-loop", 2
    return [traffic(wanted, "deliveries", commands, qos, *pace) for pace in (at_a_pace, two_under_way) for qos in (0, 1)]


def storm(wanted):
    """All connections are lost at once, and all clients log in again; they have sessions that outlive that."""
    rows, count = [], wanted.per_node()
    with wanted.cluster() as those:
        turned = those[1:] + those[:1]
        for what, places in (("at the same node", those), ("at the next node", turned)):
            with wanted.loads([idle(each, count, "--persistent") for each in those]) as before:
                wait_connected(before, count)
                with wanted.loads([probe(those[0], those[-1])]) as (felt,):
                    nodes.until(lambda: felt.connected == 2, PATIENCE, "the probe connects")
                    for one in before:
                        one.process.kill()
                    marks = {each: each.mark() for each in those}
                    with wanted.loads([("connect", "-n", count, "--persistent", "--clients-prefix", f"{old.name}-",
                                        "--port", ports(new), "--connecting", 200, "--quiet")
                                       for old, new in zip(those, places)]) as after:
                        done = [one.result() for one in after]
                    others = felt.end().result(complete=False)
            moved = sum(len(each.lines("event=session_moved", marks[each])) for each in those)
            refused = sum(each["failed_connections"] for each in done)
            if refused:
                raise load.failed(f"{refused} logins failed")
            rows.append({"they come back": what, "clients": count * len(those), "seconds": logged_in(done),
                         "logins/s": count * len(those) / logged_in(done), "sessions that followed": moved,
                         "CONNACK p50, ms": worst(done, "connack_us", "p50") / 1000,
                         "p99, ms": worst(done, "connack_us", "p99") / 1000,
                         "links given up": links_given_up(those, marks),
                         "others' messages meanwhile: p50, ms": others["latency_us"]["p50"] / 1000,
                         "p99 of them, ms": others["latency_us"]["p99"] / 1000, "lost": others["lost"]})
    return rows


def kill(wanted):
    """kill -9 of a node: when the others notice, when its clients are served elsewhere; and one that is frozen."""
    if wanted.nodes < 3:
        raise load.failed("kill needs three nodes or more")
    # The others must have room for the clients of the one that is killed.
    rows, count = [], min(wanted.per_node(), most_clients() * (wanted.nodes - 1) // wanted.nodes)

    def note(what, seconds):
        rows.append({"from that moment until": what, "ms": 1000 * seconds})

    def noted(those, event, since, marks):
        return [when(each.says(event, marks[each], within=60)) - since for each in those]

    with wanted.cluster() as those:
        *rest, victim = those
        served = ("fan-out", "-n", count, "--port", ports(rest[0]), "--clients-prefix", "lost-", "--connecting", 200)
        with wanted.loads([*(idle(each, count) for each in rest),
                           (*served, "--subscriber-port", ports(victim), "--rate", 1, "--duration", FOR_EVER)]) as loads:
            wait_connected(loads, count)
            with wanted.loads([probe(rest[0], rest[1])]) as (felt,):
                nodes.until(lambda: felt.connected == 2, PATIENCE, "the probe connects")
                marks = {each: each.mark() for each in rest}
                begin = time.time()
                victim.process.kill()
                loads[-1].process.kill()
                with wanted.loads([(*served, "--subscriber-port", ports(*rest), "--messages", 1, "--quiet")]) as (again,):
                    started = time.time() - begin
                    done = again.result()
                victim.kill()
                others = felt.end().result(complete=False)
            notice = noted(rest, f"event=node_down node={victim.name} ", begin, marks)
            note("kill -9: the first of the other nodes knows", min(notice))
            note("… the last", max(notice))
            back = started + logged_in([done])
            note(f"its {count:,} clients have logged in at the others, and all nodes know their subscriptions", back)
            note("… and each has a message that was published at another node since", back + done["seconds"])
            note("messages between two other nodes meanwhile: latency p99", others["latency_us"]["p99"] / 1e6)
            note("it counts as dead", max(noted(rest, f"event=node_dead node={victim.name}", begin, marks)))
            marks = {each: each.mark() for each in rest}
            begin = time.time()
            victim.spawn()
            note("started again: it is linked with all",
                 max(noted(rest, f"event=node_up node={victim.name} ", begin, marks)))
            marks = {each: each.mark() for each in rest}
            begin = time.time()
            victim.pause()
            try:
                notice = noted(rest, f"event=node_down node={victim.name} ", begin, marks)
            finally:
                victim.resume()
            note("frozen (SIGSTOP): the first of the other nodes knows", min(notice))
            note("… the last", max(notice))
            begin = time.time()
            note("goes on (SIGCONT): it is linked with all",
                 max(noted(rest, f"event=node_up node={victim.name} ", begin, marks)))
    return rows


def routes(wanted):
    """Filters of clients at the first node, every second one with a wildcard: when the others know them, what one
    costs, what messages cost beside them, and how soon a node that starts has them."""
    if wanted.nodes < 2:
        raise load.failed("routes needs two nodes or more")
    rows = []

    def note(what, value):
        rows.append({"": what, "figure": value})

    topics = many.topics(wanted.filters, "scale")
    names = [topic[:-1] + "+" if number % 2 else topic for number, topic in enumerate(topics)]
    parts = [slice(first, first + FILTERS_OF_A_CLIENT) for first in range(0, len(topics), FILTERS_OF_A_CLIENT)]
    with wanted.cluster() as those, contextlib.ExitStack() as ending:
        first, *rest = those

        def hop(*arguments):
            return load.run(*arguments, "--quiet", "--duration", wanted.seconds, "--port", ports(rest[-1]),
                            "--subscriber-port", ports(first))

        def hop_figures(how_many):
            note(f"50 pairs at QoS 0 across two nodes beside {how_many} filters, messages/s",
                 hop("pairs")["delivered_per_second"])
            note(f"5,000 msg/s across two nodes beside {how_many} filters: p50, µs",
                 hop("latency", "--rate", 5000)["latency_us"]["p50"])

        hop_figures("no")
        holders = [ending.enter_context(many.many_filters(first.tcp_port, f"holder-{number}", names[part], topics[part]))
                   for number, part in enumerate(parts)]
        empty = [each.rss_mib() for each in those]
        begin = time.monotonic()
        for each in holders:
            each.subscribe()
        for each in rest:
            many.settle(first.tcp_port, each.tcp_port)
        note(f"{wanted.filters:,} filters subscribed at the first node and known at all {wanted.nodes}, s",
             time.monotonic() - begin)
        own, *other = [(now.rss_mib() - before) * 2**20 / wanted.filters for now, before in zip(those, empty)]
        note("a filter: RSS at its node, bytes", own)
        note("a filter: RSS at each other node, bytes", sum(other) / len(other))
        begin = time.monotonic()
        for each in holders:
            each.gets(rest[-1].tcp_port)
        note("a message from another node for each of them, 1,000 under way: messages/s",
             wanted.filters / (time.monotonic() - begin))
        hop_figures(f"{wanted.filters:,}")
        last = rest[-1]
        last.kill()
        begin = time.monotonic()
        last.start()
        nodes.until(lambda: last.lines(f"event=node_up node={first.name} "), 60, f"{last.name} has a link with {first.name}")
        many.settle(first.tcp_port, last.tcp_port)
        note("the last node killed and started again, without a disk: it knows all after, s", time.monotonic() - begin)
        for each in holders:
            each.gets(last.tcp_port, each.messages[-1:])
    return rows


ALL = {"clients": clients, "fan-in": fan_in, "fan-out": fan_out, "storm": storm, "kill": kill, "routes": routes}
