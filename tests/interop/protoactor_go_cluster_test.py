"""A real node as a member of a cluster of real ones of protoactor-go with the automanaged provider, of two versions.

NEXUS_FAMILY_CLUSTER_S is how many seconds a node is to stay a member among nodes of both (30; an hour: 3600).
Skipped, with exit code 77, where Go or its modules are missing.
"""

import os
import socket
import sys
import time

from google.protobuf import struct_pb2, wrappers_pb2
from support.case import NodeTestCase, main
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import protoactor_go_peer
from health_host import settings
from our_side import text
from protoactor_go_peer import ClusterOptions, GoPeer

SKIPPED = 77
STAY_S = float(os.environ.get("NEXUS_FAMILY_CLUSTER_S", "30"))
# Go's own default, which is also ours.
REFRESH_S = 2
# From SIGTERM or SIGKILL until the Go node lists us no more: one wait between polls, and what the poll and a busy machine take.
GONE_S = REFRESH_S + 2
HEARTBEAT_OF = {"2024": "heathbeat", "2026": "heartbeat"}
# Far below the 20 s after which Go gives a member up.
HEARTBEAT_AGE_S = 5


class Together(NodeTestCase):
    """A node of ours, `host`, and Go nodes of the versions listed, in one cluster of theirs."""

    versions = ()
    stay_s = min(STAY_S, 30)

    def setUp(self):
        super().setUp()
        self.health_port = free_port()
        self.go_ports = [free_port() for _ in self.versions]
        self.health_hosts = [f"127.0.0.1:{port}" for port in (self.health_port, *self.go_ports)]
        self.peers = []
        self.host = self.start_host()
        for version, port in zip(self.versions, self.go_ports):
            self.start_go(version, port)
        self.go = self.peers[0]
        self.own_id = self.await_listed()

    def start_host(self, **options):
        return self.start(program=TEST_NODE, settings=settings(self.health_port, self.health_hosts, refresh=f"{REFRESH_S}s"),
                          **options)

    def start_go(self, version, health_port):
        options = ClusterOptions("family", health_port, self.health_hosts, REFRESH_S * 1000)
        peer = GoPeer(version, cluster=options)
        self.addCleanup(peer.close)
        self.peers.append(peer)
        return peer

    def tearDown(self):
        if self.has_failed():
            for peer in self.peers:
                print(f"--- log of Go ({peer.address})\n{peer.log()}---", file=sys.stderr)
        super().tearDown()

    def id_in(self, go):
        """The id under which a Go node lists our node; None when it does not."""
        ids = [member for member, told in go.members().items() if told["address"] == self.host.address]
        self.assertLessEqual(len(ids), 1)
        return ids[0] if ids else None

    def await_listed(self):
        """All of them, by all Go nodes, which list themselves by the same means."""
        theirs = {go.member_id for go in self.peers}
        for go in self.peers:
            self.await_true(lambda go=go: self.id_in(go) and theirs <= go.members().keys())
        return self.id_in(self.go)

    def seconds_until_left(self, since, member=None):
        """Until the last of the Go nodes listed it no more; `since` is of time.time()."""
        member = member or self.own_id
        last = since
        for go in self.peers:
            self.await_true(lambda go=go: member not in go.members())
            left = [change["at"] for change in go.changes() if change["what"] == "left" and change["member"] == member]
            self.assertEqual(len(left), 1)
            last = max(last, left[0])
        return last - since

    def await_log(self, *words):
        self.await_true(lambda: any(all(word in line for word in words) for line in self.host.log().splitlines()))


class Staying:
    def test_they_list_us_without_kinds_and_for_as_long_as_we_run(self):
        self.assertRegex(self.own_id, "^[0-9a-f]{32}$")
        begin = time.monotonic()
        oldest_s = 0
        while time.monotonic() < begin + self.stay_s:
            time.sleep(1)
            for version, go in zip(self.versions, self.peers):
                listed = go.members()[self.own_id]
                self.assertFalse(listed["kinds"])
                if time.monotonic() > begin + 10:
                    ages = go.gossip_ages_s(HEARTBEAT_OF[version])
                    self.assertIn(self.own_id, ages)
                    oldest_s = max(oldest_s, ages[self.own_id])
        self.assertLess(oldest_s, HEARTBEAT_AGE_S * TIME_FACTOR)
        for go in self.peers:
            self.assertEqual([change for change in go.changes() if change["what"] == "left"], [])
        self.assertNotIn("failed to unmarshal", self.host.log(), "the first word was theirs")
        since = time.time()
        self.assertEqual(self.host.stop(), 0)
        took_s = self.seconds_until_left(since)
        print(f"{'+'.join(self.versions)}: a member for {self.stay_s:.0f} s, oldest heartbeat {oldest_s:.1f} s, "
              f"gone {took_s:.2f} s after SIGTERM", file=sys.stderr)
        self.assertLess(took_s, GONE_S * TIME_FACTOR)
        self.assertNotIn("not every Proto.Actor node was told", self.host.log())

    def test_a_node_of_ours_that_is_killed_is_dropped(self):
        since = time.time()
        self.host.crash()
        took_s = self.seconds_until_left(since)
        print(f"{'+'.join(self.versions)}: gone {took_s:.2f} s after SIGKILL", file=sys.stderr)
        self.assertLess(took_s, GONE_S * TIME_FACTOR)

    def test_we_list_them_and_see_them_come_and_go(self):
        for go in self.peers:
            self.await_log("a Proto.Actor node has joined", go.member_id, go.address, "prototopic")
            self.await_log("a Proto.Actor node lists this one", go.member_id)
        self.go.leave()
        # It says so, but may end before it has.
        self.await_true(lambda: any(words in self.host.log() for words in ("node has left", "does not answer any more")))
        back = self.start_go(self.versions[0], self.go_ports[0])
        self.await_log("a Proto.Actor node has joined", back.member_id)
        back.crash()
        self.await_log("does not answer any more", back.member_id)


class Beside:
    def test_one_that_leaves_says_so(self):
        for go in self.peers:
            self.await_true(lambda go=go: self.own_id in go.gossip_ages_s("heartbeat"))
        self.assertEqual(self.host.stop(), 0)
        for go in self.peers:
            self.assertIn(self.own_id, go.gossip_ages_s("left"))
            self.await_true(lambda go=go: self.own_id in go.do("members")["blocked"])

    def test_one_that_comes_back_is_another_member(self):
        self.assertEqual(self.host.stop(), 0)
        old_id = self.own_id
        self.host = self.start_host(name="again", port=self.host.port)
        for go in self.peers:
            self.await_true(lambda go=go: self.id_in(go) not in (None, old_id))

    def test_garbage_on_the_health_port_does_not_cost_the_membership(self):
        held = []
        begin = time.monotonic()
        while time.monotonic() < begin + 3 * REFRESH_S:
            held.append(socket.create_connection(("127.0.0.1", self.health_port)))
            held[-1].sendall((b"GET /_he", b"\x16\x03\x01\x00\xa5", b"", b"\0" * 4000)[len(held) % 4])
            if len(held) > 600:
                held.pop(0).close()
            time.sleep(0.002)
        for connection in held:
            connection.close()
        for go in self.peers:
            self.assertEqual([change for change in go.changes() if change["what"] == "left"], [])
            self.assertIn(self.own_id, go.members())

    def test_their_virtual_actors_stay_with_them(self):
        addresses = {go.address for go in self.peers}
        for n in range(20):
            pid = self.go.do("locate", id=f"i{n}")["pid"]
            self.assertIn(pid.split("/")[0], addresses, pid)

    def test_messages_flow_beside_the_membership(self):
        here = self.client(self.host)
        pid = here.spawn("echo", "e").pid
        for go in self.peers:
            for n in range(100):
                reply = go.request(pid, wrappers_pb2.Int64Value(value=n))
                self.assertEqual((reply["type"], reply["message"]), ("google.protobuf.Int64Value", str(n)))

    def test_what_they_broadcast_is_no_dead_letter(self):
        message = struct_pb2.Struct()
        self.go.do("broadcast", type=message.DESCRIPTOR.full_name, message={"a": 1})
        pid = self.client(self.host).spawn("echo", "e").pid
        self.assertEqual(self.go.request(pid, text("after it"))["message"], "after it")
        self.assertNotIn("eventstream", self.host.log())


class With2024(Staying, Beside, Together):
    versions = ("2024",)


class With2026(Staying, Beside, Together):
    versions = ("2026",)


class WithBoth(Staying, Together):
    """The two hear of each other from us and by polling only: their links cannot carry each other's frames."""

    versions = ("2026", "2024")
    stay_s = STAY_S


if __name__ == "__main__":
    try:
        for known_version in protoactor_go_peer.MODULE_FILES:
            protoactor_go_peer.build(known_version)
    except protoactor_go_peer.Unavailable as why:
        print("*" * 100, "SKIPPED: nothing was tested against protoactor-go.", str(why).rstrip(),
              "tests/interop/protoactor_go/prepare downloads the modules.", "*" * 100, sep="\n", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
