"""Links on which nothing is said stay up: nobody is told that a peer has gone. NEXUS_IDLE_S is how long, in seconds."""

import os
import re
import time

from support.case import NodeTestCase, main
from support.fault_proxy import FaultNetwork
from support.node import TEST_NODE, TIME_FACTOR

IDLE_S = float(os.environ.get("NEXUS_IDLE_S", "5"))
ALARMS = re.compile("link lost|peer gone|link broken off")


class Idle(NodeTestCase):
    def watch_both_ways(self, nodes):
        """On each node an actor, and one that watches the actor of the other; (client of the watcher, watcher, watched) each."""
        actors = [self.client(node).spawn("counter", "watched").pid for node in nodes]
        watches = []
        for node, other, pid in zip(nodes, reversed(nodes), reversed(actors)):
            client = self.client(node)
            watcher = client.spawn("watcher", "watcher").pid
            client.ask(watcher, {"watch": pid})
            self.await_true(lambda other=other, pid=pid: self.client(other).get(pid).watcher_count == 1)
            watches.append((client, watcher, pid))
        return watches

    def stay_idle(self, nodes):
        end = time.monotonic() + IDLE_S
        self.await_true(lambda: time.monotonic() >= end, timeout_s=IDLE_S + 20)
        for node in nodes:
            self.assertIsNone(ALARMS.search(node.log()), node.log())

    def assert_told_once(self, nodes, watches):
        """Nothing so far; then the end of each watched actor, once."""
        for client, watcher, pid in watches:
            self.assertEqual(client.ask(watcher, {}), {})
        for node in nodes:
            self.client(node).stop("watched")
        for client, watcher, pid in watches:
            self.await_true(lambda client=client, watcher=watcher, pid=pid: client.ask(watcher, {}) == {pid: 1})
        for node in nodes:
            self.assertIsNone(ALARMS.search(node.log()), node.log())

    def test_a_link_that_idles_stays_up(self):
        nodes = self.start_many(2, program=TEST_NODE)
        watches = self.watch_both_ways(nodes)
        self.stay_idle(nodes)
        self.assert_told_once(nodes, watches)

    def test_clients_that_idle_are_answered(self):
        node = self.start(program=TEST_NODE)
        clients = [self.client(node) for _ in range(20)]
        pids = [client.spawn("counter").pid for client in clients]
        self.stay_idle([node])
        for client, pid in zip(clients, pids):
            self.assertEqual(client.get(pid).pid, pid)

    def test_also_over_a_slow_and_shaky_network(self):
        network = FaultNetwork(seed=1)
        nodes = [network.node(self, f"n{n}", program=TEST_NODE, unreachable_after=f"{5 * TIME_FACTOR}s") for n in (1, 2)]
        for sender, receiver in (nodes, reversed(nodes)):
            path = network.path(sender, receiver)
            path.delay(0.1, jitter=0.1)
            path.lose(0.01)
        watches = self.watch_both_ways(nodes)
        self.stay_idle(nodes)
        self.assert_told_once(nodes, watches)


if __name__ == "__main__":
    main()
