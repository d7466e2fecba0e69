"""A cluster on a network with faults: parts of it cut off, nodes that hear and are not heard, nodes that are slow.

    cluster_fault_test.py namespaces|proxies [TEST...]
"""

import signal
import sys
import threading
import time

from nexus.v1 import cluster_service_pb2 as api
from support.cluster import ClusterTestCase
from support.fault_proxy import FaultNetwork
from support.namespaces import NamespaceNetwork, run_in_namespace
from support.node import TIME_FACTOR

MODES = ("namespaces", "proxies")


class ProxyNetwork:
    """The faults of NamespaceNetwork where there are no namespaces: what is cut off is taken from the streams."""

    def __init__(self):
        self._network = FaultNetwork()

    def node(self, case, name, **options):
        return self._network.node(case, name, **options)

    def cut(self, sender, receiver):
        self._network.path(sender, receiver).cut()

    def heal(self):
        self._network.heal()


class ClusterFaults(ClusterTestCase):
    network_type = None

    def begin(self, count):
        """Nodes that have one view. The first is the seed of the others."""
        self.network = self.network_type()
        first = self.network.node(self, "n1")
        self.await_start([first])
        seeds = f'cluster:\n  seeds: ["{first.address}"]\n'
        others = [self.network.node(self, f"n{i}", settings=seeds) for i in range(2, count + 1)]
        self.await_start(others)
        nodes = [first, *others]
        members = [self.member(node) for node in nodes]
        self.await_agreement(members, nodes, 10)
        return nodes, members

    @staticmethod
    def await_start(nodes):
        for node in nodes:
            if not node.runs():
                node.start()
        for node in nodes:
            node.await_ready()

    def part(self, one, other):
        for a in one:
            for b in other:
                self.network.cut(a, b)
                self.network.cut(b, a)

    def assert_unchanged(self, members, view, seconds):
        deadline = time.monotonic() + seconds * TIME_FACTOR
        while time.monotonic() < deadline:
            for member in members:
                self.assertEqual(member.view(), view)
            time.sleep(0.1)

    def test_a_node_in_a_black_hole_is_missed_and_comes_back(self):
        nodes, members = self.begin(5)
        self.part(nodes[:4], nodes[4:])
        self.await_agreement(members[:4], nodes[:4], 4)
        self.await_true(lambda: members[4].status() == api.NODE_STATUS_FROZEN)
        self.network.heal()
        # Who heard nobody first makes sure that its link is good, for three seconds and ten checks.
        begin = time.monotonic()
        self.await_agreement(members, nodes, 10)
        print(f"one of five was back {time.monotonic() - begin:.1f} s after the heal")

    def test_the_larger_part_goes_on_and_all_come_together_again(self):
        nodes, members = self.begin(5)
        before = members[0].view()
        self.part(nodes[:2], nodes[2:])
        self.await_agreement(members[2:], nodes[2:], 5)
        self.await_true(lambda: all(member.status() == api.NODE_STATUS_FROZEN for member in members[:2]))
        # The smaller part changes nothing, lives, and takes no part in what needs the cluster.
        self.assertEqual([member.view() for member in members[:2]], [before] * 2)
        self.await_true(lambda: all(member.is_live_only() for member in members[:2]))
        self.assertTrue(all(member.health() for member in members[2:]))
        self.network.heal()
        self.await_agreement(members, nodes, 10)
        self.await_true(lambda: all(member.health() for member in members))

    def test_a_node_that_is_not_heard_is_missed_though_it_hears(self):
        nodes, members = self.begin(5)
        for other in nodes[:4]:
            self.network.cut(nodes[4], other)
        self.await_agreement(members[:4], nodes[:4], 4)
        self.assert_unchanged(members[:4], members[0].view(), 5)
        self.network.heal()
        self.await_agreement(members, nodes, 10)

    def test_one_bad_path_among_many_costs_nobody_the_membership(self):
        nodes, members = self.begin(5)
        before = members[0].view()
        self.network.cut(nodes[0], nodes[4])
        self.network.cut(nodes[4], nodes[0])
        self.assert_unchanged(members, before, 8)
        self.network.heal()
        self.assert_unchanged(members, before, 2)

    def test_a_node_that_seldom_runs_is_kept(self):
        """A tenth of a processor, 100 ms at a time."""
        nodes, members = self.begin(5)
        before = members[0].view()
        done = threading.Event()

        def starve():
            while not done.is_set():
                nodes[4].signal(signal.SIGSTOP)
                done.wait(0.09)
                nodes[4].signal(signal.SIGCONT)
                done.wait(0.01)

        starver = threading.Thread(target=starve)
        starver.start()
        try:
            self.assert_unchanged(members[:4], before, 10)
        finally:
            done.set()
            starver.join()
        self.assertEqual(members[4].view(), before)


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in MODES:
        sys.exit(__doc__)
    if sys.argv[1] == "namespaces":
        run_in_namespace()
        ClusterFaults.network_type = NamespaceNetwork
    else:
        ClusterFaults.network_type = ProxyNetwork
    ClusterTestCase.run_all([sys.argv[0], *sys.argv[2:]])


if __name__ == "__main__":
    main()
