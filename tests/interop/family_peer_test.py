"""That the peers which play the family notice what its nodes would not survive or understand: here a stream misbehaves on purpose."""

import os
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf import wrappers_pb2
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from protoactor import remote_pb2_grpc as remote_grpc
from support.case import NodeTestCase, main

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from family_peer import MIB, Dotnet, Go2024, Go2026
from scripted_peer import CHANNEL_OPTIONS

NODE = "127.0.0.1:1"
MEMBER = "0123456789abcdef" * 2
TEXT = "google.protobuf.StringValue"


class FakeNode(remote_grpc.RemotingServicer):
    """Answers a handshake, then does what it is told on the stream that a peer has dialled."""

    def __init__(self, then):
        self._then = then
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        remote_grpc.add_RemotingServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Receive(self, request_iterator, context):
        next(request_iterator)
        yield remote.RemoteMessage(connect_response=remote.ConnectResponse(member_id=MEMBER))
        yield from self._then(context)

    def close(self):
        self._server.stop(grace=None).wait()


class FamilyPeerTest(NodeTestCase):
    families = (Go2024, Go2026, Dotnet)

    def peer(self, family, address=NODE):
        peer = family(address).__enter__()
        self.addCleanup(peer.__exit__)
        peer.spawn("noter", "a")
        return peer

    @staticmethod
    def connect(address=NODE, member_id=MEMBER):
        server = remote.ServerConnection(address=address, member_id=member_id)
        return remote.RemoteMessage(connect_request=remote.ConnectRequest(server_connection=server))

    def batch(self, peer, targets=None, type_names=(TEXT,), senders=(), **envelope):
        """With one envelope, which is right where nothing else is said."""
        if targets is None:
            targets = [self.target(peer, "a")]
        if (envelopes := envelope.pop("envelopes", None)) is None:
            envelopes = [remote.MessageEnvelope(**envelope)]
        return remote.RemoteMessage(message_batch=remote.MessageBatch(
            type_names=type_names, targets=targets, senders=senders, envelopes=envelopes))

    @staticmethod
    def target(peer, actor_id, **fields):
        pid = actor.PID(**dict({"Address": peer.address, "Id": actor_id}, **fields))
        return pid.SerializeToString() if peer.targets_are_pids else actor_id.encode()

    def send(self, peer, *frames):
        """As a node would on a stream that it dialled; the code with which the peer ended it."""
        with grpc.insecure_channel(peer.address, options=CHANNEL_OPTIONS) as channel:
            stream = remote_grpc.RemotingStub(channel).Receive(iter(frames))
            try:
                for _ in stream:
                    pass
            except grpc.RpcError:
                pass
            return stream.code()

    def assert_noted(self, peer, words):
        self.await_true(lambda: any(words in violation for violation in peer.violations), timeout_s=10)

    def assert_violation(self, words, make_frames, families=families):
        for family in families:
            with self.subTest(f"{family.__name__}: {words}"):
                peer = self.peer(family)
                self.send(peer, *make_frames(peer))
                self.assert_noted(peer, words)

    def in_batch(self, words, families=families, **batch):
        self.assert_violation(words, lambda peer: [self.connect(), self.batch(peer, **batch)], families)

    def test_what_is_right_is_no_violation(self):
        for family in self.families:
            with self.subTest(family.__name__):
                peer = self.peer(family)
                sender = actor.PID(Address=NODE, Id="s")
                code = self.send(peer, self.connect(), self.batch(peer, senders=[sender], sender=1), self.batch(peer))
                self.assertEqual((code, peer.violations), (grpc.StatusCode.OK, []))
                self.assertEqual(len(peer.notes_of("a")), 2)

    def test_handshakes(self):
        self.assert_violation("begins with message_batch", lambda peer: [self.batch(peer)])
        self.assert_violation("begins with None", lambda peer: [remote.RemoteMessage()])
        self.assert_violation("sent connect_request", lambda peer: [self.connect(), self.connect()])
        self.assert_violation("the node calls itself", lambda peer: [self.connect(address="localhost:1")])
        self.assert_violation("the member id", lambda peer: [self.connect(member_id="a.b")])
        self.assert_violation("no Guid", lambda peer: [self.connect(member_id="2ZbLMtGzVdpTgXN5kqWcRe")], [Dotnet])
        self.assert_violation("did not connect as a server", lambda peer: [remote.RemoteMessage(
            connect_request=remote.ConnectRequest(client_connection=remote.ClientConnection(member_id=MEMBER)))])

    def test_frames_that_do_not_belong_there(self):
        self.assert_violation("sent disconnect_request", lambda peer: [
            self.connect(), remote.RemoteMessage(disconnect_request=remote.DisconnectRequest())])
        # A field that the family does not have.
        self.assert_violation("nothing that the family knows", lambda peer: [
            self.connect(), remote.RemoteMessage.FromString(b"\x7a\x01x")])

    def test_what_belongs_to_sessions_between_nodes_of_ours(self):
        def numbered(peer):
            frame = self.batch(peer)
            frame.nexus_sequence = 1
            return [self.connect(), frame]
        self.assert_violation("nexus_sequence", numbered)

    def test_tables(self):
        self.in_batch("a batch of nothing", envelopes=[])
        self.in_batch("points outside of type_names", type_id=1)
        self.in_batch("points outside of targets", target=-1)
        self.in_batch("points outside of senders", sender=1)
        self.in_batch("the same entry twice in type_names", type_names=[TEXT, TEXT])
        self.in_batch("senders is not in the order of first use", senders=[actor.PID(Address=NODE, Id="s")])
        self.in_batch("type_names is not in the order", type_names=[TEXT, "actor.Touch"], envelopes=[
            remote.MessageEnvelope(type_id=1), remote.MessageEnvelope(type_id=0)])
        self.in_batch("a sender without an address", senders=[actor.PID(Id="s")], sender=1)
        self.in_batch("a request id in the table of senders", senders=[actor.PID(Address=NODE, Id="s", request_id=1)],
                      sender=1)
        self.in_batch("serializer 1", serializer_id=1)

    def test_targets(self):
        pid = actor.PID(Address=NODE, Id="a").SerializeToString()
        self.in_batch("a target as a Pid", [Go2026, Dotnet], targets=[pid])
        self.in_batch("it would go round for ever", [Go2024], targets=[pid])
        self.assert_violation("a request id in the table of targets", lambda peer: [
            self.connect(), self.batch(peer, targets=[self.target(peer, "a", request_id=1)])], [Go2024])

    def test_a_peer_of_2024_ends_the_stream_at_an_id(self):
        peer = self.peer(Go2024)
        self.assertEqual(self.send(peer, self.connect(), self.batch(peer, targets=[b"a"])), grpc.StatusCode.INTERNAL)
        self.assertEqual(peer.violations, [])

    def test_types_that_the_peer_does_not_know(self):
        self.in_batch("ends a Go process of 2024", [Go2024], type_names=["unknown.Type"])
        for family, code in ((Go2026, grpc.StatusCode.UNKNOWN), (Dotnet, grpc.StatusCode.OK)):
            with self.subTest(family.__name__):
                peer = self.peer(family)
                self.assertEqual(self.send(peer, self.connect(), self.batch(peer, type_names=["unknown.Type"])), code)

    def test_messages_of_the_runtime(self):
        for who in (actor.PID(), actor.PID(Address="localhost:1", Id="x")):
            self.in_batch("Terminated of", type_names=["actor.Terminated"],
                          message_data=actor.Terminated(who=who).SerializeToString())
        self.in_batch("a watcher without an address", type_names=["actor.Watch"],
                      message_data=actor.Watch(Watcher=actor.PID(Id="w")).SerializeToString())
        self.in_batch("an answer without the number", [Dotnet], targets=[b"$1"])
        self.in_batch("the peer failed", type_names=["actor.Watch"], message_data=b"\xff")

    def test_frames_over_4_mib_end_a_stream_of_go(self):
        large = wrappers_pb2.StringValue(value="x" * 4 * MIB).SerializeToString()
        for family, code in ((Go2024, "RESOURCE_EXHAUSTED"), (Go2026, "RESOURCE_EXHAUSTED"), (Dotnet, "OK")):
            with self.subTest(family.__name__):
                peer = self.peer(family)
                self.assertEqual(self.send(peer, self.connect(), self.batch(peer, message_data=large)).name, code)

    def test_what_comes_on_the_stream_that_the_peer_has_dialled(self):
        def ends_ok(_):
            return []

        def sends_a_batch(context):
            yield remote.RemoteMessage(message_batch=remote.MessageBatch())
            context.abort(grpc.StatusCode.UNAVAILABLE, "")

        def says_goodbye(context):
            yield remote.RemoteMessage(disconnect_request=remote.DisconnectRequest())
            context.abort(grpc.StatusCode.UNAVAILABLE, "")

        for family in self.families:
            for then, words in ((ends_ok, "with OK"), (sends_a_batch, "the end of the node"), (says_goodbye, None)):
                with self.subTest(f"{family.__name__} {then.__name__}"):
                    node = FakeNode(then)
                    self.addCleanup(node.close)
                    peer = self.peer(family, node.address)
                    peer.dial()
                    peer.await_end()
                    if words is None:
                        self.assertEqual(peer.violations, [])
                    else:
                        self.assert_noted(peer, words)

    def test_diagnostics_end_a_go_process(self):
        for family in (Go2024, Go2026):
            peer = self.peer(family)
            with grpc.insecure_channel(peer.address, options=CHANNEL_OPTIONS) as channel:
                with self.assertRaises(grpc.RpcError):
                    remote_grpc.RemotingStub(channel).ListProcesses(remote.ListProcessesRequest())
            self.assert_noted(peer, "ends a Go process")

    def test_pings_more_often_than_every_five_minutes_end_the_connection(self):
        """As grpc-go does: what an idle link of a node is held against in family_test.py."""
        peer = self.peer(Go2026)
        options = CHANNEL_OPTIONS + [("grpc.keepalive_time_ms", 100), ("grpc.http2.max_pings_without_data", 0),
                                     ("grpc.keepalive_permit_without_calls", 1)]
        done = threading.Event()
        self.addCleanup(done.set)

        def frames():
            yield self.connect()
            done.wait(20)

        with grpc.insecure_channel(peer.address, options=options) as channel:
            stream = remote_grpc.RemotingStub(channel).Receive(frames())
            next(stream)
            with self.assertRaises(grpc.RpcError) as caught:
                next(stream)
            self.assertIn("Too many pings", caught.exception.details())


if __name__ == "__main__":
    main()
