"""Nine nodes that crash, stop, stand still and come back for NEXUS_CHURN_S seconds: they always come to one view again, no two ever have
different views of one epoch, and the ones that stay do not grow."""

import itertools
import os
import random
import signal
import threading
import time

import grpc
from nexus.v1 import cluster_service_pb2 as api
from support.case import main
from support.cluster import ClusterTestCase
from support.node import TIME_FACTOR
from support.ports import free_port

SECONDS = int(os.environ.get("NEXUS_CHURN_S", "20"))
SEED = int(os.environ.get("NEXUS_CHURN_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
NODES = 9
# These are there all the time, and stand still at most.
STAYING = 2
SETTLING_S = 150
MIB = 1024 * 1024
# Until all agree after a fault: one that stood still for long joins again under a new id first, and one that does so again and again waits
# for half a minute before.
PATIENCE_S = 60


class Witness:
    """Every view that any node has shown, by cluster and epoch."""

    def __init__(self):
        self._lock = threading.Lock()
        self._views = {}
        self.conflicts = []
        self.count = 0

    def follow(self, member):
        threading.Thread(target=self._read, args=(member,), daemon=True).start()

    def _read(self, member):
        try:
            for response in member.stub.WatchCluster(api.WatchClusterRequest()):
                what = response.snapshot if response.HasField("snapshot") else response.change
                self._saw(member.node.name, response.resume_token.split("-")[0], what.view)
        except grpc.RpcError:
            # The node has ended.
            return

    def _saw(self, who, lineage, view):
        with self._lock:
            self.count += 1
            known, first = self._views.setdefault((lineage, view.epoch), (view.id, who))
            if known != view.id:
                self.conflicts.append(f"epoch {view.epoch}: {first} has {known}, {who} has {view.id}")


class ClusterChurn(ClusterTestCase):
    def setUp(self):
        super().setUp()
        self.dice = random.Random(SEED)
        ports = [free_port() for _ in range(NODES)]
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in ports[:3])
        settings = f"cluster:\n  seeds: [{seeds}]\ncore:\n  workers: 1\n"
        self.nodes = [self.node(f"n{i + 1}", port=port, settings=settings) for i, port in enumerate(ports)]
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.await_ready()
        self.members = [self.member(node) for node in self.nodes]
        self.witness = Witness()
        for member in self.members:
            self.witness.follow(member)

    def victims(self, count):
        return self.dice.sample(range(STAYING, NODES), count)

    def come_back(self, which):
        self.nodes[which].restart()
        self.members[which] = self.member(self.nodes[which])
        self.witness.follow(self.members[which])

    def crash(self):
        for which in self.victims(1):
            self.nodes[which].crash()
            self.come_back(which)

    def crash_of_two(self):
        victims = self.victims(2)
        for which in victims:
            self.nodes[which].crash()
        rest = [i for i in range(NODES) if i not in victims]
        self.agreed([self.members[i] for i in rest], [self.nodes[i] for i in rest])
        for which in victims:
            self.come_back(which)

    def stop(self):
        for which in self.victims(1):
            self.assertEqual(self.nodes[which].stop(), 0)
            self.come_back(which)

    def stand_still(self, seconds):
        which = self.dice.randrange(NODES)
        self.nodes[which].signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.nodes[which].signal(signal.SIGCONT)

    def agreed(self, members, nodes):
        self.await_true(lambda: self.agree(members, nodes), timeout_s=PATIENCE_S)

    @staticmethod
    def open_files(node):
        return len(os.listdir(f"/proc/{node.process.pid}/fd"))

    def test_churn(self):
        print(f"NEXUS_CHURN_SEED={SEED}")
        self.agreed(self.members, self.nodes)
        faults = [self.crash, self.crash_of_two, self.stop, lambda: self.stand_still(0.4), lambda: self.stand_still(4.0)]
        end = time.monotonic() + SECONDS * TIME_FACTOR
        before = []
        for step in itertools.count(1):
            if time.monotonic() > end:
                break
            self.dice.choice(faults)()
            self.agreed(self.members, self.nodes)
            self.assertEqual(self.witness.conflicts, [])
            # In the shortest runs what comes last is compared with the beginning.
            if step in (1, 5):
                before = [(node.memory_bytes(), self.open_files(node)) for node in self.nodes[:STAYING]]
        print(f"{step - 1} faults, {self.witness.count} views seen")
        self.assertGreater(step, 1)
        for i, (memory, files) in enumerate(before):
            node = self.nodes[i]
            grown = (node.memory_bytes() - memory) / MIB
            print(f"{node.name} has grown by {grown:.1f} MiB and {self.open_files(node) - files} open files")
            # A sanitizer keeps what was freed.
            if TIME_FACTOR == 1:
                self.assertLess(grown, 16)
            # Connections to those that have gone end within a minute or two.
            self.await_true(lambda node=node, files=files: self.open_files(node) - files < 20, timeout_s=SETTLING_S)


if __name__ == "__main__":
    main()
