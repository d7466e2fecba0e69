"""deploy/quickstart as a user runs it: the tour holds, ports give way or are refused, and nothing is left running."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from support.node import TIME_FACTOR
from support.ports import free_port

SOURCE = os.environ["NEXUS_SOURCE_DIR"]
QUICKSTART = os.path.join(SOURCE, "deploy", "quickstart")
# It uses the release build of the tree, whatever build these tests belong to.
BUILT = os.environ["NEXUS_BUILD_DIR"] == os.path.join(SOURCE, "build", "release")

# What `deploy/quickstart --once` may take when everything is built.
WHEN_BUILT_S_MAX = 30


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_gone(pids, timeout_s):
    deadline = time.monotonic() + timeout_s
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if is_alive(pid)]


@unittest.skipUnless(BUILT, "not the release build of the tree")
class Quickstart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.process = None
        self.addCleanup(self.end)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        if self.process:
            self.process.stdout.close()

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("NEXUS_")}
        return dict(kept, TMPDIR=self.folder.name, **more)

    def tour(self, **more):
        # From another folder than the tree's.
        return subprocess.run([QUICKSTART, "--once"], cwd=self.folder.name, env=self.environment(**more),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=120 * TIME_FACTOR)

    def begin(self):
        """Starts it without --once and reads until the nodes are up; the nodes' process ids."""
        self.process = subprocess.Popen([QUICKSTART], cwd=self.folder.name, env=self.environment(),
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = ""
        while "Ctrl-C stops" not in output:
            line = self.process.stdout.readline()
            self.assertTrue(line, f"ended early:\n{output}")
            output += line
        return [int(pid) for pid in re.findall(r"is ready at .* \(pid (\d+)\)", output)], output

    def test_the_tour_holds_and_leaves_nothing_behind(self):
        for _ in range(2):
            begin = time.monotonic()
            done = self.tour()
            took_s = time.monotonic() - begin
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertRegex(done.stdout, r"terminated 127\.0\.0\.1:\d+/tour ADDRESS_TERMINATED")
            self.assertIn("every step held", done.stdout)
            pids = [int(pid) for pid in re.findall(r"\(pid (\d+)\)", done.stdout)]
            self.assertEqual(await_gone(pids, 0), [])
            self.assertEqual(os.listdir(self.folder.name), [], "logs are kept although all went well")
        # The first may have had something to build.
        self.assertLess(took_s, WHEN_BUILT_S_MAX)

    def test_a_default_port_that_is_taken_gives_way(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", 7702))
                other.listen()
            except OSError:
                pass
            done = self.tour()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"port 7702 is taken by .*; node 2 uses \d+ instead")

    def test_a_port_that_was_asked_for_is_refused_when_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            done = self.tour(NEXUS_PORT_2=port)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, rf"port {port} is taken by \S+ \(pid {os.getpid()}\)")

    def test_ports_that_were_asked_for_are_used(self):
        ports = [free_port() for _ in range(3)]
        done = self.tour(NEXUS_PORT_1=str(ports[0]), NEXUS_PORT_2=str(ports[1]), NEXUS_PORT_3=str(ports[2]))
        self.assertEqual(done.returncode, 0, done.stdout)
        for port in ports:
            self.assertIn(f"127.0.0.1:{port}", done.stdout)

    def test_the_commands_it_prints_work(self):
        _, output = self.begin()
        commands = re.findall(r"^  (\S+nexusctl .*)$", output, re.MULTILINE)
        self.assertGreaterEqual(len(commands), 4)
        for command in commands:
            if " watch " in command:
                continue
            done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=False,
                                  timeout=30 * TIME_FACTOR)
            self.assertEqual(done.returncode, 0, command + "\n" + done.stderr)

    def test_a_signal_stops_the_nodes(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                pids, _ = self.begin()
                self.assertEqual(len(pids), 3)
                self.process.send_signal(number)
                self.process.communicate(timeout=60 * TIME_FACTOR)
                self.assertEqual(self.process.returncode, 0)
                self.assertEqual(await_gone(pids, 0), [])

    def test_nodes_do_not_outlive_a_quickstart_that_is_killed(self):
        pids, _ = self.begin()
        self.process.kill()
        self.process.wait()
        self.assertEqual(await_gone(pids, 40 * TIME_FACTOR), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
