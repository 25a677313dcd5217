"""troupectl actors and troupectl actor, which ask nodes over the cluster port; and CAF's profiler."""

import json
import os
import pathlib
import re
import subprocess

import certificates
import wire
from cluster_case import TIMEOUT, cluster_test, until
from nodes import ROOT, SECRET, cluster

BROKER = os.environ.get("TROUPE_BIN", str(ROOT / "build/release/bin/troupe"))
TROUPECTL = pathlib.Path(BROKER).with_name("troupectl")
KNOWS = ["--set", f"cluster.secret={SECRET}"]
# What is not said of the environment the broker of the tests is not told either.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TROUPE_")}


class inspection_base(cluster_test):
    def run_troupectl(self, *arguments):
        return subprocess.run([TROUPECTL, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                              env=ENVIRONMENT, cwd=self.cluster.directory)

    def text(self, *arguments):
        """What it prints when all goes well."""
        done = self.run_troupectl(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def fails(self, *arguments):
        """The one line that it says about what went wrong."""
        done = self.run_troupectl(*arguments)
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), done)
        return done.stderr

    def at(self, node, knows=KNOWS):
        return ["--address", self.cluster[node].address, *knows]

    def actors(self, node, *arguments):
        return json.loads(self.text("actors", *self.at(node), "--limit", 0, *arguments, "--json"))

    def id_of(self, node, kind, name):
        return next(one["id"] for one in self.actors(node, "--kind", kind)["actors"] if one["name"] == name)

    def actor(self, node, kind, name, *arguments):
        return json.loads(self.text("actor", self.id_of(node, kind, name), *self.at(node), *arguments, "--json"))

    def raw(self, node, client_id, version=wire.V5, **fields):
        one = wire.client(self.cluster[node].tcp_port, version)
        self.addCleanup(one.close)
        return one.connect(client_id, **fields)

    def figure(self, node, topic):
        watcher = self.client(node).subscribe(topic)
        return lambda: [int(one.payload) for one in list(watcher.messages)][-1:]


class actors(inspection_base):
    seconds = 10

    def test_list_has_every_kind_in_order_and_in_pages(self):
        self.make("ab", data=True)
        subscribers = [self.client("a", f"c{number}") for number in range(30)]
        subscribers[7].subscribe("busy/#")
        publisher = self.client("a", "publisher")
        for _ in range(200):
            publisher.publish("busy/x", b"x", 1)
        found = self.actors("a")
        self.assertEqual((found["node"], found["more"], found["total"]), ("a", 0, len(found["actors"])))
        kinds = {}
        for one in found["actors"]:
            kinds.setdefault(one["kind"], []).append(one["name"])
        self.assertEqual(sorted(kinds["session"]), sorted([f"c{number}" for number in range(30)] + ["publisher"]))
        self.assertEqual(kinds["peer"], ["b"])
        for kind in ("authenticator", "cluster", "directory", "handshake", "inspector", "log-reader", "registry",
                     "retention", "shard", "statistics", "store"):
            self.assertIn(kind, kinds)
        by_messages = self.actors("a", "--kind", "session", "--sort", "messages")["actors"]
        self.assertEqual({one["name"] for one in by_messages[:2]}, {"c7", "publisher"})
        self.assertEqual([one["messages"] for one in by_messages], sorted((one["messages"] for one in by_messages),
                                                                          reverse=True))
        self.assertGreater(by_messages[0]["messages"], 200)
        by_time = [one["nanoseconds"] for one in self.actors("a", "--kind", "session", "--sort", "time")["actors"]]
        self.assertEqual(by_time, sorted(by_time, reverse=True))
        self.assertGreater(by_time[0], 0)
        by_id = [one["id"] for one in self.actors("a", "--sort", "id")["actors"]]
        self.assertEqual(by_id, sorted(by_id))

        text = self.text("actors", *self.at("a"), "--kind", "session", "--limit", 5).splitlines()
        self.assertEqual(text[0], "node a: 31 actors")
        self.assertEqual(text[2].split(), ["ID", "KIND", "NAME", "MAILBOX", "MESSAGES", "TIME"])
        self.assertEqual((len(text), text[-1]), (9, "(+26 more)"))

    def test_thousands_of_sessions_come_in_pages_each_once(self):
        self.make("a", options=("limits.max-connections=0",))
        clients = []
        for number in range(1200):
            one = wire.client(self.cluster["a"].tcp_port, wire.V5)
            clients.append(one)
            one.connect(f"{'n' * 100}{number}")
        found = self.actors("a", "--kind", "session", "--sort", "id")
        for one in clients:
            one.close()
        self.assertEqual((found["total"], found["more"]), (1200, 0))
        names = [one["name"] for one in found["actors"]]
        self.assertEqual(sorted(names), sorted(f"{'n' * 100}{number}" for number in range(1200)))

    def test_session_is_told_exactly(self):
        self.make("ab", data=True)
        one = self.raw("a", "ann", clean=True, keep_alive=33, user_name="annie", session_expiry_interval=600,
                       receive_maximum=3, maximum_packet_size=5000,
                       will={"qos": 1, "retain": True, "topic": "gone", "payload": "hidden payload",
                             "properties": {"will_delay_interval": 5}})
        one.subscribe(("t", 2), ("other/#", 1))
        publisher = self.client("a")
        for qos in (1, 2, 2, 1, 1):
            publisher.publish("t", b"x", qos)
        one.send(wire.publish("own", b"x", qos=2, id=77))

        def told():
            return self.actor("a", "session", "ann")
        until(lambda: told()["qos"]["received_qos2_ids"] == [77] and told()["qos"]["in_flight_qos2"] == 2, TIMEOUT,
              lambda: f"all is under way: {told()}")
        found = told()
        self.assertTrue(found["answered"])
        self.assertEqual((found["node"], found["kind"], found["name"]), ("a", "session", "ann"))
        login = found["login"]
        self.assertRegex(login.pop("since"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(login, {"client_id": "ann", "user": "annie", "version": "5.0", "connected": True,
                                 "address": "127.0.0.1:%d" % one.socket.getsockname()[1], "node": "a",
                                 "clean_start": True, "keep_alive": 33, "expiry": 600, "expires_at": None})
        qos = found["qos"]
        self.assertEqual([qos["in_flight_" + stage] for stage in ("qos1", "qos2", "released", "finished")], [1, 2, 0, 0])
        self.assertEqual((qos["queued_messages"], qos["output_bytes"]), (2, 0))
        self.assertEqual((qos["send_quota"], qos["receive_maximum_of_client"], qos["maximum_packet_size"]), (0, 3, 5000))
        self.assertEqual((qos["received_qos2"], qos["received_qos2_ids"]), (1, [77]))
        self.assertEqual(found["will"], {"topic": "gone", "qos": 1, "retain": True, "delay": 5})
        self.assertEqual(found["subscriptions"], {"count": 2, "shared": 0, "pending_requests": 0})
        cursors = found["cursors"]
        self.assertEqual((cursors["phase"], cursors["log_head"]), ("live", 5))
        positions = sorted(value for name, value in cursors.items() if name.startswith("shard_"))
        self.assertLess(positions[-1], 5)  # nothing is acknowledged
        self.assertIsNone(found["replays"])
        text = self.text("actor", found["id"], *self.at("a"))
        self.assertRegex(text.splitlines()[0], rf"^session ann \(actor {found['id']}\) at node a: \d+ messages wait, ")
        self.assertRegex(text, r"(?m)^  user +annie$")
        self.assertRegex(text, r"(?m)^will$")
        self.assertNotIn("hidden", text)
        self.assertNotIn("hidden", json.dumps(found))

        one.close()  # without DISCONNECT
        until(lambda: told()["login"]["connected"] is False, TIMEOUT, "the client is gone")
        found = told()
        self.assertIsNone(found["login"]["address"])
        self.assertRegex(found["login"]["expires_at"], r"^20\d\d-")
        self.assertEqual(found["cursors"]["phase"], "away")

    def test_other_actors_are_told_in_figures(self):
        self.make("ab", data=True)
        self.client("a", "x").subscribe("t", "$share/g/u")
        self.assertEqual(self.actor("a", "peer", "b")["link"]["up"], True)
        self.assertEqual(self.actor("a", "directory", "")["directory"].keys(), {"sessions", "share_groups"})
        self.assertEqual(self.actor("a", "share-group", "$share/g/u")["share"],
                         {"members": 1, "durable": False, "pending_messages": 0})
        self.assertEqual(self.actor("a", "cluster", "")["cluster"]["linked"], 1)
        self.assertEqual(self.actor("a", "store", "")["store"]["failing"], False)
        self.assertIn("subscriptions", self.actor("a", "shard", "0")["shard"])
        self.assertIn("sessions", self.actor("a", "registry", "")["registry"])


class ways(inspection_base):
    def test_any_node_answers_by_way_of_another_one(self):
        self.make("abc")
        self.client("c", "at c")
        for way in "abc":
            found = self.actors(way, "--node", "c", "--kind", "session")
            self.assertEqual((found["node"], [one["name"] for one in found["actors"]]), ("c", ["at c"]))
        id = self.id_of("c", "session", "at c")
        self.assertIn("(actor %d) at node c" % id, self.text("actor", id, *self.at("a"), "--node", "c"))
        self.assertIn("no member is called x", self.fails("actors", *self.at("a"), "--node", "x"))
        self.cluster["c"].kill()
        self.assertIn(self.cluster["c"].address, self.fails("actors", *self.at("a"), "--node", "c"))
        # Questions leave no trace among the members.
        self.assertEqual(self.cluster["a"].lines("node=troupectl"), [])
        self.assertEqual(self.cluster["b"].lines("node=troupectl"), [])

    def test_configuration_and_data_directory_lead_to_the_node(self):
        self.make("ab", data=True)
        one = self.cluster["a"]
        secret = os.path.join(one.directory, "secret")
        with open(secret, "w") as file:
            file.write(SECRET + "\n")
        path = os.path.join(one.directory, "troupe.toml")
        with open(path, "w") as file:
            file.write(f'[cluster]\nlisten = "{one.address}"\nsecret-file = "{secret}"\n')
        for way in (["--config", path], ["--address", one.address, "--secret-file", secret],
                    ["--data-dir", os.path.join(one.directory, "data"), "--secret-file", secret],
                    ["--set", f"cluster.listen={one.address}", "--set", f"cluster.secret={SECRET}"]):
            self.assertTrue(self.text("actors", *way).startswith("node a: "), way)

    def test_what_cannot_be_asked_is_told_in_a_sentence(self):
        self.make("a", data=True)
        self.assertIn("say where the node is", self.fails("actors"))
        self.assertIn("no broker runs on", self.fails("actors", "--data-dir", self.cluster.directory))
        self.assertIn("cannot read", self.fails("actors", "--config", "nothing.toml"))
        self.assertIn("nothing", self.fails("actors", "--address", "127.0.0.1:1", "--set", "cluster.nothing=1"))
        self.assertIn("127.0.0.1:1: ", self.fails("actors", "--address", "127.0.0.1:1"))
        self.assertIn("there is no actor 999999", self.fails("actor", 999999, *self.at("a")))
        for wrong in (["actor"], ["actor", "x"], ["actors", "--sort", "size"], ["actors", "--limit", "-1"]):
            self.assertEqual(self.run_troupectl(*wrong, *self.at("a")).returncode, 2, wrong)

    def test_single_node_on_loopback_needs_no_secret(self):
        self.make("a", options=("cluster.secret=",))
        self.assertTrue(self.text("actors", "--address", self.cluster["a"].address).startswith("node a: "))

    def test_listener_that_takes_no_node_answers_nothing(self):
        self.make("a")
        self.assertTrue(self.fails("actors", "--address", f"127.0.0.1:{self.cluster['a'].tcp_port}"))


class who_may_ask(inspection_base):
    def test_who_does_not_know_the_secret_is_refused_counted_and_changes_nothing(self):
        self.make("ab", options=("sys.interval=1s",))
        refused = self.figure("a", "$SYS/broker/cluster/inspections/refused")
        links = self.figure("a", "$SYS/broker/cluster/links/refused")
        until(lambda: refused() == [0], TIMEOUT, "the figure is there")
        for wrong in ([], ["--set", "cluster.secret=fedcba9876543210"]):
            self.assertIn("the other side refused: the node does not know the cluster's secret",
                          self.fails("actors", "--address", self.cluster["a"].address, *wrong))
            self.fails("actor", 1, "--address", self.cluster["a"].address, *wrong)
        until(lambda: refused() == [4], TIMEOUT, lambda: f"four are counted: {refused()}")
        self.assertEqual(links(), [0])
        self.assertEqual(len(self.cluster["a"].lines("event=inspection_refused")), 4)
        self.assertEqual(self.cluster["a"].links(), {"b"})
        self.check_traffic()

    def test_with_certificates_only_who_has_one_is_answered(self):
        self.make("ab", start=False)
        authority = certificates.authority(self.cluster.directory)
        other = certificates.authority(self.cluster.directory, "other")
        for one in self.cluster:
            one.options += authority.options(one.name)
        self.cluster.start()

        def way(files):
            options = [*files, f"cluster.secret={SECRET}"]
            return ["--address", self.cluster["a"].address, *(part for one in options for part in ("--set", one))]
        found = self.text("actors", *way(authority.options("operator")))
        self.assertTrue(found.startswith("node a: "), found)
        self.assertTrue(self.text("actors", *way(authority.options("op2")), "--node", "b").startswith("node b: "))
        self.assertIn("refused", self.fails("actors", *way(other.options("stranger"))))
        self.assertTrue(self.fails("actors", *self.at("a")))  # no TLS at all
        self.assertEqual(self.cluster["a"].links(), {"b"})

    def test_inspection_under_load_leaves_messages_whole(self):
        self.make("ab")
        subscriber = self.client("b").subscribe(self.name("t"))
        publisher = self.client("a")
        sent = publisher.publish_numbers(self.name("t"), range(2000), 1)
        for _ in range(10):
            self.actors("a", "--sort", "time")
            self.actors("b", "--node", "a")
        publisher.finish(sent)
        self.check_numbers(subscriber, self.name("t"), 2000)


class profiler(inspection_base):
    def test_caf_writes_its_profile(self):
        self.make("a", options=("caf.scheduler.enable-profiling=true", "caf.scheduler.profiling-resolution=100ms",
                                "caf.scheduler.profiling-output-file=profile", "scheduler.workers=2"))
        subscribers = [self.client("a").subscribe("t") for _ in range(4)]
        publisher = self.client("a")
        for _ in range(300):
            publisher.publish("t", b"x", 1)
        for one in subscribers:
            one.wait_for(300)
        shards = {one["id"] for one in self.actors("a", "--kind", "shard")["actors"]}
        node = self.cluster["a"]
        node.terminate()
        with open(os.path.join(node.directory, "profile")) as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[0].split(), ["clock", "type", "id", "time", "usr", "sys", "mem"])
        rows = [line.split() for line in lines[1:]]
        self.assertEqual({row[1] for row in rows}, {"actor", "worker"})
        self.assertEqual({row[2] for row in rows if row[1] == "worker"}, {"0", "1"})
        self.assertLessEqual(shards, {int(row[2]) for row in rows if row[1] == "actor"})
        for row in rows:
            self.assertRegex(" ".join(row), r"^-?\d+ (actor|worker) \d+ \d+ \d+ \d+\d*( -?\d+)?$")
        spent = sum(int(row[3]) for row in rows if row[1] == "actor" and int(row[2]) in shards)
        self.assertGreater(spent, 0)

    def test_without_it_there_is_no_file(self):
        self.make("a", options=("caf.scheduler.enable-profiling=false",
                                "caf.scheduler.profiling-output-file=profile"))
        self.cluster["a"].terminate()
        self.assertFalse([one for one in os.listdir(self.cluster["a"].directory) if re.search("prof", one)])
