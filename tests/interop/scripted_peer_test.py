"""A real node against a peer that plays Proto.Actor: handshake, requests, activation, watches, both dialects."""

import os
import queue
import sys

import grpc
from nexus.v1 import types_pb2 as types
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from support.case import NodeTestCase, main

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scripted_peer import ScriptedPeer  # pylint: disable=wrong-import-position

OK, NAME_EXISTS, ERROR = 0, 3, 4


class PeerTestCase(NodeTestCase):
    old_dialect = False

    def setUp(self):
        super().setUp()
        self.host = self.start()
        self.peer = ScriptedPeer(self.host.address, old_dialect=self.old_dialect).__enter__()
        self.addCleanup(self.peer.__exit__)
        self.connect_response = self.peer.dial()

    def target(self, actor_id):
        """An id of the peer's as the node writes it into a batch."""
        return self.peer.pid(actor_id).SerializeToString() if self.old_dialect else actor_id.encode()

    def activate(self, kind, name, activator="activator"):
        self.peer.send(activator, remote.ActorPidRequest(name=name, kind=kind), sender_id="future$1")
        answer = self.peer.take()
        self.assertEqual(answer.target, self.target("future$1"))
        return answer.read_as(remote.ActorPidResponse)

    def tearDown(self):
        # Whatever happened: on the stream that the peer dialled there are no messages.
        kinds = [frame.WhichOneof("message_type") for frame in self.peer.responses]
        self.assertEqual(kinds[0], "connect_response")
        self.assertLessEqual(set(kinds[1:]), {"disconnect_request"})
        super().tearDown()
        # The node has ended by now.
        self.assertEqual(self.peer.await_end(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.peer.responses[-1].WhichOneof("message_type"), "disconnect_request")


class InTheStringDialect(PeerTestCase):
    def test_the_handshake_names_the_node(self):
        self.assertRegex(self.connect_response.member_id, "^[0-9a-f]{32}$")
        self.assertFalse(self.connect_response.blocked)

    def test_the_node_dials_back_with_a_handshake_of_its_own(self):
        self.activate("echo", "e")
        connect = self.peer.connects.get(timeout=1).server_connection
        self.assertEqual(connect.member_id, self.connect_response.member_id)
        self.assertEqual(connect.address, self.host.address)

    def test_kinds_are_activated_under_both_names_of_the_activator(self):
        for name, activator in (("a", "activator"), ("b", "$activator")):
            response = self.activate("counter", name, activator)
            self.assertEqual(response.status_code, OK)
            self.assertEqual((response.pid.Address, response.pid.Id), (self.host.address, name))

    def test_a_taken_name_and_an_unknown_kind_are_told(self):
        self.activate("counter", "a")
        taken = self.activate("counter", "a")
        self.assertEqual((taken.status_code, taken.pid.Id), (NAME_EXISTS, "a"))
        unknown = self.activate("conter", "b")
        self.assertEqual((unknown.status_code, unknown.pid.Id), (ERROR, ""))

    def test_a_request_is_answered_to_its_sender_and_request(self):
        self.activate("counter", "a")
        for request_id in (0, 1, 4_000_000_000):
            self.peer.send("a", types.CounterRequest(add=5), sender_id="future$2", sender_request_id=request_id)
            answer = self.peer.take()
            self.assertEqual(answer.target, self.target("future$2"))
            self.assertEqual(answer.target_request_id, request_id)
            self.assertEqual(answer.serializer_id, 0)
            self.assertEqual(answer.headers, {})
            self.assertGreaterEqual(answer.read_as(types.CounterReply).value, 5)
            # Go and .NET know the sender by what it announced; an empty address would be their own.
            self.assertTrue(answer.sender is None or answer.sender.Address == self.host.address)

    def test_a_type_that_the_node_does_not_know_comes_back_as_it_went(self):
        self.activate("echo", "e")
        self.peer.send_bytes("e", "unknown.Type", b"\x00\xffbytes", sender_id="asker")
        answer = self.peer.take()
        self.assertEqual((answer.type_name, answer.data), ("unknown.Type", b"\x00\xffbytes"))

    def test_an_echo_returns_also_what_another_kind_understands(self):
        self.activate("echo", "e")
        self.peer.send("e", types.CounterRequest(add=5), sender_id="asker", headers={"a": "b"})
        answer = self.peer.take()
        self.assertEqual(answer.read_as(types.CounterRequest), types.CounterRequest(add=5))
        self.assertEqual(answer.headers, {})

    def test_messages_keep_their_order(self):
        self.activate("echo", "e")
        for n in range(500):
            self.peer.send_bytes("e", "unknown.Type", str(n).encode(), sender_id="asker")
        self.assertEqual([int(self.peer.take().data) for _ in range(500)], list(range(500)))

    def test_a_message_to_nobody_is_told(self):
        self.peer.send("nobody", types.CounterRequest(), sender_id="asker", sender_request_id=3)
        answer = self.peer.take()
        self.assertEqual((answer.target, answer.target_request_id), (self.target("asker"), 3))
        target = answer.read_as(actor.DeadLetterResponse).Target
        self.assertEqual((target.Address, target.Id), (self.host.address, "nobody"))

    def test_touch_is_answered(self):
        self.activate("counter", "a")
        self.peer.send("a", actor.Touch(), sender_id="asker")
        who = self.peer.take().read_as(actor.Touched).who
        self.assertEqual((who.Address, who.Id), (self.host.address, "a"))

    def test_a_watched_actor_that_stops_is_told_once(self):
        self.activate("counter", "a")
        for _ in range(2):
            self.peer.send("a", actor.Watch(Watcher=self.peer.pid("watcher")))
        self.peer.send("a", actor.Stop())
        answer = self.peer.take()
        self.assertEqual(answer.target, self.target("watcher"))
        terminated = answer.read_as(actor.Terminated)
        self.assertEqual((terminated.who.Address, terminated.who.Id), (self.host.address, "a"))
        self.assertEqual(terminated.Why, actor.Stopped)
        self.assert_nothing_more()

    def test_terminated_comes_behind_what_the_actor_sent_before(self):
        self.activate("counter", "a")
        self.peer.send("a", actor.Watch(Watcher=self.peer.pid("watcher")))
        for _ in range(100):
            self.peer.send("a", types.CounterRequest(add=1), sender_id="watcher")
        self.peer.send("a", actor.PoisonPill())
        names = [self.peer.take().type_name for _ in range(101)]
        self.assertEqual(names, ["nexus.v1.CounterReply"] * 100 + ["actor.Terminated"])

    def test_an_unwatched_actor_that_stops_is_not_told(self):
        self.activate("counter", "a")
        self.peer.send("a", actor.Watch(Watcher=self.peer.pid("watcher")))
        self.peer.send("a", actor.Unwatch(Watcher=self.peer.pid("watcher")))
        self.peer.send("a", actor.Stop())
        self.assert_nothing_more()

    def test_a_watch_of_nobody_is_told_as_not_found(self):
        self.peer.send("nobody", actor.Watch(Watcher=self.peer.pid("watcher")))
        terminated = self.peer.take().read_as(actor.Terminated)
        self.assertEqual(terminated.who.Id, "nobody")
        self.assertEqual(terminated.Why, actor.NotFound)

    def assert_nothing_more(self):
        """What the node sends to one peer keeps its order, so what came before this question would be here first."""
        self.peer.send("nobody-else", actor.Touch(), sender_id="last")
        self.assertEqual(self.peer.take().target, self.target("last"))
        with self.assertRaises(queue.Empty):
            self.peer.received.get_nowait()


class InTheOldDialect(InTheStringDialect):
    """The same, with targets as serialised PIDs in both directions."""

    old_dialect = True


class InAnotherDialectThanBefore(PeerTestCase):
    """A peer comes back as another version of itself."""

    def test_the_node_writes_as_the_peer_did_on_its_last_stream(self):
        self.activate("echo", "e")
        for old in (True, False, True, False):
            self.peer.dial_again()
            self.peer.old_dialect = self.old_dialect = old
            self.peer.send_bytes("e", "unknown.Type", b"", sender_id="asker")
            self.assertEqual(self.peer.take().target, self.target("asker"))


if __name__ == "__main__":
    main()
