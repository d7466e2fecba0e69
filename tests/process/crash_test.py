"""What becomes of watchers and calls when a node dies, is stopped, or comes back."""

import signal
import threading
import time

import grpc
from support.case import NodeTestCase, main
from support.client import CallFailed
from support.node import TEST_NODE, TIME_FACTOR

CODE = grpc.StatusCode


class Crash(NodeTestCase):
    def test_every_watching_actor_learns_exactly_once_that_the_node_is_gone(self):
        host, second, third = self.start_many(3, program=TEST_NODE)
        there = self.client(host)
        actors = [there.spawn("counter", f"a{n}").pid for n in range(10)]
        watchers = [(client, client.spawn("watcher").pid)
                    for client in (self.client(second), self.client(third)) for _ in range(3)]
        for client, watcher in watchers:
            for pid in actors:
                client.ask(watcher, {"watch": pid})
        # Else one might be told that the node is gone before it was known to watch.
        self.await_true(lambda: all(there.get(pid).watcher_count == len(watchers) for pid in actors))

        def counts():
            return [client.ask(watcher, {}) for client, watcher in watchers]

        once = [{pid: 1 for pid in actors}] * len(watchers)
        self.assertEqual(counts(), [{}] * len(watchers))
        host.crash()
        self.await_true(lambda: all(len(count) == len(actors) for count in counts()))
        self.assertEqual(counts(), once)
        # Each of these dials the node that is gone once more.
        for client, _ in watchers:
            self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", client.ask, actors[0], {"add": 1})
        self.assertEqual(counts(), once)
        # And so does the next incarnation of it, which is another node.
        again = self.client(self.start("again", program=TEST_NODE, port=host.port))
        again.spawn("counter", "a0")
        for client, _ in watchers:
            self.await_true(lambda client=client: self.answers(client, actors[0]))
        self.assertEqual(counts(), once)

    @staticmethod
    def answers(client, pid):
        try:
            return "value" in client.ask(pid, {"add": 1})
        except CallFailed:
            return False

    def test_every_client_that_watches_learns_that_the_node_is_gone(self):
        host, second, third = self.start_many(3)
        actors = [self.client(host).spawn("counter", f"a{n}").pid for n in range(10)]
        clients = [self.client(second), self.client(third)]
        watches = [client.watch(pid).await_watching(10 * TIME_FACTOR)
                   for pid in actors for client in clients for _ in range(3)]
        host.crash()
        for watch in watches:
            watch.await_end(15 * TIME_FACTOR)
        self.assertEqual([watch.reasons() for watch in watches], [["ADDRESS_TERMINATED"]] * len(watches))

    def test_the_crash_is_noticed_in_the_time_configured(self):
        host, other = self.start_many(2, unreachable_after="1s")
        pid = self.client(host).spawn("counter", "a").pid
        watch = self.client(other).watch(pid).await_watching()
        host.crash()
        begin = time.monotonic()
        watch.await_end(15 * TIME_FACTOR)
        self.assertLess(time.monotonic() - begin, 4 * TIME_FACTOR)

    def test_a_call_that_waits_when_the_node_dies_fails_soon(self):
        host, other = self.start_many(2, program=TEST_NODE)
        pid = self.client(host).spawn("sleeper", "s").pid
        client = self.client(other)
        client.ask(pid, {"ms": 0})
        failures = []

        def ask():
            try:
                client.ask(pid, {"ms": 60_000}, timeout=60 * TIME_FACTOR)
            except CallFailed as failure:
                failures.append(failure)

        thread = threading.Thread(target=ask)
        thread.start()

        def busy():
            try:
                self.client(host).ask(pid, {"ms": 0}, timeout=0.2)
            except CallFailed as failure:
                return failure.reason == "ASK_TIMEOUT"
            return False

        self.await_true(busy)
        host.crash()
        thread.join(20 * TIME_FACTOR)
        self.assertFalse(thread.is_alive(), "the call still waits")
        self.assertEqual([failure.code for failure in failures], [CODE.UNAVAILABLE], failures)

    def test_a_node_that_comes_back_is_a_new_one(self):
        host, other = self.start_many(2)
        pid = self.client(host).spawn("counter", "a").pid
        there = self.client(other)
        there.ask(pid, {"add": 5})
        watch = there.watch(pid).await_watching()
        # Else it might reach the node that comes after.
        self.await_true(lambda: self.client(host).get(pid).watcher_count == 1)
        host.crash()
        again = self.start("again", port=host.port)
        self.assertEqual(watch.await_end(15 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        deadline = time.monotonic() + 15 * TIME_FACTOR
        while True:
            try:
                there.ask(pid, {}, timeout=5)
                self.fail("the actor of the old node answered")
            except CallFailed as failure:
                if failure.reason == "ACTOR_NOT_FOUND":
                    break
                self.assertEqual(failure.code, CODE.UNAVAILABLE, failure)
                self.assertLess(time.monotonic(), deadline, failure)
                time.sleep(0.1)
        self.assertEqual(self.client(again).spawn("counter", "a").pid, pid)
        self.assertEqual(there.ask(pid, {"add": 1}), {"value": "1"})


class OrderlyStop(NodeTestCase):
    def test_watchers_of_a_stopped_node_are_told(self):
        host, other = self.start_many(2)
        pid = self.client(host).spawn("counter", "a").pid
        watch = self.client(other).watch(pid).await_watching()
        # The watch is set here before it has reached the actor's own node.
        self.await_true(lambda: self.client(host).get(pid).watcher_count == 1)
        self.assertEqual(host.stop(), 0)
        reasons = watch.await_end(15 * TIME_FACTOR).reasons()
        self.assertEqual(len(reasons), 1)
        self.assertIn(reasons[0], ("STOPPED", "ADDRESS_TERMINATED"))

    def test_under_load_every_call_is_answered_or_refused_and_the_node_ends_well(self):
        host, other = self.start_many(2)
        pid = self.client(host).spawn("counter", "c").pid
        stop = threading.Event()
        strange, answered, refused = [], [], []

        def load(node):
            client = self.client(node)
            while not stop.is_set():
                try:
                    client.ask(pid, {"add": 1}, timeout=10 * TIME_FACTOR)
                    answered.append(1)
                except CallFailed as failure:
                    expected = (failure.code is CODE.UNAVAILABLE
                                or (failure.code, failure.reason) == (CODE.NOT_FOUND, "ACTOR_NOT_FOUND")
                                # The library drops a call that comes while its server shuts down: docs/errors.md.
                                or (node is host and failure.code is CODE.CANCELLED and not failure.reason))
                    refused.append(node)
                    if not expected:
                        strange.append(f"through {node.name}: {failure}")
                    time.sleep(0.01)

        threads = [threading.Thread(target=load, args=(node,)) for node in (host, host, other, other)]
        for thread in threads:
            thread.start()
        self.await_true(lambda: len(answered) >= 400)
        self.assertEqual(host.stop(), 0)
        self.await_true(lambda: host in refused and other in refused)
        stop.set()
        for thread in threads:
            thread.join(20 * TIME_FACTOR)
        self.assertEqual(strange, [])

    def test_open_watches_and_busy_actors_do_not_hold_the_node_back(self):
        host = self.start(program=TEST_NODE)
        client = self.client(host)
        pid = client.spawn("sleeper", "s").pid
        watch = client.watch(pid).await_watching()
        client.tell(pid, [{"ms": 500}] * 3)
        begin = time.monotonic()
        self.assertEqual(host.stop(), 0)
        self.assertLess(time.monotonic() - begin, 10 * TIME_FACTOR)
        watch.await_end(5 * TIME_FACTOR)

    def test_a_second_signal_does_not_make_it_worse(self):
        host = self.start()
        host.signal(signal.SIGTERM)
        host.signal(signal.SIGTERM)
        self.assertIn(host.await_exit(), (0, -signal.SIGTERM))


if __name__ == "__main__":
    main()
