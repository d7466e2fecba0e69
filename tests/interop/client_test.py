"""A real node and clients that play .NET's: they listen nowhere, and what is for their actors comes on the stream that they have opened."""

import os
import queue
import sys

import grpc
from google.protobuf import struct_pb2, wrappers_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import types_pb2 as types
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from protoactor import remote_pb2_grpc as remote_grpc
from support.case import NodeTestCase, main
from support.client import CallFailed
from support.fault_proxy import FaultProxy
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from dotnet_client import DotnetClient
from family_peer import MIB, DeadLetter
from our_side import OurSide, payload_of, text
from scripted_peer import CHANNEL_OPTIONS

CODE = grpc.StatusCode
OK = 0


class ClientTestCase(OurSide, NodeTestCase):
    """A node of ours, `host`, with its own client `here`, and clients of the family, which reach it over `network`."""

    settings = ""

    def setUp(self):
        super().setUp()
        self.clients = []
        port = free_port()
        self.network = FaultProxy(("127.0.0.1", port))
        self.addCleanup(self.network.close)
        self.host = self.start(program=TEST_NODE, port=port, advertise=self.network.address, settings=self.settings)
        self.here = self.client(self.host)

    def connect(self, **options):
        client = DotnetClient(self.host.address, **options).__enter__()
        self.clients.append(client)
        client.dial()
        return client

    def tearDown(self):
        super().tearDown()
        for client in self.clients:
            client.reads.set()
            client.__exit__()
        self.assertEqual([violation for client in self.clients for violation in client.violations], [])

    def raw(self, *frames):
        """What comes on a stream on which the client says just that; the frames and the code."""
        with grpc.insecure_channel(self.host.address, options=CHANNEL_OPTIONS) as channel:
            stream = remote_grpc.RemotingStub(channel).Receive(iter(frames))
            answers = []
            try:
                for answer in stream:
                    answers.append(answer)
            except grpc.RpcError:
                pass
            return answers, stream.code()


def handshake(member_id):
    return remote.RemoteMessage(connect_request=remote.ConnectRequest(
        client_connection=remote.ClientConnection(member_id=member_id)))


class Talk(ClientTestCase):
    def test_the_handshake_names_the_node(self):
        client = self.connect()
        response = client.responses[0].connect_response
        self.assertRegex(response.member_id, "^[0-9a-f]{32}$")
        self.assertFalse(response.blocked)
        self.assertRegex(self.host.log(), "client connected.*" + client.member_id)

    def test_its_requests_are_answered(self):
        client = self.connect()
        self.spawn("echo", "e")
        for n in range(100):
            answer = client.request("e", wrappers_pb2.Int64Value(value=n))
            self.assertEqual(answer.read_as(wrappers_pb2.Int64Value).value, n)
        with self.assertRaises(DeadLetter):
            client.request("nobody", text("x"))

    def test_it_answers_requests(self):
        pid = self.connect().spawn("echo", "e")
        for n in range(100):
            self.assertEqual(self.asked(pid, wrappers_pb2.Int64Value(value=n)).value, n)
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.ask, pid.replace("/e", "/nobody"), text("x"))

    def test_it_spawns_our_kinds(self):
        client = self.connect()
        spawned = client.activate("counter", "theirs")
        self.assertEqual((spawned.status_code, spawned.pid.Address, spawned.pid.Id), (OK, self.host.address, "theirs"))
        self.assertEqual(client.activate("counter", "theirs").status_code, client.NAME_EXISTS)

    def test_headers_arrive_both_ways(self):
        client = self.connect()
        headers = {"traceparent": "00-1-2-01", "name": "größe"}
        self.spawn("reporter", "r")
        report = client.request("r", text(""), headers=headers).read_as(struct_pb2.Struct)
        self.assertEqual(dict(report.items()), headers)
        seen = struct_pb2.Struct.FromString(
            self.ask(client.spawn("reporter", "r"), text(""), headers=headers).message.data)
        self.assertEqual({name: value for name, value in seen.items() if not name.startswith("nexus-")}, headers)

    def test_many_messages_to_it_keep_their_order(self):
        client = self.connect()
        pid = client.spawn("noter", "n")
        count = 5000 // TIME_FACTOR
        # It never gets the answer for which it waits in the end.
        with self.assertRaises(CallFailed):
            self.here.ask(self.here.spawn("pinger").pid, {"target": pid, "count": count}, timeout=0.2)
        self.await_true(lambda: len(client.notes_of("n")) > count)
        numbers = [int(received.read_as(struct_pb2.Struct)["sequence"]) for received in client.notes_of("n")[:count]]
        self.assertEqual(numbers, list(range(count)))

    def test_large_messages(self):
        client = self.connect()
        self.spawn("echo", "e")
        sent = wrappers_pb2.BytesValue(value=bytes(3 * MIB))
        self.assertEqual(client.request("e", sent, timeout_s=20).read_as(wrappers_pb2.BytesValue), sent)
        self.assertEqual(self.asked(client.spawn("echo", "e"), sent, timeout=20), sent)

    def test_two_clients_talk_through_the_node(self):
        one, two = self.connect(), self.connect()
        two.spawn("echo", "e")
        answer = one.request(f"{two.address}/e", text("hello"))
        self.assertEqual(answer.read_as(wrappers_pb2.StringValue), text("hello"))
        self.assertEqual(answer.sender, None)

    def test_an_actor_of_another_node_reaches_it_through_the_node(self):
        far = self.start("n2", program=TEST_NODE)
        client = self.connect()
        request = api.TellRequest(pid=client.spawn("noter", "n"), messages=[payload_of(text("hello"))], ack=api.ACK_ACCEPTED)
        self.client(far).stub.Tell(request, timeout=10 * TIME_FACTOR)
        self.await_true(lambda: client.notes_of("n"))
        self.assertEqual(client.notes_of("n")[0].read_as(wrappers_pb2.StringValue), text("hello"))

    def test_it_is_answered_also_when_it_knows_the_node_by_another_address(self):
        client = self.connect(dial_address=self.host.listen)
        self.spawn("echo", "e")
        self.assertEqual(client.request("e", text("hello")).read_as(wrappers_pb2.StringValue), text("hello"))


class Watches(ClientTestCase):
    def setUp(self):
        super().setUp()
        self.client_of_theirs = self.connect()

    def crash(self):
        self.network.refuse()
        self.network.reset()

    def watched(self, actor_id):
        """An actor of ours that `watcher` of theirs watches."""
        pid = self.spawn("counter", actor_id)
        client = self.client_of_theirs
        client.send(actor_id, actor.Watch(Watcher=client.pid("watcher")))
        self.await_true(lambda: self.here.get(pid).watcher_count == 1)
        return pid

    def told(self):
        told = [received.read_as(actor.Terminated) for received in self.client_of_theirs.notes_of("watcher")]
        return [(f"{each.who.Address}/{each.who.Id}", each.Why) for each in told]

    def await_told(self, expected):
        self.await_true(self.told)
        # What was sent before the answer to this is there now.
        self.spawn("echo", "last")
        self.client_of_theirs.request("last", text("x"))
        self.assertEqual(self.told(), expected)

    def watch_theirs(self, actor_id, pid):
        watch = self.here.watch(pid).await_watching()
        self.await_true(lambda: self.client_of_theirs.watchers.get(actor_id))
        return watch

    def test_it_watches_ours_that_stops(self):
        pid = self.watched("c")
        self.here.stop(pid)
        self.await_told([(pid, actor.Stopped)])

    def test_it_watches_no_longer(self):
        pid = self.watched("c")
        client = self.client_of_theirs
        client.send("c", actor.Unwatch(Watcher=client.pid("watcher")))
        self.await_true(lambda: self.here.get(pid).watcher_count == 0)

    def test_it_watches_nobody(self):
        client = self.client_of_theirs
        client.send("nobody", actor.Watch(Watcher=client.pid("watcher")))
        self.await_told([(self.host.pid_of("nobody"), actor.NotFound)])

    def test_we_watch_its_actor_that_stops(self):
        pid = self.client_of_theirs.spawn("echo", "e")
        watch = self.watch_theirs("e", pid)
        self.client_of_theirs.stop("e")
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def test_we_watch_nobody(self):
        watch = self.here.watch(f"{self.client_of_theirs.pid_text}/nobody").await_watching()
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["NOT_FOUND"])

    def test_we_watch_a_client_that_is_not_there(self):
        watch = self.here.watch(self.host.pid_of("$client/nobody/x")).await_watching()
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])

    def test_it_is_killed(self):
        ours = self.watched("c")
        theirs = self.client_of_theirs.spawn("echo", "e")
        watch = self.watch_theirs("e", theirs)
        self.crash()
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.await_true(lambda: self.here.get(ours).watcher_count == 0)
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", self.ask, theirs, text("x"))

    def test_it_is_killed_while_it_is_asked(self):
        pid = self.client_of_theirs.spawn("noter", "n")
        calls = [self.here.stub.Ask.future(api.AskRequest(pid=pid, message=payload_of(text("x"))),
                                           timeout=20 * TIME_FACTOR) for _ in range(5)]
        self.await_true(lambda: len(self.client_of_theirs.notes_of("n")) == len(calls))
        self.crash()
        self.assertEqual([call.code() for call in calls], [CODE.UNAVAILABLE] * len(calls))

    def test_it_ends_orderly(self):
        watch = self.watch_theirs("e", self.client_of_theirs.spawn("echo", "e"))
        self.client_of_theirs.end_orderly()
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.assertEqual(self.client_of_theirs.await_end(), CODE.UNAVAILABLE)

    def test_it_comes_back_as_another(self):
        self.crash()
        self.network.heal()
        again = self.connect()
        self.assertEqual(self.asked(again.spawn("echo", "e"), text("hello")), text("hello"))

    def test_it_comes_back_as_the_same(self):
        self.crash()
        self.client_of_theirs.await_end()
        self.network.heal()
        pid = self.client_of_theirs.spawn("echo", "e")
        self.client_of_theirs.dial()
        self.assertEqual(self.asked(pid, text("hello")), text("hello"))

    def test_the_same_on_another_stream_takes_its_place(self):
        pid = self.client_of_theirs.spawn("echo", "e")
        watch = self.watch_theirs("e", pid)
        second = self.connect(member_id=self.client_of_theirs.member_id)
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.assertEqual(self.client_of_theirs.await_end(), CODE.ABORTED)
        second.spawn("echo", "e")
        self.assertEqual(self.asked(pid, text("hello")), text("hello"))

    def test_our_node_is_killed(self):
        self.host.crash()
        self.assertNotEqual(self.client_of_theirs.await_end(), CODE.OK)
        self.assertEqual(len(self.client_of_theirs.responses), 1)

    def test_our_node_ends_orderly(self):
        pid = self.watched("c")
        self.assertEqual(self.host.stop(), 0)
        self.assertEqual(self.client_of_theirs.await_end(), CODE.UNAVAILABLE)
        kinds = [frame.WhichOneof("message_type") for frame in self.client_of_theirs.responses]
        self.assertEqual((kinds[0], kinds[-1]), ("connect_response", "disconnect_request"))
        self.assertEqual([who for who, _ in self.told()], [pid])


class WrongHandshakes(ClientTestCase):
    def test_what_is_none(self):
        batch = remote.RemoteMessage(message_batch=remote.MessageBatch())
        goodbye = remote.RemoteMessage(disconnect_request=remote.DisconnectRequest())
        for name, code, frames in (
                ("no id", CODE.INVALID_ARGUMENT, [handshake("")]),
                ("a slash", CODE.INVALID_ARGUMENT, [handshake("a/b")]),
                ("a blank", CODE.INVALID_ARGUMENT, [handshake("a b")]),
                ("too long", CODE.INVALID_ARGUMENT, [handshake("x" * 129)]),
                ("nothing at all", CODE.INVALID_ARGUMENT, [remote.RemoteMessage(connect_request=remote.ConnectRequest())]),
                ("a batch first", CODE.FAILED_PRECONDITION, [batch, handshake("c")]),
                ("twice", CODE.FAILED_PRECONDITION, [handshake("c"), handshake("c")]),
                ("client, then server", CODE.FAILED_PRECONDITION, [handshake("c"), remote.RemoteMessage(
                    connect_request=remote.ConnectRequest(server_connection=remote.ServerConnection(
                        member_id="m", address="127.0.0.1:1")))]),
                ("goodbye", CODE.INVALID_ARGUMENT, [handshake("c"), goodbye])):
            with self.subTest(name):
                self.assertEqual(self.raw(*frames)[1], code)
        self.assertEqual(self.connect().request("activator", remote.ActorPidRequest(kind="?")).type_name,
                         "remote.ActorPidResponse")

    def test_a_batch_right_behind_the_handshake_is_read(self):
        """No client of the family does that."""
        watch = self.here.watch(self.spawn("counter", "c")).await_watching()
        stop = remote.RemoteMessage(message_batch=remote.MessageBatch(
            type_names=["actor.Stop"], targets=[b"c"], envelopes=[remote.MessageEnvelope()]))
        answers, code = self.raw(handshake("c"), stop)
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])
        self.assertEqual(code, CODE.UNAVAILABLE)
        self.assertLessEqual(len(answers), 1)


class Limits(ClientTestCase):
    settings = "  peer_count_max: 4\n  queue_count_max: 1000\n  queue_bytes_max: 8MiB\n"

    def assert_grown_less(self, before, limit):
        # A sanitizer keeps what was freed.
        if TIME_FACTOR == 1:
            self.assertLess(self.host.memory_bytes() - before, limit)

    def test_a_flood_of_clients(self):
        clients = [self.connect() for _ in range(4)]
        before = self.host.memory_bytes()
        for n in range(300):
            answers, code = self.raw(handshake(f"flood{n}"))
            self.assertEqual((answers, code), ([], CODE.RESOURCE_EXHAUSTED))
        self.assert_grown_less(before, 20 * MIB)
        self.assertEqual(self.host.log().count("client refused"), 1)
        for n, client in enumerate(clients):
            self.assertEqual(self.asked(client.spawn("echo", f"e{n}"), text("hello")), text("hello"))
        clients[0].end_orderly()
        clients[0].await_end()
        self.connect()

    def test_clients_that_come_and_go_leave_nothing(self):
        for _ in range(50):
            client = self.connect()
            self.assertEqual(self.asked(client.spawn("echo", "e"), text("hello")), text("hello"))
            client.end_orderly()
            client.await_end()
        for _ in range(4):
            self.connect()

    def test_a_client_that_does_not_read(self):
        client = self.connect()
        pid = client.spawn("noter", "n")
        client.reads.clear()
        # It has taken one frame, and nothing after that.
        quarter = payload_of(wrappers_pb2.BytesValue(value=bytes(MIB // 4)))
        tell = api.TellRequest(pid=pid, messages=[quarter] * 4, ack=api.ACK_ACCEPTED)
        for _ in range(50):
            self.here.stub.Tell(tell, timeout=10 * TIME_FACTOR)
        self.await_true(lambda: "link_queue_full" in self.host.log())
        # From here on nothing more is held: what is sent goes to the dead letters.
        before = self.host.memory_bytes()
        for _ in range(100):
            self.here.stub.Tell(tell, timeout=10 * TIME_FACTOR)
        self.assert_grown_less(before, 20 * MIB)
        # Others are served.
        self.assertEqual(self.asked(self.connect().spawn("echo", "e"), text("hello")), text("hello"))
        # Nor does that keep another stream of the same client waiting.
        second = self.connect(member_id=client.member_id)
        second.spawn("echo", "n")
        self.assertEqual(self.asked(pid, text("hello")), text("hello"))
        self.assertEqual(client.end, None)

    def test_a_node_ends_in_spite_of_a_client_that_does_not_read(self):
        client = self.connect()
        client.reads.clear()
        large = payload_of(wrappers_pb2.BytesValue(value=bytes(MIB)))
        for _ in range(8):
            self.here.stub.Tell(api.TellRequest(pid=client.spawn("noter", "n"), messages=[large],
                                                ack=api.ACK_ACCEPTED), timeout=10 * TIME_FACTOR)
        self.host.stop()


class Types(ClientTestCase):
    def test_a_type_that_it_does_not_know_is_skipped(self):
        client = self.connect()
        unknown = types.Payload(type="unknown.Type", content_type="application/x-protobuf")
        pid = client.spawn("echo", "e")
        self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", self.here.ask_payload, pid, unknown,
                            timeout=2 * TIME_FACTOR)
        self.assertEqual(self.asked(pid, text("hello")), text("hello"))
        with self.assertRaises(queue.Empty):
            while True:
                self.assertIn(client.received.get_nowait().type_name, client.known_types)


if __name__ == "__main__":
    main()
