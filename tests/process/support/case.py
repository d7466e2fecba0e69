"""Base of the process tests: makes nodes, and ends every one of them whatever happens."""

import sys
import time
import unittest

from support.client import CallFailed
from support.node import NEXUSD, TIME_FACTOR, Node


class NodeTestCase(unittest.TestCase):
    """Nodes made through `start` must end well: they run until the test ends them, exit with 0 on SIGTERM, and never
    make a sanitizer report. When a test fails, their logs are shown."""

    maxDiff = None

    def setUp(self):
        self._nodes = []
        self._clients = []

    def node(self, name="n1", **options):
        return self.adopt(Node(name, **options))

    def adopt(self, node):
        """Ends this node too."""
        self._nodes.append(node)
        return node

    def start(self, name="n1", program=NEXUSD, **options):
        return self.node(name, program=program, **options).start().await_ready()

    def start_many(self, count, program=NEXUSD, **options):
        nodes = [self.node(f"n{n}", program=program, **options).start() for n in range(1, count + 1)]
        return [node.await_ready() for node in nodes]

    def client(self, node, **options):
        client = node.client(**options)
        self._clients.append(client)
        return client

    def assert_refused(self, code, reason, call, *arguments, **options):
        """The call fails with this code and reason; the failure."""
        with self.assertRaises(CallFailed) as caught:
            call(*arguments, **options)
        self.assertEqual((caught.exception.code, caught.exception.reason), (code, reason), str(caught.exception))
        return caught.exception

    def await_true(self, condition, timeout_s=20):
        """Returns when `condition()` holds; fails the test when it does not in time."""
        deadline = time.monotonic() + timeout_s * TIME_FACTOR
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never came true")
            time.sleep(0.01)

    def has_failed(self):
        """For tearDown. `_outcome.success` is of tearDown itself there."""
        result = self._outcome.result  # pylint: disable=protected-access
        # A subTest stands in the result as a test of its own.
        return any(getattr(test, "test_case", test) is self for test, _ in result.failures + result.errors)

    def tearDown(self):
        for client in self._clients:
            client.close()
        problems = self._end_nodes()
        for node in self._nodes:
            problems += [f"{node.name}: {report}" for report in node.sanitizer_reports()]
        failed = problems or self.has_failed()
        for node in self._nodes:
            if failed:
                print(f"--- log of {node.name} ({node.address})\n{node.log()}---", file=sys.stderr)
            node.close()
        self.assertFalse(problems, "\n".join(problems))

    def _end_nodes(self):
        """What was wrong with how nodes ended. Those that still run are told to end, all at once."""
        problems = []
        running = [node for node in self._nodes if node.runs()]
        for node in self._nodes:
            if node.process is not None and node not in running and not node.ended_by_test:
                problems.append(f"{node.name} ended by itself with {node.process.returncode}")
        for node in running:
            node.process.terminate()
        for node in running:
            try:
                code = node.await_exit()
            except AssertionError as late:
                problems.append(str(late).splitlines()[0])
                continue
            if code != 0:
                problems.append(f"{node.name} ended with {code} after SIGTERM")
        return problems


def main():
    unittest.main(verbosity=2)
