"""The cluster port with certificates: who is let in, who is not, and that strangers are held as short as without."""

import os
import socket
import ssl
import subprocess
import time

import certificates
from clients import traffic
from cluster_case import cluster_test, until
from nodes import ROOT, SECRET
from strangers import strangers_case

BINARY = os.environ.get("TROUPE_BIN", str(ROOT / "build/release/bin/troupe"))
NO_SECRET = "cluster.secret="
STRANGER_SECONDS = 15  # more than they have


class tls_case(cluster_test):
    def make_with_certificates(self, names="abc", start=True, secret=SECRET, **settings):
        made = self.make(names, start=False, **settings)
        self.authority = certificates.authority(made.directory)
        for one in made:
            one.options += [f"cluster.secret={secret}", *self.authority.options(one.name)]
        return made.start() if start else made

    def other_authority(self):
        return certificates.authority(self.cluster.directory, "other")

    def shake_hands(self, node, files=None):
        """As a node with this certificate and key, that believes everybody. Returns the connection: with TLS 1.3 this
        side is ready before the other has looked at the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if files:
            context.load_cert_chain(*files)
        return context.wrap_socket(self.cluster[node].connect_as_node())


class links(tls_case):
    seconds = 12

    def test_certificates_alone_are_enough_and_messages_of_all_sizes_cross(self):
        self.make_with_certificates(secret="")
        self.check_traffic()
        subscribers = [self.client(node).subscribe(self.name("t")) for node in "ab"]
        sent = [bytes([size % 251]) * size for size in (1, 100, 16383, 16384, 16385, 100_000, 3_000_000) for _ in range(4)]
        publisher = self.client("c")
        publisher.finish([publisher.paho.publish(self.name("t"), payload, 2) for payload in sent])
        for one in subscribers:
            one.wait_for(len(sent))
            self.assertTrue(one.payloads() == sent, f"what came to {one.node.name} is what was sent")

    def test_port_speaks_tls_1_3_and_no_older(self):
        self.make_with_certificates("a")
        files = self.authority.issue("x")
        with self.shake_hands("a", files) as one:
            self.assertEqual(one.version(), "TLSv1.3")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*files)
        with self.assertRaises(ssl.SSLError):
            context.wrap_socket(self.cluster["a"].connect_as_node())

    def test_all_at_once_connect_to_each_other_from_both_sides(self):
        self.make_with_certificates("abcd", start=False)
        for _ in range(3):
            self.cluster.start_at_once()
            self.check_traffic()
            for one in self.cluster:
                one.kill()

    def test_killed_node_returns_and_nothing_is_lost_or_doubled(self):
        self.make_with_certificates(data=True)
        lasting = self.client("b", "lasting", session_expiry=300).subscribe((self.name("#"), 2))
        load = traffic(self.client("a"), self.name("t"), 2, 200)
        self.client("c").subscribe(self.name("#"))
        lasting.wait_for(50)
        for _ in range(2):
            mark = self.cluster["a"].mark()
            self.cluster["c"].kill()
            self.cluster["a"].says("event=node_down node=c", mark, within=5)
            self.cluster.start("c")
        self.check_numbers(lasting, self.name("t"), load.end())

    def test_frozen_node_is_given_up_and_its_link_comes_back(self):
        self.make_with_certificates()
        subscribers = [self.client(node).subscribe(self.name("t")) for node in "bc"]
        load = traffic(self.client("a"), self.name("t"), 1, 200)
        marks = {name: self.cluster[name].mark() for name in "ab"}
        begin = time.monotonic()
        self.cluster["c"].pause()
        for name, mark in marks.items():
            self.cluster[name].says("event=node_down node=c", mark, within=10)
        self.assertLess(time.monotonic() - begin, 4)
        marks = {name: self.cluster[name].mark() for name in "ab"}
        self.cluster["c"].resume()
        for name, mark in marks.items():
            self.cluster[name].says("event=node_up node=c", mark)
        count = load.end()
        for one in subscribers:
            self.check_numbers(one, self.name("t"), count)

    def test_frozen_node_under_load_holds_no_more_than_its_bounds(self):
        """What is written and not taken is bounded by the link's credit, with TLS's buffers between."""
        self.make_with_certificates("ab", options=("cluster.credit=1MiB", "limits.delivery-credit=1MiB"))
        subscriber = self.client("b").subscribe(self.name("t"))
        publisher = self.client("a")
        publisher.publish(self.name("t"), b"first", 1)
        subscriber.wait_for(1)
        before = self.cluster["a"].rss_mib()
        self.cluster["b"].pause()
        publisher.finish([publisher.paho.publish(self.name("t"), bytes(50_000), 1) for _ in range(1000)])
        self.assertLess(self.cluster["a"].rss_mib() - before, 30, "MiB more for 50 MB that b does not take")
        self.cluster["b"].resume()
        self.cluster.wait_for_links()


class network_with_tls(tls_case):
    network = True
    seconds = 20

    def test_isolated_node_4_seconds_then_everything_once_and_in_order(self):
        self.make_with_certificates()
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "abc"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos, 50) for node in "abc" for qos in (1, 2)]
        marks = {name: self.cluster[name].mark() for name in "abc"}
        self.cluster.isolate("c")
        for name, other in ("ac", "bc", "ca", "cb"):
            self.cluster[name].says(f"event=node_down node={other}", marks[name], within=10)
        time.sleep(4)  # longer than the other side's connection lives
        self.cluster.heal()
        self.cluster.wait_for_links()
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count)


class refused(tls_case):
    seconds = 12

    def expect_none(self, stranger):
        self.assertEqual(stranger.links(), set())
        for one in self.cluster:
            self.assertNotIn(stranger.name, one.links())
        self.check_traffic()

    def test_certificates_of_different_authorities_refuse_each_other_both_ways(self):
        self.make_with_certificates("ab", start=False)
        other = self.other_authority()
        self.cluster["b"].options += other.options("b2")
        for one in self.cluster:
            one.start()
        for one, other in (self.cluster["a"], self.cluster["b"]), (self.cluster["b"], self.cluster["a"]):
            one.says(f'event=link_refused address={other.address} reason="its certificate is refused: ')
            one.says('event=link_refused peer=127.0.0.1:.* reason="it has refused this node: .*unknown ca')
        for one in self.cluster:
            self.assertEqual(one.links(), set())

    def test_certificate_of_another_authority_is_refused_by_who_is_connected_to(self):
        self.make_with_certificates("ab")
        mark = self.cluster["a"].mark()
        with self.shake_hands("a", self.other_authority().issue("x")) as one:
            with self.assertRaisesRegex(ssl.SSLError, "(?i)unknown.ca"):
                one.recv(1)
        self.cluster["a"].says('event=link_refused peer=127.0.0.1:.* reason="its certificate is refused: ', mark)
        self.check_traffic()

    def test_node_that_believes_the_cluster_but_has_another_authority_is_refused_and_says_so(self):
        self.make_with_certificates("ab")
        other = self.other_authority()
        certificate, key = other.issue("c")
        both = os.path.join(self.cluster.directory, "both.pem")
        with open(both, "w") as out:
            for file in (self.authority.ca, other.ca):
                with open(file) as one:
                    out.write(one.read())
        stranger = self.cluster.intruder("c", "a", f"cluster.tls.certificate={certificate}", f"cluster.tls.key={key}",
                                         f"cluster.tls.ca={both}")
        stranger.says(f'event=link_refused address={self.cluster["a"].address} reason="it has refused this node: '
                      '.*unknown ca')
        self.cluster["a"].says('event=link_refused peer=127.0.0.1:.* reason="its certificate is refused: ', 0)
        self.expect_none(stranger)

    def test_two_authorities_in_one_file_are_both_believed(self):
        """So one is exchanged for another, node by node."""
        self.make_with_certificates("ab", start=False)
        other = self.other_authority()
        both = os.path.join(self.cluster.directory, "both.pem")
        with open(both, "w") as out:
            for file in (self.authority.ca, other.ca):
                with open(file) as one:
                    out.write(one.read())
        self.cluster["b"].options += other.options("b2")
        for one in self.cluster:
            one.options.append(f"cluster.tls.ca={both}")
        self.cluster.start()
        self.check_traffic()

    def test_who_shows_no_certificate_is_refused(self):
        self.make_with_certificates("ab")
        mark = self.cluster["a"].mark()
        with self.shake_hands("a") as one:
            with self.assertRaisesRegex(ssl.SSLError, "(?i)certificate.required"):
                one.recv(1)
        self.cluster["a"].says('event=link_refused peer=127.0.0.1:.* reason="it has shown no certificate"', mark)
        self.check_traffic()

    def test_expired_certificate_is_refused_and_its_node_says_so(self):
        self.make_with_certificates("ab")
        stranger = self.cluster.intruder("c", "a", *self.authority.options("c", days=-1))
        stranger.says("event=certificate_expired file=.*c.pem")
        stranger.says("event=link_refused .*expired")
        self.cluster["a"].says('event=link_refused .*its certificate is refused: certificate has expired', 0)
        self.expect_none(stranger)

    def test_node_without_tls_and_one_with_have_no_link_either_way(self):
        self.make_with_certificates("ab")
        plain = self.cluster.intruder("p", "a")
        self.cluster["a"].says('event=link_refused peer=127.0.0.1:.* reason="it does not speak TLS: ', 0)
        plain.says(f'event=connect_failed address={self.cluster["a"].address} reason=')
        guest = self.cluster.intruder("q", "a", *self.authority.options("q"))
        self.cluster.wait_for_links("a", "b")
        guest.terminate()
        guest.seeds = [plain.address]
        guest.start()
        guest.says(f'event=link_refused address={plain.address} reason="it does not speak TLS: ')
        self.expect_none(plain)

    def test_secret_counts_beside_the_certificates(self):
        self.make_with_certificates("ab")
        for secret in ("another-secret-here", ""):
            mark = self.cluster["a"].mark()
            stranger = self.cluster.intruder(f"c{len(secret)}", "a", f"cluster.secret={secret}",
                                             *self.authority.options("c"))
            self.cluster["a"].says("event=link_refused .*secret", mark)
            stranger.says("event=link_refused .*secret")
            self.expect_none(stranger)


class start_up(tls_case):
    seconds = 3

    def setUp(self):
        self.make("a", start=False)
        self.authority = certificates.authority(self.cluster.directory)
        self.certificate, self.key = self.authority.issue("a")

    def run_with(self, certificate=None, key=None, ca=None, listen="127.0.0.1:0"):
        """What it says when it does not start."""
        files = {"certificate": certificate or self.certificate, "key": key or self.key, "ca": ca or self.authority.ca}
        command = [BINARY, "--listen", "tcp://127.0.0.1:0", "--set", "node.name=a", "--set", f"cluster.listen={listen}"]
        for option, file in files.items():
            command += ["--set", f"cluster.tls.{option}={file}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done)
        return done.stderr

    def write(self, name, text):
        path = os.path.join(self.cluster.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_file_that_is_not_there_is_named(self):
        for option in ("certificate", "key", "ca"):
            said = self.run_with(**{option: "/no/such.pem"})
            self.assertRegex(said, "^troupe: cannot read .* from /no/such.pem: No such file or directory$")

    def test_file_that_holds_something_else_is_named(self):
        other = self.write("other.pem", "this is no PEM\n")
        for option in ("certificate", "key", "ca"):
            self.assertRegex(self.run_with(**{option: other}), f"^troupe: cannot read .* from {other}: ")

    def test_key_of_another_certificate_is_found_out(self):
        _, key = self.authority.issue("b")
        self.assertEqual(self.run_with(key=key),
                         f"troupe: the key in {key} is not that of the certificate in {self.certificate}\n")

    def test_key_with_a_passphrase_is_refused_and_nobody_is_asked(self):
        locked = os.path.join(self.cluster.directory, "locked.key")
        certificates.openssl("pkey", "-in", self.key, "-aes128", "-passout", "pass:x", "-out", locked)
        self.assertRegex(self.run_with(key=locked), f"^troupe: cannot read a key without a passphrase from {locked}: ")

    def test_authority_that_has_not_made_the_certificate_is_found_out(self):
        ca = self.other_authority().ca
        said = self.run_with(ca=ca)
        self.assertRegex(said, f"^troupe: the certificate in {self.certificate} is none of the authority's in {ca} ")

    def test_certificate_for_one_side_only_is_found_out(self):
        for purpose in ("serverAuth", "clientAuth"):
            certificate, key = self.authority.issue(purpose, extensions=f"extendedKeyUsage={purpose}")
            said = self.run_with(certificate, key)
            self.assertRegex(said, f"^troupe: the certificate in {certificate} is none .*purpose")

    def test_certificates_open_the_port_to_other_machines_without_a_secret(self):
        one = self.cluster["a"]
        port = one.address.rsplit(":", 1)[1]
        one.options += [NO_SECRET, f"cluster.listen=0.0.0.0:{port}", f"cluster.advertise=127.0.0.1:{port}",
                        *self.authority.options("a")]
        one.start()


class strangers(tls_case, strangers_case):
    """Who has no certificate, and who does nothing with one."""

    seconds = 25

    def make_cluster_of_test(self):
        self.make_with_certificates()

    @staticmethod
    def client_hello():
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        session = context.wrap_bio(incoming, outgoing)
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            return outgoing.read()

    def test_who_stops_anywhere_in_the_handshake_is_closed_in_time(self):
        hello = self.client_hello()
        sent = [self.connect(hello[:length]) for length in (0, 1, 5, 100, len(hello) - 1, len(hello)) for _ in range(5)]
        self.expect_closed(sent)
        self.cluster["a"].says('event=link_refused peer=127.0.0.1:.* connections=[0-9]+ reason="no TLS handshake"', 0)
        self.check_unharmed()

    def test_silent_strangers_keep_the_processor_idle(self):
        """The port has something to write to them, and must not ask again and again whether it may."""
        self.load.end()
        idle = self.cpu_of_a(2)
        hello = self.client_hello()
        for _ in range(10):
            self.connect()
            self.connect(hello[:-1])
            self.connect(hello)
        self.assertLess(self.cpu_of_a(4), 2 * idle + 0.6, "processor seconds in 4")

    def cpu_of_a(self, seconds):
        before = self.cluster["a"].cpu_seconds()
        time.sleep(seconds)
        return self.cluster["a"].cpu_seconds() - before

    def test_who_sends_byte_by_byte_has_no_more_time(self):
        one, hello = self.connect(), self.client_hello()
        begin = time.monotonic()
        for byte in hello:
            if self.is_closed(one):
                break
            try:
                one.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.1)
        self.assertLess(time.monotonic() - begin, STRANGER_SECONDS)
        self.expect_closed([one], 1)
        self.check_unharmed()

    def test_who_has_a_certificate_but_says_nothing_is_closed_in_time(self):
        files = self.authority.issue("x")
        sent = [self.shake_hands("a", files) for _ in range(5)]
        self.connections += sent
        self.expect_closed(sent)
        self.check_unharmed()

    def test_who_has_a_certificate_may_announce_no_more_than_any_stranger(self):
        one = self.shake_hands("a", self.authority.issue("x"))
        self.connections.append(one)
        one.sendall(b"\1\0\0\0" + (1 << 30).to_bytes(4, "big") + bytes(24))  # BASP's header of a handshake
        self.expect_closed([one], 5)
        self.check_unharmed()

    def test_record_of_many_small_messages_is_read_to_its_end(self):
        """CAF leaves off after some reads and waits for the socket, which does not know what OpenSSL has read."""
        one = self.shake_hands("a", self.authority.issue("x"))
        self.connections.append(one)
        heartbeat = b"\6" + bytes(31)
        one.sendall(400 * heartbeat + b"\xff" * 32)
        self.expect_closed([one], 5)
        self.check_unharmed()

    def test_300_silent_strangers_are_closed_and_give_their_descriptors_back(self):
        descriptors = self.cluster["a"].descriptors()
        sent = [self.connect() for _ in range(300)]
        self.expect_closed(sent)
        until(lambda: self.cluster["a"].descriptors() < descriptors + 20, 10, "descriptors are given back")
        self.check_unharmed()

    def test_garbage_is_turned_away_and_does_not_fill_the_log(self):
        mark = self.cluster["a"].mark()
        sent = [self.connect(os.urandom(200)) for _ in range(200)]
        sent.append(self.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        self.expect_closed(sent)
        self.check_unharmed()
        self.assertLess(len(self.cluster["a"].lines("link_refused", mark)), 60)

    def test_connections_reset_while_the_port_writes_do_no_harm(self):
        hello = self.client_hello()
        for _ in range(200):
            one = self.connect(hello)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            one.close()
        self.check_unharmed()
