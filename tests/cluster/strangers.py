"""What tests of strangers at the cluster port have in common: a cluster under load that is not to notice them."""

import ssl

from clients import traffic
from cluster_case import cluster_test, until

SLACK_MIB = 40  # allocator, sanitizers' quarantine and the like; what is sent here asks for much more


class strangers_case(cluster_test):
    def make_cluster_of_test(self):
        self.make()

    def setUp(self):
        self.connections = []
        self.make_cluster_of_test()
        # That a node has joined is the last line that the start leaves; what comes behind it the test has brought about.
        for one in self.cluster:
            until(lambda: len(one.lines("event=node_joined")) == len(self.cluster.nodes) - 1, 10,
                  lambda: f"{one.name} knows all\n{one.log()[-2000:]}")
        self.marks = {one.name: one.mark() for one in self.cluster}
        self.memory = {one.name: one.rss_mib() for one in self.cluster}
        self.subscriber = self.client("b").subscribe(self.name("load"))
        self.load = traffic(self.client("a"), self.name("load"), 1, 100)

    def tearDown(self):
        for one in self.connections:
            one.close()
        super().tearDown()

    def connect(self, data=b""):
        one = self.cluster["a"].connect_as_node()
        self.connections.append(one)
        if data:
            try:
                one.sendall(data)
            except OSError:
                pass  # closed already
        return one

    def is_closed(self, one):
        one.settimeout(0.01)
        try:
            while one.recv(65536):
                pass
            return True
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def expect_closed(self, connections, within=15):
        """`within`: more seconds than a stranger has."""
        until(lambda: all(self.is_closed(one) for one in connections), within,
              lambda: f"all closed: {sum(not self.is_closed(one) for one in connections)} of {len(connections)} are open")

    def check_unharmed(self):
        for name, mark in self.marks.items():
            node = self.cluster[name]
            self.assertTrue(node.alive(), f"{name} died\n{node.log()[-2000:]}")
            self.assertEqual(node.lines("event=node_(up|down|dead|joined)", mark), [], f"links of {name}")
            self.assertLess(node.rss_mib() - self.memory[name], SLACK_MIB, f"MiB more at {name}")
        until(lambda: self.load.count > 20, 10, "the load goes on")
        self.check_numbers(self.subscriber, self.load.topic, self.load.end())
        self.check_traffic()
