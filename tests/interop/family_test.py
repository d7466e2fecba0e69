"""A real node against peers that play Go of 2024, Go of 2026 and .NET, in both directions. A peer that sees what its original would not
survive, or not understand, fails the test with it. docs/interop.md has the results as a table.
"""

import os
import sys
import time

import grpc
from google.protobuf import duration_pb2, struct_pb2, wrappers_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import types_pb2 as types
from protoactor import actor_pb2 as actor
from support.case import NodeTestCase, main
from support.client import CallFailed
from support.fault_proxy import FaultProxy
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from family_peer import MIB, NEXUS_TYPES, DeadLetter, Dotnet, Go2024, Go2026, NoAnswer
from our_side import OurSide, payload_of, text

CODE = grpc.StatusCode
OK = 0
# More pings than a Go server takes would come in this time.
IDLE_S = 4


class Together(OurSide, NodeTestCase):
    """A node of ours, `host`, with its client `here`, and a peer that listens, and dials, through proxies."""

    family = None

    def setUp(self):
        super().setUp()
        self.peers = []
        self.host = self.start(program=TEST_NODE)
        self.here = self.client(self.host)
        self.to_host = self.proxy(self.host.port)
        self.peer_port = free_port()
        self.to_peer = self.proxy(self.peer_port)
        self.peer = self.start_peer()

    def proxy(self, port):
        proxy = FaultProxy(("127.0.0.1", port))
        self.addCleanup(proxy.close)
        return proxy

    def start_peer(self):
        peer = self.family(self.host.address, dial_address=self.to_host.address, port=self.peer_port,
                           advertise=self.to_peer.address)
        self.peers.append(peer)
        return peer.__enter__()

    def crash_peer(self):
        """Both connections break, and nobody listens any more."""
        for proxy in (self.to_host, self.to_peer):
            proxy.refuse()
            proxy.reset()
        self.peer.__exit__()

    def restart_peer(self):
        """Another incarnation at the same address."""
        self.peer = self.start_peer()
        self.to_host.heal()
        self.to_peer.heal()

    def restart_host(self):
        self.host = self.start("again", program=TEST_NODE, port=self.host.port)
        self.here = self.client(self.host)

    def tearDown(self):
        super().tearDown()
        for peer in self.peers:
            peer.__exit__()
        self.assertEqual([violation for peer in self.peers for violation in peer.violations], [])

    # Theirs.

    def meet(self):
        """They speak first. From then on a node of ours knows how this peer writes targets."""
        self.spawn("echo", "first-met")
        self.assertEqual(self.peer.request("first-met", text("hello")).read_as(wrappers_pb2.StringValue), text("hello"))

    def hears_from(self, actor_id):
        try:
            return self.peer.request(actor_id, text("there?"), timeout_s=1).type_name == "google.protobuf.StringValue"
        except (NoAnswer, DeadLetter):
            return False

    def watched(self, actor_id, kind="counter"):
        """An actor of ours that `watcher` of theirs watches."""
        pid = self.spawn(kind, actor_id)
        self.peer.send(actor_id, actor.Watch(Watcher=self.peer.pid("watcher")))
        self.await_true(lambda: self.here.get(pid).watcher_count == 1)
        return pid

    def terminated(self, watcher="watcher"):
        """(who, why) for each time that it was told."""
        told = [received.read_as(actor.Terminated) for received in self.peer.notes_of(watcher)]
        return [(f"{each.who.Address}/{each.who.Id}", each.Why) for each in told]

    def await_told(self, expected):
        self.await_true(lambda: self.terminated())
        # What we send them keeps its order: what was sent before is there when this is.
        self.assertTrue(self.hears_from(self.here.spawn("echo").pid.split("/", 1)[1]))
        self.assertEqual(self.terminated(), expected)

    def watch_theirs(self, pid):
        """A watch that has arrived."""
        watch = self.here.watch(pid).await_watching()
        self.await_true(lambda: self.peer.watchers.get(pid.split("/", 1)[1]))
        return watch


class Matrix:
    # Handshake.

    def test_they_dial_first(self):
        self.meet()
        self.assertRegex(self.host.log(), f"peer connected.*{self.peer.member_id}")
        self.assertEqual(self.peer.responses[0].WhichOneof("message_type"), "connect_response")
        self.assertFalse(self.peer.responses[0].connect_response.blocked)
        connect = self.peer.connects.get(timeout=10)
        self.assertEqual(connect.server_connection.member_id, self.peer.responses[0].connect_response.member_id)

    def test_we_dial_first(self):
        pid = self.peer.spawn("echo", "e")
        self.assertEqual(self.asked(pid, text("hello")), text("hello"))

    # Requests.

    def test_their_request_is_answered_by_ours(self):
        self.spawn("echo", "e")
        for n in range(100):
            answer = self.peer.request("e", wrappers_pb2.Int64Value(value=n))
            self.assertEqual(answer.read_as(wrappers_pb2.Int64Value).value, n)

    def test_our_request_is_answered_by_theirs(self):
        pid = self.peer.spawn("echo", "e")
        for n in range(100):
            self.assertEqual(self.asked(pid, wrappers_pb2.Int64Value(value=n)).value, n)

    def test_a_request_to_nobody_fails_at_once_in_both_directions(self):
        with self.assertRaises(DeadLetter):
            self.peer.request("nobody", text("x"))
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.ask, f"{self.peer.address}/nobody", text("x"))

    def test_types_of_nexus_and_json_reach_a_peer_that_knows_them(self):
        self.peer.known_types |= NEXUS_TYPES
        self.spawn("counter", "c")
        answer = self.peer.request("c", types.CounterRequest(add=40))
        self.assertEqual(answer.read_as(types.CounterReply).value, 40)
        pid = self.peer.spawn("noter", "n")
        self.here.tell(pid, [{"a": 1}], ack=api.ACK_ACCEPTED)
        self.await_true(lambda: self.peer.notes_of("n"))
        self.assertEqual(self.peer.notes_of("n")[0].type_name, "nexus.v1.Payload")

    def test_messages_of_one_sender_keep_their_order(self):
        self.meet()
        pid = self.peer.spawn("noter", "n")
        count = 5000 // TIME_FACTOR
        # It never gets the answer for which it waits in the end.
        with self.assertRaises(CallFailed):
            self.here.ask(self.spawn("pinger", "p"), {"target": pid, "count": count}, timeout=0.2)
        self.await_true(lambda: len(self.peer.notes_of("n")) > count)
        numbers = [int(received.read_as(struct_pb2.Struct)["sequence"]) for received in self.peer.notes_of("n")[:count]]
        self.assertEqual(numbers, list(range(count)))

    # Headers.

    def test_headers_arrive_in_both_directions(self):
        headers = {"traceparent": "00-1-2-01", "name": "größe"}
        self.spawn("reporter", "r")
        report = self.peer.request("r", text(""), headers=headers).read_as(struct_pb2.Struct)
        self.assertEqual(dict(report.items()), headers)
        seen = struct_pb2.Struct.FromString(
            self.ask(self.peer.spawn("reporter", "r"), text(""), headers=headers).message.data)
        self.assertEqual({name: value for name, value in seen.items() if not name.startswith("nexus-")}, headers)

    # Spawn by kind.

    def test_they_spawn_our_kinds_and_read_the_status_in_their_own_numbers(self):
        spawned = self.peer.activate("counter", "theirs")
        self.assertEqual((spawned.status_code, spawned.pid.Address, spawned.pid.Id), (OK, self.host.address, "theirs"))
        taken = self.peer.activate("counter", "theirs")
        self.assertEqual((taken.status_code, taken.pid.Id), (self.family.NAME_EXISTS, "theirs"))
        unknown = self.peer.activate("conter", "x")
        self.assertEqual((unknown.status_code, unknown.pid.Id), (self.family.ERROR, ""))
        unnamed = self.peer.activate("counter", "")
        self.assertEqual(unnamed.status_code, OK)
        self.assertEqual(self.here.get(unnamed.pid.Id).kind, "counter")

    def test_we_spawn_their_kinds(self):
        """A client of ours names their node: they have no nexus.v1.ActorService, and an activator."""
        def spawn(*arguments, **options):
            return self.here.spawn(*arguments, node=self.peer.address, **options)
        spawned = spawn("echo", "ours")
        self.assertEqual((spawned.pid, spawned.created), (f"{self.peer.address}/ours", True))
        self.assertEqual(self.asked(spawned.pid, text("hello")), text("hello"))
        existing = spawn("echo", "ours", if_exists=api.IF_EXISTS_RETURN)
        self.assertEqual((existing.pid, existing.created), (spawned.pid, False))
        self.assert_refused(CODE.ALREADY_EXISTS, "ACTOR_EXISTS", spawn, "echo", "ours")
        self.assert_refused(CODE.FAILED_PRECONDITION, "SPAWN_REFUSED", spawn, "no-such-kind", "x")
        self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_ID", spawn, "echo", "a/b")
        unnamed = spawn("echo")
        self.assertEqual(self.asked(unnamed.pid, text("hello")), text("hello"))

    # Stop.

    def test_they_stop_ours(self):
        for message in (actor.Stop(), actor.PoisonPill()):
            name = message.DESCRIPTOR.name
            with self.subTest(name):
                watch = self.here.watch(self.spawn("counter", name)).await_watching()
                self.peer.send(name, message)
                self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def test_we_stop_theirs(self):
        for mode in (api.STOP_MODE_UNSPECIFIED, api.STOP_MODE_NOW):
            with self.subTest(mode=mode):
                pid = self.peer.spawn("echo", f"e{mode}")
                self.here.stop(pid, mode=mode)
                self.assertNotIn(f"e{mode}", self.peer.actors)

    def test_nobody_stops_an_actor_of_the_node_itself(self):
        for message in (actor.Stop(), actor.PoisonPill()):
            self.peer.send(self.peer.activator, message)
        self.assertEqual(self.peer.activate("counter", "c").status_code, OK)

    # Watch.

    def test_they_watch_ours_that_stops(self):
        pid = self.watched("c")
        self.here.stop(pid)
        self.await_told([(pid, actor.Stopped)])

    def test_they_watch_no_longer(self):
        pid = self.watched("c")
        self.peer.send("c", actor.Unwatch(Watcher=self.peer.pid("watcher")))
        self.await_true(lambda: self.here.get(pid).watcher_count == 0)
        self.here.stop(pid)
        self.meet()
        self.assertEqual(self.terminated(), [])

    def test_they_watch_nobody(self):
        self.peer.send("nobody", actor.Watch(Watcher=self.peer.pid("watcher")))
        self.await_told([(self.host.pid_of("nobody"), actor.NotFound)])

    def test_we_watch_theirs_that_stops(self):
        pid = self.peer.spawn("echo", "e")
        watch = self.watch_theirs(pid)
        self.peer.stop("e")
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def test_we_watch_nobody(self):
        watch = self.here.watch(f"{self.peer.address}/nobody").await_watching()
        if self.family.answers_watch_of_nobody:
            self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["NOT_FOUND"])
            return
        self.assertTrue(self.answers(self.peer.spawn("echo", "e")))
        self.assertEqual(watch.reasons(), [])
        watch.cancel()

    def test_our_node_is_killed(self):
        """They see it by the stream's end, which is not an orderly one."""
        self.watched("c")
        self.host.crash()
        self.assertNotEqual(self.peer.await_end(), CODE.OK)
        self.assertEqual([frame.WhichOneof("message_type") for frame in self.peer.responses], ["connect_response"])

    def test_their_node_is_killed(self):
        self.meet()
        ours = self.watched("c")
        theirs = self.peer.spawn("echo", "e")
        watch = self.watch_theirs(theirs)
        self.crash_peer()
        self.assertEqual(watch.await_end(15 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.await_true(lambda: self.here.get(ours).watcher_count == 0)
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", self.ask, theirs, text("x"))

    # Size.

    def test_large_messages_are_handled(self):
        self.spawn("echo", "e")
        sent = wrappers_pb2.BytesValue(value=bytes(3 * MIB))
        self.assertEqual(self.peer.request("e", sent, timeout_s=20).read_as(wrappers_pb2.BytesValue), sent)
        self.assertEqual(self.asked(self.peer.spawn("echo", "e"), sent, timeout=20), sent)

    def test_more_than_4_mib_of_theirs(self):
        """Is read; what would go back is over our own limit."""
        self.spawn("echo", "e")
        with self.assertRaises((NoAnswer, DeadLetter)):
            self.peer.request("e", wrappers_pb2.BytesValue(value=bytes(5 * MIB)), timeout_s=2)
        self.assertRegex(self.host.log(), "dead letter reason=too_large")
        self.assertTrue(self.hears_from("e"))
        self.assertTrue(self.peer.is_dialled)

    def test_more_than_4_mib_of_ours(self):
        """One message over what Go takes breaks the link, which is made again; .NET has no limit."""
        self.meet()
        pid = self.peer.spawn("echo", "e")
        watch = self.watch_theirs(pid)
        large = wrappers_pb2.BytesValue(value=bytes(4 * MIB - 10))
        if self.peer.request_bytes_max < 0:
            self.peer.spawn("noter", "n")
            request = api.TellRequest(pid=f"{self.peer.address}/n", messages=[payload_of(large)], ack=api.ACK_ACCEPTED)
            self.here.stub.Tell(request, timeout=10 * TIME_FACTOR)
            self.await_true(lambda: self.peer.notes_of("n"))
            self.assertEqual(len(self.peer.notes_of("n")[0].data), large.ByteSize())
        else:
            self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", self.ask, pid, large, timeout=3 * TIME_FACTOR)
            self.assertRegex(self.host.log(), f"link lost.*{self.peer.address}")
        self.await_true(lambda: self.answers(pid))
        self.assertEqual(watch.reasons(), [])
        watch.cancel()

    def test_many_large_messages_do_not_share_a_frame_that_is_too_large(self):
        self.meet()
        pid = self.peer.spawn("noter", "n")
        megabyte = payload_of(wrappers_pb2.BytesValue(value=bytes(MIB)))
        self.to_peer.forward.rate(20 * MIB)
        for _ in range(10):
            self.here.stub.Tell(api.TellRequest(pid=pid, messages=[megabyte] * 2, ack=api.ACK_ACCEPTED),
                                timeout=20 * TIME_FACTOR)
        self.await_true(lambda: len(self.peer.notes_of("n")) == 20)
        self.assertNotRegex(self.host.log(), "link lost")

    # Types that the other side does not know.

    def test_a_type_that_we_do_not_know_comes_back_as_it_went(self):
        self.spawn("echo", "e")
        self.peer.known_types.add(duration_pb2.Duration.DESCRIPTOR.full_name)
        answer = self.peer.request("e", duration_pb2.Duration(seconds=5))
        self.assertEqual(answer.read_as(duration_pb2.Duration).seconds, 5)

    def test_a_type_that_they_do_not_know(self):
        """Whoever sends one to a Go node of 2024 ends its process: clients must not. Of 2026: breaks the link. .NET: skips it."""
        if self.family is Go2024:
            self.skipTest("such a message ends the whole process of a Go node of 2024")
        self.meet()
        pid = self.peer.spawn("echo", "e")
        unknown = types.Payload(type="unknown.Type", content_type="application/x-protobuf")
        self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", self.here.ask_payload, pid, unknown,
                            timeout=2 * TIME_FACTOR)
        if self.family is Dotnet:
            self.assertNotRegex(self.host.log(), "link lost")
        self.await_true(lambda: self.answers(pid))

    # Ends.

    def test_our_node_ends_orderly(self):
        pid = self.watched("c")
        self.meet()
        self.assertEqual(self.host.stop(), 0)
        self.assertNotEqual(self.peer.await_end(), CODE.OK)
        self.assertEqual([frame.WhichOneof("message_type") for frame in self.peer.responses],
                         ["connect_response", "disconnect_request"])
        self.assertEqual([who for who, _ in self.terminated()], [pid])

    def test_their_node_ends_orderly(self):
        pid = self.peer.spawn("echo", "e")
        watch = self.watch_theirs(pid)
        self.peer.end_orderly()
        self.assertEqual(watch.await_end(20 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.assertRegex(self.host.log(), "peer gone.*said goodbye")

    # A new incarnation at the same address.

    def test_their_node_comes_back(self):
        self.meet()
        watch = self.watch_theirs(self.peer.spawn("echo", "e"))
        self.crash_peer()
        self.restart_peer()
        self.come_together_again()
        self.assertEqual(watch.await_end(15 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])

    def test_their_node_comes_back_after_an_orderly_end(self):
        self.meet()
        self.peer.end_orderly()
        self.peer.__exit__()
        self.restart_peer()
        self.come_together_again()

    def test_our_node_comes_back(self):
        for end in ("crash", "stop"):
            with self.subTest(end):
                self.meet()
                getattr(self.host, end)()
                self.assertNotEqual(self.peer.await_end(), CODE.OK)
                self.restart_host()
                self.come_together_again()

    def come_together_again(self):
        self.spawn("echo", "again")
        self.await_true(lambda: self.hears_from("again"), timeout_s=30)
        theirs = self.peer.spawn("echo", "again")
        self.await_true(lambda: self.answers(theirs), timeout_s=30)

    # Silence.

    def test_an_idle_link_is_left_alone(self):
        """Go ends the connection of a peer that pings more often than every five minutes; gRPC's server here does the same."""
        self.meet()
        theirs = self.peer.spawn("echo", "e")
        watch = self.watch_theirs(theirs)
        end = time.monotonic() + IDLE_S
        self.await_true(lambda: time.monotonic() >= end)
        self.assertNotRegex(self.host.log(), "link lost|peer gone")
        self.assertTrue(self.answers(theirs))
        self.assertEqual(watch.reasons(), [])
        watch.cancel()
        self.assertTrue(self.peer.is_dialled)


class OfGo2024(Matrix, Together):
    family = Go2024


class OfGo2026(Matrix, Together):
    family = Go2026


class OfDotnet(Matrix, Together):
    family = Dotnet

    def test_it_dials_as_soon_as_it_was_dialled(self):
        self.assertTrue(self.answers(self.peer.spawn("echo", "e")))
        self.await_true(lambda: self.peer.is_dialled)

    def test_a_node_that_it_has_blocked_gives_it_up(self):
        self.meet()
        member = self.peer.responses[0].connect_response.member_id
        self.peer.blocked_members.append(member)
        self.to_peer.reset()
        pid = self.peer.spawn("echo", "e")
        self.await_true(lambda: "refused us" in self.host.log())
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", self.ask, pid, text("x"))
        self.peer.blocked_members.clear()
        self.await_true(lambda: self.answers(pid))


if __name__ == "__main__":
    main()
