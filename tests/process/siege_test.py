"""Two nodes that send to each other while hostile clients send garbage to both: none of it crashes a node, fills its memory, leaves a
connection behind or costs the link between them. NEXUS_SIEGE_S is how long, in seconds; NEXUS_SIEGE_SEED what they send.
"""

import os
import random
import re
import sys
import tempfile
import time

from support.books import Book, disorder
from support.case import NodeTestCase, main
from support.hostile_client import HostileClient, Siege
from support.node import TEST_NODE, TIME_FACTOR

SIEGE_S = float(os.environ.get("NEXUS_SIEGE_S", "5"))
SEED = int(os.environ.get("NEXUS_SIEGE_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
CLIENTS_PER_NODE = 3
# 200 messages a second in each direction.
PER_BEAT, BEAT_MS = 1, 5
# Of each node, after the siege. mimalloc gives pages back at once, so that what stays resident is in use; that of a sanitizer is its
# own affair.
MEMORY_MORE_BYTES_MAX = 96 << 20
MIMALLOC = {"MIMALLOC_PAGE_RESET": "1", "MIMALLOC_RESET_DELAY": "0", "MIMALLOC_ABANDONED_PAGE_RESET": "1"}
FILES_MORE_MAX = 3
# gRPC 1.51 now and then forgets a connection that ends in the middle of endless headers, with or without a node of ours around it. These
# must not add up.
FORGOTTEN_COUNT_MAX = 20
ALARMS = re.compile("link lost|peer gone|link broken off")


class UnderSiege(NodeTestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="nexus-books-")
        self.addCleanup(folder.cleanup)
        self.books = [Book(os.path.join(folder.name, f"book{place}")) for place in range(2)]
        self.nodes = [self.start(f"n{place + 1}", program=TEST_NODE, env={"NEXUS_TEST_BOOK": book.path, **MIMALLOC})
                      for place, book in enumerate(self.books)]
        self.clients = [self.client(node) for node in self.nodes]
        for place, client in enumerate(self.clients):
            client.spawn("ledger", f"ledger-{place}")
            client.spawn("counter", "victim")

    # The link between the two.

    def begin_load(self):
        for place, client in enumerate(self.clients):
            client.spawn("teller", f"teller-{place}")
            client.ask(f"teller-{place}", {"targets": self.nodes[1 - place].pid_of(f"ledger-{1 - place}"), "per_beat": PER_BEAT,
                                           "beat_ms": BEAT_MS})

    def end_load(self):
        for place, client in enumerate(self.clients):
            client.ask(f"teller-{place}", {"stop": True}, timeout=20 * TIME_FACTOR)

    def numbers(self, what, book, place):
        """Of the messages of this teller to the other node."""
        return getattr(self.books[book], what)[f"teller-{place}", f"ledger-{1 - place}"]

    def assert_books_agree(self):
        """All that was sent was handled, once and in order, and none was a dead letter."""
        def all_arrived():
            for book in self.books:
                book.read()
            return all(len(self.numbers("handled", 1 - place, place)) == len(self.numbers("sent", place, place)) > 0
                       for place in range(2))
        self.await_true(all_arrived)
        for place in range(2):
            handled = self.numbers("handled", 1 - place, place)
            self.assertEqual(handled, self.numbers("sent", place, place), f"teller-{place}: {disorder(handled)}")
            self.assertEqual(len(handled), handled[-1])
            for book in self.books:
                self.assertFalse(book.damaged, book.damaged)
                self.assertFalse([pair for pair in book.dead if pair[0] == f"teller-{place}"], "dead letters of the link")

    def assert_link_was_never_lost(self):
        for node, other in zip(self.nodes, reversed(self.nodes)):
            alarms = [line for line in node.log().splitlines() if ALARMS.search(line) and other.address in line]
            self.assertEqual(alarms, [], node.name)

    # The nodes.

    def hostile_clients(self, name):
        return [HostileClient(node.port, f"{SEED} {name} {node.name} {number}", "victim") for node in self.nodes
                for number in range(CLIENTS_PER_NODE)]

    def look(self):
        """Bytes and open files of each node."""
        return [(node.memory_bytes(), len(open_files(node))) for node in self.nodes]

    def await_settled(self, files):
        """Until neither node has more files than that besides sockets that gRPC has forgotten."""
        self.await_true(lambda: all(len(open_files(node)) - forgotten_count(node) <= count
                                    for node, count in zip(self.nodes, files)), timeout_s=60)

    def test_garbage_costs_nothing_but_its_time(self):
        print(f"seed {SEED}, {SIEGE_S:.0f} s", file=sys.stderr)
        self.begin_load()
        self.await_true(lambda: all(book.read().handled for book in self.books))
        files = [count for _, count in self.look()]
        # What a node needs for its first of each is no leak.
        for client in self.hostile_clients("first"):
            for way in client.WAYS:
                client.attack(way)
            client.close()
        self.await_settled(files)
        before = self.look()

        clients = self.hostile_clients("siege")
        most = list(before)
        end = time.monotonic() + SIEGE_S
        with Siege(clients) as siege:
            while time.monotonic() < end and siege.goes_on():
                most = [(max(a, c), max(b, d)) for (a, b), (c, d) in zip(most, self.look())]
                for client in self.clients:
                    self.assertEqual(client.ask("victim", {"add": 0}, timeout=20 * TIME_FACTOR), {"value": "0"})
                time.sleep(0.2)
        self.await_settled([count + FILES_MORE_MAX for count in files])
        after = self.look()
        self.end_load()
        self.assert_books_agree()
        self.assert_link_was_never_lost()
        counts = siege.counts()
        print(f"attacks: {dict(counts)}", file=sys.stderr)
        for node, (memory, count), peak, now in zip(self.nodes, before, most, after):
            print(f"{node.name}: {memory / 1e6:.1f} MB and {count} files before, {peak[0] / 1e6:.1f} MB and {peak[1]} at most, "
                  f"{now[0] / 1e6:.1f} MB and {now[1]} after, of which gRPC has forgotten {forgotten_count(node)}; "
                  f"log {os.path.getsize(node.log_path) / 1e6:.1f} MB", file=sys.stderr)
        for node, (memory, _), now in zip(self.nodes, before, after):
            self.assertLessEqual(forgotten_count(node), FORGOTTEN_COUNT_MAX, node.name)
            if TIME_FACTOR == 1:
                self.assertLess(now[0], memory + MEMORY_MORE_BYTES_MAX, node.name)
        # All ways had their turn.
        self.assertEqual(set(counts), set(HostileClient.WAYS))


def open_files(node):
    """What each open file of the process is."""
    folder = f"/proc/{node.process.pid}/fd"
    targets = []
    for name in os.listdir(folder):
        try:
            targets.append(os.readlink(os.path.join(folder, name)))
        except FileNotFoundError:
            # Closed meanwhile.
            continue
    return targets


def forgotten_count(node):
    """Sockets that the node holds although the kernel has no connection for them any more."""
    inodes = set()
    for table in ("tcp", "tcp6", "unix", "udp", "udp6"):
        with open(f"/proc/{node.process.pid}/net/{table}", encoding="ascii") as file:
            inodes.update(word for line in file for word in line.split())
    return sum(target.startswith("socket:") and target[len("socket:["):-1] not in inodes for target in open_files(node))


if __name__ == "__main__":
    main()
