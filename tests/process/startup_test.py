"""How nexusd starts, checks its configuration, listens, and tells what is wrong."""

import os
import re
import socket
import subprocess
import tempfile
import unittest

from support.case import NodeTestCase, main
from support.node import NEXUSD, TIME_FACTOR, Node
from support.ports import free_port

OK, FAILURE, USAGE, INVALID_CONFIG, CANNOT_LISTEN = range(5)
SOURCE = os.environ["NEXUS_SOURCE_DIR"]


def nexusd(*arguments, env=None):
    return subprocess.run([NEXUSD, *arguments], capture_output=True, text=True, check=False, timeout=30 * TIME_FACTOR,
                          env=dict(os.environ, **(env or {})))


class Configuration(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            return file.name, nexusd("--check", "--config", file.name)

    def test_a_good_file_passes_the_check_and_starts_nothing(self):
        with socket.socket() as holder:
            # A node that started would find it taken, and end with another status.
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            path, done = self.check(f"node:\n  listen: 127.0.0.1:{port}\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, f"{path}: ok\n", ""))
        with socket.socket() as probe:
            self.assertNotEqual(probe.connect_ex(("127.0.0.1", port)), 0, "something listens there")

    def test_the_files_of_the_tree_pass_the_check(self):
        for name in ("node.yaml", "node1.yaml", "node2.yaml", "node3.yaml"):
            with self.subTest(name):
                done = nexusd("--check", "--config", os.path.join(SOURCE, "config", name))
                self.assertEqual(done.returncode, OK, done.stderr)

    def test_what_is_wrong_is_named_with_file_line_and_column(self):
        cases = {
            "unknown key": ("node:\n  lisen: 127.0.0.1:1\n", "2:3", 'node.lisen: unknown key (did you mean "listen"?)'),
            "wrong type": ("core:\n  workers: many\n", "2:3", 'core.workers: "many" is not a whole number; allowed: 0..1024'),
            "out of range": ("core:\n  throughput: 0\n", "2:3", "core.throughput: 0 is not in 1..100000"),
            "key twice": ("node:\n  name: a\n  name: b\n", "3:3", "node.name: this key is already set at line 2, column 3"),
            "no YAML": ("node: [1,\n", "2:1", "not valid YAML"),
        }
        for what, (text, place, words) in cases.items():
            with self.subTest(what):
                path, done = self.check(text)
                self.assertEqual(done.returncode, INVALID_CONFIG, done.stderr)
                self.assertTrue(done.stderr.startswith(f"{path}:{place}: "), done.stderr)
                self.assertIn(words, done.stderr)

    def test_a_missing_file_is_named(self):
        done = nexusd("--config", "/nonexistent/node.yaml")
        self.assertEqual(done.returncode, INVALID_CONFIG)
        self.assertIn("/nonexistent/node.yaml", done.stderr)

    def test_a_wrong_command_line_is_a_usage_error(self):
        self.assertEqual(nexusd("--no-such-option").returncode, USAGE)

    def test_one_configuration_is_named_not_two(self):
        good, other = (os.path.join(SOURCE, "config", name) for name in ("node1.yaml", "node2.yaml"))
        for arguments in (["--check", "--config", good, other], ["--check", other, "-c", good]):
            done = nexusd(*arguments)
            self.assertEqual(done.returncode, USAGE, done.stdout)
            self.assertIn(f"--config {good} and {other}", done.stderr)
        self.assertEqual(nexusd("--check", "-c", good, "-c", other).returncode, USAGE)
        self.assertEqual(nexusd("--check", good).returncode, OK)

    def test_help_and_version_are_no_errors(self):
        for option in ("--help", "--version"):
            done = nexusd(option)
            self.assertEqual((done.returncode, done.stderr), (OK, ""))
            self.assertTrue(done.stdout)

    def test_beyond_this_machine_only_when_insecure_is_said(self):
        port = free_port()
        _, refused = self.check(f"node:\n  listen: 0.0.0.0:{port}\n  advertise: localhost:{port}\n")
        self.assertEqual(refused.returncode, INVALID_CONFIG)
        self.assertIn("insecure", refused.stderr)
        _, allowed = self.check(f"node:\n  listen: 0.0.0.0:{port}\n  advertise: localhost:{port}\n"
                                "security:\n  insecure: true\n")
        self.assertEqual(allowed.returncode, OK, allowed.stderr)


class Listening(NodeTestCase):
    def test_a_taken_port_is_named(self):
        first = self.start()
        second = self.node("n2", port=first.port).start()
        self.assertEqual(second.await_exit(), CANNOT_LISTEN)
        self.assertIn(first.address, second.log())

    def test_a_port_that_another_program_holds_is_named(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            node = self.node(port=other.getsockname()[1]).start()
            self.assertEqual(node.await_exit(), CANNOT_LISTEN)
            self.assertIn(node.address, node.log())

    def test_nothing_of_the_start_is_left_running(self):
        node = self.start()
        names = []
        for thread in os.listdir(f"/proc/{node.process.pid}/task"):
            with open(f"/proc/{node.process.pid}/task/{thread}/comm", encoding="ascii") as file:
                names.append(file.read().strip())
        # Threads that have no name of their own have the program's.
        # ThreadSanitizer has one of its own, which it starts before main.
        self.assertEqual(names.count("nexusd"), 2 if "TSAN_OPTIONS" in os.environ else 1, names)

    def test_a_node_starts_again_on_its_port_at_once(self):
        first = self.start()
        self.client(first).spawn("counter", "a")
        self.assertEqual(first.stop(), 0)
        self.start("again", port=first.port)


class Notify(NodeTestCase):
    def test_the_service_manager_learns_of_ready_and_stopping(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(folder, "notify")
            manager.bind(path)
            manager.settimeout(10 * TIME_FACTOR)
            node = self.node(env={"NOTIFY_SOCKET": path}).start()
            self.assertIn("READY=1", self.await_message(manager, "READY=1"))
            node.await_ready()
            node.process.terminate()
            self.assertIn("STOPPING=1", self.await_message(manager, "STOPPING=1"))
            self.assertEqual(node.await_exit(), 0)

    @staticmethod
    def await_message(manager, wanted):
        """Reads until a message holds the wanted line; a status may come before."""
        while True:
            lines = manager.recv(4096).decode().split("\n")
            if wanted in lines:
                return lines

    def test_a_manager_that_is_gone_does_no_harm(self):
        self.assertEqual(self.start(env={"NOTIFY_SOCKET": "/nonexistent/notify"}).stop(), 0)


if __name__ == "__main__":
    main()
