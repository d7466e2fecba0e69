"""A real node as a member among peers that play the gossip actors of Go and .NET, message by message; protoactor_go_cluster_test.py has it
among real nodes of Go.
"""

import http.client
import json
import os
import socket
import sys

from protoactor import cluster_pb2 as cluster
from support.case import NodeTestCase, main
from support.node import TIME_FACTOR
from support.ports import free_port

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from family_peer import DeadLetter, Dotnet, Go2024, Go2026
from health_host import HealthHost, health_of, settings

REQUEST, RESPONSE = "cluster.GossipRequest", "cluster.GossipResponse"
DOTNET_REQUEST, DOTNET_RESPONSE = "cluster.gossip.GossipRequest", "cluster.gossip.GossipResponse"
HEARTBEATS = {"heartbeat", "heathbeat"}


class Gossiping:
    """Beside a FamilyPeer: hosts `gossip`, and keeps the requests that come."""

    answers_gossip = True

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.known_types |= {REQUEST, RESPONSE, DOTNET_REQUEST, DOTNET_RESPONSE}
        # As (sender, request).
        self.gossip = []

    def handle(self, received, target_id):
        if received.type_name != REQUEST or target_id != "gossip":
            super().handle(received, target_id)
            return
        self.gossip.append((received.sender, cluster.GossipRequest.FromString(received.data)))
        if self.answers_gossip:
            self.answer_bytes(received, RESPONSE, b"")

    def tell(self, state=None, target="gossip", type_name=REQUEST, member_id=""):
        """Asks as a gossip actor does; the answer."""
        request = cluster.GossipRequest(state=state, member_id=member_id)
        return self.request_bytes(target, type_name, request.SerializeToString())

    def told_keys(self, member_id):
        """Of a member, over all requests so far."""
        return {key for _, request in list(self.gossip) for key in request.state.members[member_id].values}


class GossipingGo2024(Gossiping, Go2024):
    pass


class GossipingGo2026(Gossiping, Go2026):
    pass


class GossipingDotnet(Gossiping, Dotnet):
    pass


def state_of(member_id, key, sequence=1, message=None):
    state = cluster.GossipState()
    value = state.members[member_id].values[key]
    value.sequence_number = sequence
    value.value.Pack(message or cluster.MemberHeartbeat())
    return state


class InTheCluster(NodeTestCase):
    """A node of ours, `node`, and peers that it polls."""

    def setUp(self):
        super().setUp()
        self.peers = []
        self.health_port = free_port()
        self.node = self.node_of("family")

    def node_of(self, cluster_name, host_count=2):
        self.hosts = [self.enter(HealthHost()) for _ in range(host_count)]
        hosts = [f"127.0.0.1:{self.health_port}"] + [host.address for host in self.hosts]
        return self.start(settings=settings(self.health_port, hosts, cluster=cluster_name))

    def enter(self, manager):
        self.addCleanup(manager.__exit__)
        return manager.__enter__()

    def peer(self, family=GossipingGo2026, host=0, **options):
        peer = self.enter(family(self.node.address, **options))
        self.peers.append(peer)
        self.hosts[host].body = health_of(peer, self.hosts[host].port)
        return peer

    def tearDown(self):
        super().tearDown()
        self.assertEqual([violation for peer in self.peers for violation in peer.violations], [])

    def health(self, path="/_health", method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=10 * TIME_FACTOR)
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body

    def own_id(self):
        return json.loads(self.health()[1])["id"]

    def await_log(self, *words):
        self.await_true(lambda: self.log_count(*words) > 0)

    def log_count(self, *words):
        return sum(all(word in line for word in words) for line in self.node.log().splitlines())


class Health(InTheCluster):
    def test_who_the_node_is(self):
        status, body = self.health()
        self.assertEqual(status, 200)
        told = json.loads(body)
        self.assertRegex(told.pop("id"), "^[0-9a-f]{32}$")
        self.assertEqual(told, {"address": "127.0.0.1", "auto_manage_port": self.health_port, "port": self.node.port,
                                "kinds": [], "cluster_name": "family"})

    def test_other_paths_and_methods(self):
        self.assertEqual(self.health("/")[0], 404)
        self.assertEqual(self.health(method="DELETE")[0], 405)

    def test_a_handshake_has_the_same_id(self):
        peer = self.peer()
        self.await_true(lambda: peer.gossip)
        self.assertEqual(peer.connects.get(timeout=20).server_connection.member_id, self.own_id())

    def test_garbage_hurts_nobody(self):
        garbage = [b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 10_000,
                   b"GET /_health HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, b"GET", b"A" * 100_000, b""]
        held = []
        for n in range(400):
            held.append(socket.create_connection(("127.0.0.1", self.health_port)))
            try:
                held[-1].sendall(garbage[n % len(garbage)])
            except (BrokenPipeError, ConnectionResetError):
                # The node has ended it already.
                pass
        self.assertEqual(self.health()[0], 200)
        for connection in held:
            connection.close()
        self.assertEqual(self.health()[0], 200)


class OffByDefault(NodeTestCase):
    def test_there_is_no_gossip_actor(self):
        node = self.start()
        with GossipingGo2026(node.address) as peer:
            for name in ("gossip", "$gossip"):
                with self.assertRaises(DeadLetter):
                    peer.tell(target=name)


class Requests(InTheCluster):
    def test_of_go(self):
        for family in (GossipingGo2024, GossipingGo2026):
            peer = self.peer(family)
            answer = peer.tell(state_of(peer.member_id, "heartbeat"), member_id=self.own_id())
            self.assertEqual((answer.type_name, answer.data), (RESPONSE, b""))

    def test_of_dotnet(self):
        peer = self.peer(GossipingDotnet)
        for _ in range(3):
            answer = peer.tell(state_of(peer.member_id, "cluster:heartbeat"), "$gossip", DOTNET_REQUEST, peer.member_id)
            self.assertEqual((answer.type_name, answer.data), (DOTNET_RESPONSE, b""))

    def test_of_either_family_under_the_name_of_the_other(self):
        peer = self.peer()
        self.assertEqual(peer.tell(target="$gossip").type_name, RESPONSE)
        self.assertEqual(peer.tell(type_name=DOTNET_REQUEST).type_name, DOTNET_RESPONSE)

    def test_of_somebody_who_is_no_member(self):
        stranger = self.enter(GossipingGo2026(self.node.address))
        self.assertEqual(stranger.tell(state_of("stranger", "heartbeat")).type_name, RESPONSE)
        self.assertEqual(self.log_count("has joined"), 0)

    def test_that_are_none_leave_the_link_alone(self):
        peer = self.peer()
        peer.tell()
        peer.send_bytes("gossip", REQUEST, b"\xff garbage")
        self.assertEqual(peer.tell().type_name, RESPONSE)


class Gossip(InTheCluster):
    def test_has_the_heartbeat_in_both_spellings_and_the_receivers_id(self):
        peer = self.peer()
        peer.tell()
        self.await_true(lambda: len(peer.gossip) >= 3)
        for sender, request in list(peer.gossip):
            self.assertEqual(sender.Address, self.node.address)
            self.assertEqual(request.member_id, peer.member_id)
            self.assertEqual(set(request.state.members[self.own_id()].values), HEARTBEATS)
            for value in request.state.members[self.own_id()].values.values():
                self.assertTrue(value.value.Is(cluster.MemberHeartbeat.DESCRIPTOR))
        numbers = [request.state.members[self.own_id()].values["heartbeat"].sequence_number for _, request in peer.gossip]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_waits_for_the_first_word_of_a_member_but_not_for_ever(self):
        peer = self.peer(GossipingGo2024)
        self.await_log("has joined", peer.member_id)
        peer.tell()
        self.await_true(lambda: peer.gossip)
        self.assertEqual(len(peer.inbound), 1, "it was spoken to in targets that it reads")
        silent = self.peer(host=1)
        self.await_true(lambda: silent.gossip)

    def test_what_one_has_told_comes_to_another_once(self):
        one, other = self.peer(), self.peer(host=1)
        other.tell()
        self.await_true(lambda: other.gossip)
        one.tell(state_of("third", "color"))
        self.await_true(lambda: "color" in other.told_keys("third"))
        count = len(other.gossip)
        self.await_true(lambda: len(other.gossip) >= count + 5)
        told = [request for _, request in other.gossip if "color" in request.state.members["third"].values]
        self.assertEqual(len(told), 1)

    def test_what_was_not_answered_is_told_again(self):
        one, other = self.peer(), self.peer(host=1)
        other.answers_gossip = False
        other.tell()
        one.tell(state_of("third", "color"))
        self.await_true(lambda: sum("color" in request.state.members["third"].values
                                    for _, request in list(other.gossip)) >= 2)

    def test_nobody_else_says_what_the_node_is(self):
        peer = self.peer()
        peer.tell(state_of(self.own_id(), "left", sequence=1_000_000))
        peer.tell(state_of(self.own_id(), "heartbeat", sequence=1_000_000))
        self.await_true(lambda: len(peer.gossip) >= 3)
        self.assertNotIn("left", peer.told_keys(self.own_id()))
        self.assertLess(max(request.state.members[self.own_id()].values["heartbeat"].sequence_number
                            for _, request in peer.gossip), 1_000_000)


class Members(InTheCluster):
    def test_join_are_replaced_and_fall_silent(self):
        peer = self.peer()
        self.await_log("has joined", f"peer={peer.address}", f"member={peer.member_id}", "kinds=prototopic", "members=1")
        again = self.peer()
        self.await_log("another has its place", peer.member_id)
        self.await_log("has joined", again.member_id)
        self.hosts[0].body = None
        self.await_log("does not answer any more", again.member_id, "members=0")

    def test_that_say_that_they_leave_are_none_though_they_still_answer(self):
        peer = self.peer()
        self.await_log("has joined", peer.member_id)
        peer.tell(state_of(peer.member_id, "left"))
        self.await_log("has left", peer.member_id)
        asked, spoken = self.hosts[0].asked_count, len(peer.gossip)
        self.await_true(lambda: self.hosts[0].asked_count > asked + 3)
        self.assertLessEqual(len(peer.gossip), spoken + 1)
        self.assertEqual(self.log_count("has joined"), 1)

    def test_an_answer_that_is_none_is_logged_once_and_ignored(self):
        for n, body in enumerate(("<html>", '{"id": 7, "address": "h"}', '{"id":"a","address":"h","port":0}', "[]")):
            self.hosts[0].body = body
            asked = self.hosts[0].asked_count
            self.await_log("is ignored", self.hosts[0].address)
            self.await_true(lambda: self.hosts[0].asked_count > asked + 3)
            self.assertEqual(self.log_count("is ignored", self.hosts[0].address), n + 1)
            peer = self.peer()
            self.await_log("has joined", peer.member_id)

    def test_of_another_cluster_are_none(self):
        peer = self.peer()
        self.hosts[0].body = health_of(peer, self.hosts[0].port, cluster="another")
        self.await_log("is ignored", 'another')
        peer.tell()
        self.assertEqual(peer.gossip, [])

    def test_without_kinds(self):
        peer = self.peer()
        self.hosts[0].body = health_of(peer, self.hosts[0].port, kinds=None)
        self.await_log("has joined", peer.member_id)

    def test_that_drop_the_node_are_logged(self):
        peer = self.enter(GossipingGo2026(self.node.address))
        topology = cluster.ClusterTopology(members=[cluster.Member(id=self.own_id()), cluster.Member(id=peer.member_id)])
        peer.tell(state_of(peer.member_id, "topology", 1, topology))
        # Go says so before it has been polled.
        self.hosts[0].body = health_of(peer, self.hosts[0].port)
        self.await_log("lists this one", peer.member_id)
        del topology.members[0]
        peer.tell(state_of(peer.member_id, "topology", 2, topology))
        self.await_log("does not list this one any more", peer.member_id)


class Leaving(InTheCluster):
    def test_is_told_to_all_and_health_ends(self):
        peers = [self.peer(), self.peer(host=1)]
        own_id = self.own_id()
        for peer in peers:
            peer.tell()
            self.await_true(lambda peer=peer: peer.gossip)
        self.assertEqual(self.node.stop(), 0)
        for peer in peers:
            self.assertIn("left", peer.told_keys(own_id))
        self.assertEqual(self.log_count("not every Proto.Actor node was told"), 0)
        with self.assertRaises(ConnectionRefusedError):
            self.health()

    def test_does_not_wait_for_one_that_does_not_answer(self):
        peer = self.peer()
        own_id = self.own_id()
        peer.tell()
        self.await_true(lambda: peer.gossip)
        peer.answers_gossip = False
        self.assertEqual(self.node.stop(), 0)
        self.assertIn("left", peer.told_keys(own_id))
        self.assertEqual(self.log_count("not every Proto.Actor node was told"), 1)


if __name__ == "__main__":
    main()
