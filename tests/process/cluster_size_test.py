"""Fifty nodes on loopback for a minute: they find each other, nobody misses anybody, and what it costs."""

import os
import time

from support.case import main
from support.cluster import ClusterTestCase
from support.ports import free_port

NODES = 50
SECONDS = 60


def processor_seconds(node):
    with open(f"/proc/{node.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ClusterSize(ClusterTestCase):
    def test_fifty_nodes_for_a_minute(self):
        ports = [free_port() for _ in range(NODES)]
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in ports[:3])
        settings = f"cluster:\n  seeds: [{seeds}]\ncore:\n  workers: 1\n"
        nodes = [self.node(f"n{i + 1}", port=port, settings=settings) for i, port in enumerate(ports)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_agreement(members, nodes, 20)
        before = members[0].view()
        used = sum(processor_seconds(node) for node in nodes)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            time.sleep(1)
            self.assertEqual(members[0].view(), before)
        used = sum(processor_seconds(node) for node in nodes) - used
        print(f"a node takes {1000 * used / SECONDS / NODES:.1f} ms of a processor a second and "
              f"{max(node.memory_bytes() for node in nodes) / 1024 / 1024:.0f} MiB at most")
        self.assertEqual([member.view() for member in members], [before] * NODES)
        nodes[-1].crash()
        self.await_agreement(members[:-1], nodes[:-1], 4)


if __name__ == "__main__":
    main()
