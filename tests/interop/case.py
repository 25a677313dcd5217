"""What the interoperability tests have in common: a broker per class, own topics per test, programs with time-outs."""

import subprocess
import unittest

import broker as brokers

TIMEOUT = 10


class interop_test(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        brokers.class_broker(cls, **cls.settings)

    def tearDown(self):
        self.assertTrue(self.broker.alive(), f"the broker died\n{self.broker.log()}")

    def name(self, suffix=""):
        """A client identifier or a topic of this test only."""
        own = f"{type(self).__name__}/{self._testMethodName.removeprefix('test_')}"
        return f"{own}/{suffix}" if suffix else own

    def run_program(self, *command, input=None, expect=0, timeout=TIMEOUT, **options):
        """Runs a program to its end and returns its standard output."""
        done = subprocess.run(command, input=input, capture_output=True, timeout=timeout, **options)
        if expect is not None and done.returncode != expect:
            self.fail(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout!r}\n{done.stderr!r}")
        return done.stdout
