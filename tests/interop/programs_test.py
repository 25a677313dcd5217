"""Test programs of other client libraries: each line `ok NAME` or `FAILED NAME: why` that they print is one check.

PAHO_C_INTEROP   the built paho_c_interop (default: beside TROUPE_BIN, then build/release/bin)
"""

import json
import os
import pathlib
import shutil
import subprocess

from broker import ROOT, free_port
from case import interop_test

HERE = pathlib.Path(__file__).resolve().parent


class program_base(interop_test):
    counts_subtests = True
    seconds = 60

    def run_checks(self, *command):
        done = subprocess.run([*command, "127.0.0.1", str(self.broker.port)], capture_output=True, text=True,
                              timeout=180, cwd=HERE)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "FAILED "))]
        for line in lines:
            outcome, _, name = line.partition(" ")
            with self.subTest(name.partition(":")[0]):
                self.assertEqual(outcome, "ok", line)
        failed = any(line.startswith("FAILED ") for line in lines)
        self.assertTrue(lines, f"no checks were run: {done.stdout}{done.stderr}")
        self.assertEqual(done.returncode, 1 if failed else 0, done.stderr)


class paho_c(program_base):
    def test_paho_c(self):
        beside = pathlib.Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin/troupe")).parent
        program = pathlib.Path(os.environ.get("PAHO_C_INTEROP", beside / "paho_c_interop"))
        if not program.exists():
            if "PAHO_C_INTEROP" in os.environ:
                self.fail(f"PAHO_C_INTEROP={program} does not exist")
            self.skipTest("paho_c_interop is not built (libpaho-mqtt-dev, target paho_c_interop)")
        self.run_checks(program)


class mqtt_js(program_base):
    folder = HERE / "mqttjs"

    def setUp(self):
        super().setUp()
        if not shutil.which("node"):
            self.skipTest("node is not installed")
        if not (self.folder / "node_modules/mqtt").exists():
            self.run_program("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", cwd=self.folder,
                             timeout=180)

    def test_mqtt_js(self):
        self.run_checks("node", self.folder / "interop.mjs")


class load_generator(interop_test):
    """troupe-bench where it leaves and returns; its other scenarios run in each benchmark."""

    def load(self, *arguments):
        program = pathlib.Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin/troupe")).parent / "troupe-bench"
        return json.loads(self.run_program(program, "--port", str(self.broker.port), "--pid",
                                           str(self.broker.process.pid), "--json", "--quiet", *arguments, timeout=60))

    def test_a_session_that_returns_gets_all_in_order(self):
        for version in ("3.1.1", "5"):
            for qos in ("1", "2"):
                with self.subTest(version=version, qos=qos):
                    found = self.load("drain", "-n", "2000", "--version", version, "-q", qos)
                    self.assertEqual(found["delivered"], 2000)
                    self.assertEqual([found[name] for name in ("lost", "duplicates", "out_of_order")], [0, 0, 0])
                    self.assertEqual(found["published"], 0, "all was published before it returned")
                    self.assertGreater(found["delivered_per_second"], 0)

    def test_messages_for_absent_sessions_are_acknowledged(self):
        found = self.load("offline", "-n", "50", "--messages", "100")
        self.assertEqual([found[name] for name in ("published", "acknowledged", "delivered")], [100, 100, 0])
        self.assertIn("broker_rss_growth_kib", found)


class embedded(interop_test):
    """The example that runs a broker inside a program."""

    def test_it_serves_until_its_input_ends(self):
        port = free_port()
        program = pathlib.Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin/troupe")).parent / "embedded"
        running = subprocess.Popen([program, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertIn("listening", running.stdout.readline())
            self.run_program("mosquitto_pub", "-p", str(port), "-t", "a", "-m", "kept", "-r", "-q", "1")
            heard = self.run_program("mosquitto_sub", "-p", str(port), "-t", "a", "-C", "1", "-W", "10")
            self.assertEqual(heard.strip(), b"kept")
            said, _ = running.communicate(timeout=10)
            self.assertEqual(said.splitlines()[-1], "received 1 messages, sent 1")
            self.assertEqual(running.returncode, 0)
        finally:
            running.kill()
            running.wait()
