"""Real nodes against real ones of protoactor-go, of two versions: what two nodes do with each other, in both directions.

docs/interop.md has the results as a table. Skipped, with exit code 77, where Go or its modules are missing.
"""

import os
import sys
import time
import unittest

import grpc
from google.protobuf import duration_pb2, struct_pb2, wrappers_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import types_pb2 as types
from protoactor import actor_pb2 as actor
from support.case import NodeTestCase, main
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import protoactor_go_peer
from our_side import OurSide, payload_of, text
from protoactor_go_peer import GoPeer, Refused
from scripted_peer import ScriptedPeer

CODE = grpc.StatusCode
OK, NAME_EXISTS, ERROR = 0, 3, 4
SKIPPED = 77
MIB = 1024 * 1024


class Together(OurSide, NodeTestCase):
    """A node of ours, `host`, with its client `here`, and one of theirs, `go`."""

    version = None

    def setUp(self):
        super().setUp()
        self._peers = []
        self.host = self.start(program=TEST_NODE)
        self.here = self.client(self.host)
        self.go = self.start_go()

    def start_go(self, version=None, **options):
        peer = GoPeer(version or self.version, **options)
        self._peers.append(peer)
        return peer

    def tearDown(self):
        failed = self.has_failed()
        for peer in self._peers:
            if failed:
                print(f"--- log of Go ({peer.address})\n{peer.log()}---", file=sys.stderr)
        try:
            for peer in self._peers:
                peer.close()
        finally:
            super().tearDown()

    # Theirs.

    def meet(self):
        """Go speaks first, to an echo of ours. From then on a node of ours knows how this peer writes targets."""
        pid = self.spawn("echo", "first-met")
        self.assertEqual(self.go.request(pid, text("hello"))["message"], "hello")

    def meet_again(self):
        """What we send them keeps its order: what a node of ours sent them before is there when this returns."""
        self.assertEqual(self.go.request(self.here.spawn("echo").pid, text("again"))["message"], "again")

    def go_hears_from(self, pid):
        try:
            return self.go.request(pid, text("there?"), timeout_s=2)["message"] == "there?"
        except Refused as refused:
            self.assertIn(str(refused), ("future: timeout", "future: dead letter"))
            return False

    def terminated_in_go(self, noter):
        return [(entry["terminated"], entry["why"]) for entry in self.go.notes(noter) if "terminated" in entry]

    def watched_in_go(self, actor_id, kind="counter", noter="watcher"):
        """Makes an actor of ours, and one of theirs that watches it; our Pid, when the watch has arrived."""
        pid = self.spawn(kind, actor_id)
        self.go.spawn("noter", noter)
        self.go.do("watch", id=noter, pid=pid)
        self.await_true(lambda: self.here.get(pid).watcher_count == 1)
        return pid


class Matrix:
    # Handshake.

    def test_they_dial_first(self):
        self.meet()
        self.assertIn(f"connected {self.host.address}", self.go.links())
        self.assertRegex(self.host.log(), f"peer connected.*{self.go.member_id}")
        self.assertRegex(self.host.log(), f"link up.*{self.go.member_id}")

    def test_we_dial_first(self):
        pid = self.go.spawn("echo", "e")
        self.assertEqual(self.asked(pid, text("hello"), timeout=3 * TIME_FACTOR), text("hello"))

    def test_how_they_write_a_target(self):
        with ScriptedPeer(self.host.address) as peer:
            self.go.send(f"{peer.address}/somebody", text("x"))
            sent = peer.take()
        pid = actor.PID(Address=peer.address, Id="somebody").SerializeToString()
        self.assertEqual(sent.target, pid if self.version == "2024" else b"somebody")

    # Requests.

    def test_their_request_is_answered_by_ours(self):
        pid = self.spawn("echo", "e")
        for n in range(100):
            reply = self.go.request(pid, wrappers_pb2.Int64Value(value=n))
            self.assertEqual((reply["type"], reply["message"]), ("google.protobuf.Int64Value", str(n)))

    def test_our_request_is_answered_by_theirs(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        for n in range(100):
            self.assertEqual(self.asked(pid, wrappers_pb2.Int64Value(value=n)).value, n)

    def test_their_request_in_types_of_nexus(self):
        self.go.learn(types)
        pid = self.spawn("counter", "c")
        self.go.request(pid, types.CounterRequest(add=40))
        reply = self.go.request(pid, types.CounterRequest(add=2))
        self.assertEqual((reply["type"], reply["message"]), ("nexus.v1.CounterReply", {"value": "42"}))

    def test_an_echo_of_ours_returns_also_what_another_kind_understands(self):
        self.go.learn(types)
        reply = self.go.request(self.spawn("echo", "e"), types.CounterRequest(add=40))
        self.assertEqual((reply["type"], reply["message"]), ("nexus.v1.CounterRequest", {"add": "40"}))

    def test_json_of_a_client_reaches_a_peer_that_knows_the_types_of_nexus(self):
        self.meet()
        self.go.learn(types)
        pid = self.go.spawn("noter", "n")
        self.here.tell(pid, [{"a": 1}], ack=api.ACK_ACCEPTED)
        self.await_true(lambda: self.go.notes("n"))
        self.assertEqual(self.go.notes("n")[0]["type"], "nexus.v1.Payload")

    def test_a_request_to_nobody_of_ours_fails_at_once(self):
        begin = time.monotonic()
        with self.assertRaises(Refused) as caught:
            self.go.request(self.host.pid_of("nobody"), text("x"), timeout_s=30)
        self.assertIn("dead letter", str(caught.exception))
        self.assertLess(time.monotonic() - begin, 10 * TIME_FACTOR)

    def test_a_request_to_nobody_of_theirs_fails_at_once(self):
        self.meet()
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.ask, self.go.pid_of("nobody"), text("x"))

    def test_our_tell_reaches_theirs(self):
        self.meet()
        pid = self.go.spawn("noter", "n")
        tell = api.TellRequest(pid=pid, messages=[payload_of(text(str(n))) for n in range(100)], ack=api.ACK_ACCEPTED)
        self.assertEqual(self.here.stub.Tell(tell, timeout=10).accepted, 100)
        self.await_true(lambda: len(self.go.notes("n")) == 100)
        self.assertEqual([entry["message"] for entry in self.go.notes("n")], [str(n) for n in range(100)])

    def test_a_tell_that_waits_for_the_mailbox_arrives_but_is_never_confirmed(self):
        """They do not know the report that says so."""
        self.meet()
        tell = api.TellRequest(pid=self.go.spawn("noter", "n"), messages=[payload_of(text("x"))])
        # pylint: disable-next=protected-access
        self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", self.here._call, self.here.stub.Tell, tell, 1)
        self.assertEqual([entry["message"] for entry in self.go.notes("n")], ["x"])

    def test_their_touch_is_answered_by_ours(self):
        reply = self.go.request(self.spawn("counter", "c"), actor.Touch())
        self.assertEqual(reply["message"]["who"], {"Address": self.host.address, "Id": "c"})

    # Headers.

    def test_their_headers_reach_ours(self):
        pid = self.spawn("reporter", "r")
        self.go.spawn("noter", "n")
        headers = {"traceparent": "00-1-2-01", "name": "größe"}
        self.go.send(pid, text(""), sender=self.go.pid_of("n"), headers=headers)
        self.await_true(lambda: self.go.notes("n"))
        self.assertEqual(self.go.notes("n")[0]["message"], headers)

    def test_our_headers_reach_theirs_and_theirs_come_back(self):
        self.meet()
        headers = {"traceparent": "00-1-2-01", "name": "größe"}
        reply = self.ask(self.go.spawn("reporter", "r"), text(""), headers=headers)
        seen = dict(struct_pb2.Struct.FromString(reply.message.data).items())
        self.assertEqual({name: seen[name] for name in headers}, headers)
        self.assertEqual({name for name in set(seen) - set(headers) if not name.startswith("nexus-")}, set())
        answer = self.ask(self.go.spawn("echo", "e"), text(""), headers=headers)
        self.assertEqual(dict(answer.headers), headers)

    def test_they_may_copy_headers_of_ours_into_their_own_requests(self):
        """As middleware does. Reports that a node of ours would send for these headers would end a Go node of 2024."""
        pid = self.spawn("echo", "e")
        for notices in ("1", "enqueued"):
            with self.subTest(notices=notices):
                self.go.spawn("noter", notices)
                self.go.send(pid, text("x"), sender=self.go.pid_of(notices), headers={"nexus-notices": notices})
                self.await_true(lambda notices=notices: self.go.notes(notices))
                self.meet_again()
                self.assertEqual([entry["message"] for entry in self.go.notes(notices)], ["x"])
        self.assertNotRegex(self.host.log(), "link lost")

    # Spawn by kind.

    def test_they_spawn_one_of_our_kinds(self):
        self.go.learn(types)
        spawned = self.go.activate(self.host.address, "counter", "theirs")
        self.assertEqual(spawned, {"status": OK, "pid": self.host.pid_of("theirs")})
        self.assertEqual(self.go.request(spawned["pid"], types.CounterRequest(add=1))["message"], {"value": "1"})
        self.assertEqual(self.here.get(spawned["pid"]).kind, "counter")

    def test_they_spawn_one_without_a_name(self):
        spawned = self.go.activate(self.host.address, "counter", "")
        self.assertEqual(spawned["status"], OK)
        self.assertEqual(self.here.get(spawned["pid"]).kind, "counter")

    def test_they_ask_for_a_name_that_is_taken(self):
        pid = self.spawn("counter", "taken")
        self.assertEqual(self.go.activate(self.host.address, "counter", "taken"), {"status": NAME_EXISTS, "pid": pid})

    def test_they_ask_for_a_kind_that_there_is_not(self):
        self.assertEqual(self.go.activate(self.host.address, "conter", "x"), {"status": ERROR, "pid": ""})

    def test_we_spawn_their_kinds(self):
        """They have no nexus.v1.ActorService, which spawns for clients, and an activator."""
        def spawn(*arguments, **options):
            return self.here.spawn(*arguments, node=self.go.address, **options)
        self.meet()
        spawned = spawn("echo", "ours")
        # Their activator puts its own name before.
        self.assertEqual((spawned.pid, spawned.created), (f"{self.go.address}/activator/Remote$ours", True))
        self.assertTrue(self.answers(spawned.pid))
        existing = spawn("echo", "ours", if_exists=api.IF_EXISTS_RETURN)
        self.assertEqual((existing.pid, existing.created), (spawned.pid, False))
        self.assert_refused(CODE.ALREADY_EXISTS, "ACTOR_EXISTS", spawn, "echo", "ours")
        self.assert_refused(CODE.FAILED_PRECONDITION, "SPAWN_REFUSED", spawn, "no-such-kind", "x")
        self.assertTrue(self.answers(spawn("echo").pid))

    # Stop.

    def test_they_stop_ours(self):
        self.meet()
        for op in ("stop", "poison"):
            with self.subTest(op):
                pid = self.spawn("counter", op)
                watch = self.here.watch(pid).await_watching()
                self.go.do(op, pid=pid)
                self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def test_we_stop_theirs(self):
        self.meet()
        for mode in (api.STOP_MODE_UNSPECIFIED, api.STOP_MODE_NOW):
            with self.subTest(mode=mode):
                pid = self.go.spawn("echo", f"e{mode}")
                self.assertTrue(self.answers(pid))
                self.here.stop(pid, mode=mode)
                self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.ask, pid, text("x"))

    # Watch.

    def test_they_watch_ours_that_stops(self):
        pid = self.watched_in_go("c")
        self.here.stop(pid)
        self.await_true(lambda: self.terminated_in_go("watcher"))
        self.meet_again()
        self.assertEqual(self.terminated_in_go("watcher"), [(pid, "Stopped")])

    def test_they_watch_no_longer(self):
        pid = self.watched_in_go("c")
        self.go.do("unwatch", id="watcher", pid=pid)
        self.await_true(lambda: self.here.get(pid).watcher_count == 0)
        self.here.stop(pid)
        self.meet_again()
        self.assertEqual(self.terminated_in_go("watcher"), [])

    def test_we_watch_theirs_that_stops(self):
        self.meet()
        for op in ("stop", "poison"):
            with self.subTest(op):
                pid = self.go.spawn("echo", op)
                watch = self.here.watch(pid).await_watching()
                # The watch is before it on the link.
                self.assertTrue(self.answers(pid))
                self.go.do(op, pid=pid)
                self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def test_they_watch_nobody(self):
        """Told at once; protoactor-go makes a Stopped of our NotFound."""
        self.go.spawn("noter", "watcher")
        self.go.do("watch", id="watcher", pid=self.host.pid_of("nobody"))
        self.await_true(lambda: self.terminated_in_go("watcher"))
        self.assertEqual(self.terminated_in_go("watcher"), [(self.host.pid_of("nobody"), "Stopped")])

    def test_we_watch_nobody(self):
        self.meet()
        watch = self.here.watch(self.go.pid_of("nobody")).await_watching()
        if self.version == "2024":
            self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["NOT_FOUND"])
            return
        # Go of 2026 drops such a watch: no answer comes, also not before that of a later question.
        self.assertTrue(self.answers(self.go.spawn("echo", "e")))
        self.assertEqual(watch.reasons(), [])
        watch.cancel()

    def test_they_are_told_when_our_node_dies(self):
        pid = self.watched_in_go("c")
        self.host.crash()
        self.await_true(lambda: self.terminated_in_go("watcher"))
        self.assertEqual(self.terminated_in_go("watcher"), [(pid, "AddressTerminated")])

    def test_we_are_told_when_their_node_dies(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        watch = self.here.watch(pid).await_watching()
        self.assertTrue(self.answers(pid))
        self.go.crash()
        self.assertEqual(watch.await_end(15 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])

    def test_our_actors_forget_watchers_of_theirs_that_died(self):
        pid = self.watched_in_go("c")
        self.go.crash()
        self.await_true(lambda: self.here.get(pid).watcher_count == 0)

    # Size. A Go node takes frames of up to 4 MiB, one of ours up to twice remote.message_bytes_max and a little.

    def test_their_large_message_is_handled(self):
        pid = self.spawn("echo", "e")
        self.go.spawn("noter", "n")
        self.go.send_bytes(pid, 3 * MIB, sender=self.go.pid_of("n"))
        self.await_true(lambda: self.go.notes("n"))
        self.assertGreater(self.go.notes("n")[0]["byte_count"], 3 * MIB)

    def test_their_message_over_our_own_limit_has_no_answer_of_its_size(self):
        """It is within the frames that we take."""
        pid = self.spawn("echo", "e")
        with self.assertRaisesRegex(Refused, "timeout"):
            self.go.do("request", timeout_s=1, pid=pid, byte_count=5 * MIB)
        self.assertRegex(self.host.log(), "dead letter reason=too_large")
        self.assertTrue(self.go_hears_from(pid))
        self.assertNotIn(f"terminated {self.host.address}", self.go.links())

    def test_their_too_large_message_breaks_the_link_which_is_made_again(self):
        pid = self.watched_in_go("e", kind="echo")
        self.go.send_bytes(pid, 9 * MIB)
        self.await_true(lambda: f"terminated {self.host.address}" in self.go.links())
        # To protoactor-go a broken link means that all watched actors behind it are gone.
        self.await_true(lambda: self.terminated_in_go("watcher") == [(pid, "AddressTerminated")])
        self.await_true(lambda: self.go_hears_from(pid))
        self.assertTrue(self.answers(self.go.spawn("echo", "e")))

    def test_our_large_message_is_handled(self):
        self.meet()
        sent = wrappers_pb2.BytesValue(value=bytes(3 * MIB))
        self.assertEqual(self.asked(self.go.spawn("echo", "e"), sent), sent)

    def test_our_message_over_their_limit_breaks_the_link_which_is_made_again(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        watch = self.here.watch(pid).await_watching()
        # Within our limit, but with its envelope not within theirs.
        self.assert_lost_with_the_link(self.ask, pid, wrappers_pb2.BytesValue(value=bytes(4 * MIB - 10)))
        self.await_true(lambda: self.answers(pid))
        # To a node of ours a link may be down for remote.unreachable_after.
        self.assertEqual(watch.reasons(), [])
        self.go.do("stop", pid=pid)
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["STOPPED"])

    def assert_lost_with_the_link(self, ask, pid, message):
        """The peer ends the stream after it took the batch: nobody knows what became of it, so the ask ends with its time."""
        self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", ask, pid, message, timeout=3 * TIME_FACTOR)
        self.assertRegex(self.host.log(), f"link lost.*{self.go.address}")

    def test_a_message_over_our_own_limit_is_refused(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        large = wrappers_pb2.BytesValue(value=bytes(4 * MIB))
        self.assert_refused(CODE.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE", self.ask, pid, large)
        self.assertNotRegex(self.host.log(), "link lost")

    # Types that the other side does not know.

    def test_ours_return_a_type_that_they_do_not_know(self):
        pid = self.spawn("echo", "e")
        reply = self.go.request(pid, duration_pb2.Duration(seconds=5))
        self.assertEqual((reply["type"], reply["message"]), ("google.protobuf.Duration", "5s"))

    def test_a_type_that_our_actor_does_not_understand_leaves_the_link_alone(self):
        pid = self.spawn("counter", "c")
        self.go.send(pid, duration_pb2.Duration(seconds=5))
        self.meet()
        self.assertNotIn(f"terminated {self.host.address}", self.go.links())

    def test_a_type_that_they_do_not_know_breaks_the_link_which_is_made_again(self):
        if self.version == "2024":
            self.skipTest("such a message ends the whole process of a Go node of 2024")
        self.meet()
        pid = self.go.spawn("echo", "e")
        unknown = types.Payload(type="unknown.Type", content_type="application/x-protobuf")
        self.assert_lost_with_the_link(self.here.ask_payload, pid, unknown)
        self.await_true(lambda: self.answers(pid))

    def test_json_breaks_the_link_to_a_peer_that_does_not_know_the_types_of_nexus(self):
        """What a client sends as JSON travels as nexus.v1.Payload, for the node of the actor to read it."""
        if self.version == "2024":
            self.skipTest("such a message ends the whole process of a Go node of 2024")
        self.meet()
        pid = self.go.spawn("echo", "e")
        self.assert_lost_with_the_link(self.here.ask, pid, {"a": 1})
        self.await_true(lambda: self.answers(pid))

    # Ends.

    def test_our_node_ends_orderly(self):
        pid = self.watched_in_go("c")
        self.meet()
        self.assertEqual(self.host.stop(), 0)
        self.await_true(lambda: self.terminated_in_go("watcher"))
        self.await_true(lambda: f"terminated {self.host.address}" in self.go.links())
        told = self.terminated_in_go("watcher")
        self.assertEqual([who for who, _ in told], [pid])

    def test_their_node_ends_orderly(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        watch = self.here.watch(pid).await_watching()
        self.assertTrue(self.answers(pid))
        self.assertEqual(self.go.shut_down(), 0)
        self.assertEqual(watch.await_end(20 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", self.ask, pid, text("x"))

    # A new incarnation at the same address.

    def restart_host(self):
        self.host = self.start("again", program=TEST_NODE, port=self.host.port)
        self.here = self.client(self.host)

    def test_our_node_comes_back_after_an_orderly_end(self):
        self.meet()
        self.host.stop()
        self.restart_host()
        self.come_together_again()

    def test_our_node_comes_back_after_a_crash(self):
        self.meet()
        self.host.crash()
        self.restart_host()
        self.come_together_again()

    def test_their_node_comes_back_after_an_orderly_end(self):
        self.meet()
        self.go.shut_down()
        self.go = self.start_go(port=self.go.port)
        self.come_together_again()

    def test_their_node_comes_back_after_a_crash(self):
        self.meet()
        pid = self.go.spawn("echo", "e")
        watch = self.here.watch(pid).await_watching()
        self.assertTrue(self.answers(pid))
        self.go.crash()
        self.go = self.start_go(port=self.go.port)
        self.come_together_again()
        self.assertEqual(watch.await_end(10 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])

    def test_their_node_comes_back_in_the_other_version(self):
        """Which writes targets in the other way."""
        self.meet()
        self.assertTrue(self.answers(self.go.spawn("echo", "e")))
        self.go.crash()
        other = next(version for version in protoactor_go_peer.MODULE_FILES if version != self.version)
        self.go = self.start_go(version=other, port=self.go.port)
        self.come_together_again()

    def come_together_again(self):
        pid = self.spawn("echo", "again")
        self.await_true(lambda: self.go_hears_from(pid), timeout_s=30)
        theirs = self.go.spawn("echo", "again")
        self.await_true(lambda: self.answers(theirs), timeout_s=30)

    # Volume.

    def test_none_of_100000_messages_to_ours_is_lost(self):
        count = 100_000 // TIME_FACTOR
        pid = self.spawn("recorder", "r")
        self.go.do("flood", pid=pid, count=count, timeout_s=60)
        self.await_true(lambda: self.here.ask(pid, {})["received"] == count, timeout_s=60)
        self.assertEqual(self.here.ask(pid, {}), {"received": count, "out_of_order": 0, "senders": 1})

    def test_none_of_100000_messages_to_theirs_is_lost(self):
        count = 100_000 // TIME_FACTOR
        self.meet()
        pid = self.go.spawn("recorder", "r")
        pinger = self.spawn("pinger", "p")
        sent = self.here.ask(pinger, {"target": pid, "count": count}, timeout=60 * TIME_FACTOR)
        self.assertEqual(sent, {"sent": count})
        self.assertEqual(self.go.request(pid, struct_pb2.Struct())["message"],
                         {"received": count, "out_of_order": 0, "senders": 1})

    def test_a_million_of_their_messages_come_back(self):
        count = 1_000_000 // TIME_FACTOR
        pid = self.spawn("echo", "e")
        begin = time.monotonic()
        tally = self.go.do("ping", pid=pid, count=count, window=10_000, timeout_s=90)
        print(f"Go of {self.version} -> nexus and back: {count / (time.monotonic() - begin):.0f}/s", file=sys.stderr)
        self.assertEqual(tally, {"returned": count, "out_of_order": 0})

    def test_a_million_of_our_messages_come_back(self):
        count = 1_000_000 // TIME_FACTOR
        self.meet()
        tripper = self.spawn("round_tripper", "t")
        begin = time.monotonic()
        tally = self.here.ask(tripper, {"target": self.go.spawn("echo", "e"), "count": count}, timeout=90 * TIME_FACTOR)
        print(f"nexus -> Go of {self.version} and back: {count / (time.monotonic() - begin):.0f}/s", file=sys.stderr)
        self.assertEqual(tally, {"returned": count, "out_of_order": 0})


class Of2024(Matrix, Together):
    version = "2024"


class Of2026(Matrix, Together):
    version = "2026"


if __name__ == "__main__":
    try:
        for known_version in protoactor_go_peer.MODULE_FILES:
            protoactor_go_peer.build(known_version)
    except protoactor_go_peer.Unavailable as why:
        print("*" * 100, "SKIPPED: nothing was tested against protoactor-go.", str(why).rstrip(),
              "tests/interop/protoactor_go/prepare downloads the modules.", "*" * 100, sep="\n", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
