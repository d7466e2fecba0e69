"""What a client can do with actors, through the node that hosts them and through one that does not."""

import time

import grpc
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import types_pb2 as types
from support.case import NodeTestCase, main
from support.client import json_payload
from support.nexusctl import nexusctl
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port

CODE = grpc.StatusCode


class OneNode(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.host = self.start()
        self.here = self.client(self.host)

    def test_a_bare_id_is_an_actor_of_the_node_that_is_asked(self):
        spawned = self.here.spawn("counter", "a")
        self.assertEqual((spawned.pid, spawned.created), (self.host.pid_of("a"), True))
        self.assertEqual(self.here.ask("a", {"add": 5}), {"value": "5"})
        self.assertEqual(self.here.ask(self.host.pid_of("a"), {"add": 2}), {"value": "7"})

    def test_a_name_is_made_up_when_none_is_given(self):
        pids = {self.here.spawn("counter").pid for _ in range(20)}
        self.assertEqual(len(pids), 20)
        for pid in pids:
            self.assertEqual(self.here.ask(pid, {}), {"value": "0"})

    def test_a_name_is_unique_unless_the_existing_actor_is_asked_for(self):
        self.here.spawn("counter", "a")
        self.assert_refused(CODE.ALREADY_EXISTS, "ACTOR_EXISTS", self.here.spawn, "counter", "a")
        again = self.here.spawn("counter", "a", if_exists=api.IF_EXISTS_RETURN)
        self.assertEqual((again.pid, again.created), (self.host.pid_of("a"), False))

    def test_protobuf_and_json_reach_the_same_actor(self):
        self.here.spawn("counter", "a")
        request = types.CounterRequest(add=3).SerializeToString()
        answer = self.here.ask_payload("a", types.Payload(type="nexus.v1.CounterRequest", data=request))
        self.assertEqual(types.CounterReply.FromString(answer.data).value, 3)
        self.assertEqual(self.here.ask("a", {"add": 1}), {"value": "4"})

    def test_bytes_come_back_from_echo_as_they_were(self):
        self.here.spawn("echo", "e")
        sent = types.Payload(content_type="application/octet-stream", data=bytes(range(256)))
        self.assertEqual(self.here.ask_payload("e", sent), sent)

    def test_tells_arrive_before_a_later_ask(self):
        self.here.spawn("counter", "a")
        self.assertEqual(self.here.tell("a", [{"add": n} for n in range(1, 101)]), 100)
        self.assertEqual(self.here.ask("a", {}), {"value": "5050"})

    def test_what_the_kind_cannot_read_is_refused(self):
        self.here.spawn("counter", "a")
        refused = (CODE.INVALID_ARGUMENT, "INVALID_PAYLOAD")
        self.assert_refused(*refused, self.here.ask, "a", {"no_such_field": 1})
        self.assert_refused(*refused, self.here.ask_payload, "a",
                            types.Payload(content_type="application/json", data=b"{"))
        self.assertEqual(self.here.ask("a", {}), {"value": "0"})

    def test_bad_names_are_refused(self):
        for actor_id in ("a/b", "$a", "a\n", "x" * 257):
            with self.subTest(actor_id):
                self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_ID", self.here.spawn, "counter", actor_id)
        for pid in ("", "host-without-port/a"):
            with self.subTest(pid):
                self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_PID", self.here.ask, pid, {})

    def test_an_unknown_kind_names_the_nearest(self):
        failure = self.assert_refused(CODE.NOT_FOUND, "KIND_UNKNOWN", self.here.spawn, "conter")
        self.assertEqual(failure.metadata["nearest"], "counter")
        self.assertIn("echo", failure.metadata["known"])

    def test_a_stopped_actor_has_handled_its_mailbox_and_is_gone(self):
        self.here.spawn("counter", "a")
        self.here.stop("a")
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.here.get, "a")
        self.assertTrue(self.here.spawn("counter", "a").created)

    def test_lists_are_paged_in_order_and_filtered(self):
        for n in range(25):
            self.here.spawn("counter" if n % 2 else "echo", f"a{n:02}")
        self.here.spawn("echo", "other")
        self.assertEqual(self.here.list(page_size=7, id_prefix="a"), [self.host.pid_of(f"a{n:02}") for n in range(25)])
        self.assertEqual(len(self.here.list(kind="counter")), 12)
        self.assertLess(len(self.here.list()), len(self.here.list(include_system=True)))

    def test_an_actor_says_how_it_is(self):
        self.here.spawn("counter", "a")
        watch = self.here.watch("a").await_watching()
        for _ in range(3):
            self.here.ask("a", {"add": 1})
        actor = self.here.get("a")
        self.assertEqual((actor.pid, actor.kind, actor.state), (self.host.pid_of("a"), "counter", api.Actor.STATE_ALIVE))
        self.assertGreaterEqual(actor.processed_count, 3)
        self.assertEqual(actor.watcher_count, 1)
        self.assertLess(abs(actor.started_at.seconds - time.time()), 60 * TIME_FACTOR)
        watch.cancel()


class ThroughAnotherNode(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.host, self.other, self.third = self.start_many(3)
        self.there = self.client(self.other)
        self.pid = self.host.pid_of("a")

    def test_the_whole_life_of_an_actor(self):
        spawned = self.there.spawn("counter", "a", node=self.host.address)
        self.assertEqual((spawned.pid, spawned.created), (self.pid, True))
        self.assertEqual(self.there.ask(self.pid, {"add": 5}), {"value": "5"})
        self.assertEqual(self.there.tell(self.pid, [{"add": 1}, {"add": 2}]), 2)
        self.assertEqual(self.client(self.third).ask(self.pid, {}), {"value": "8"})
        self.assertEqual(self.there.get(self.pid).kind, "counter")
        self.assertIn(self.pid, self.there.list(node=self.host.address))
        self.assertNotIn(self.pid, self.there.list())
        watch = self.client(self.third).watch(self.pid).await_watching()
        # The watch is set there before it has reached the actor's own node.
        self.await_true(lambda: self.client(self.host).get(self.pid).watcher_count == 1)
        self.there.stop(self.pid)
        self.assertEqual(watch.await_end().reasons(), ["STOPPED"])
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.there.ask, self.pid, {})

    def test_kinds_of_another_node(self):
        self.assertIn("counter", self.there.kinds(node=self.host.address))

    def test_errors_are_those_of_the_hosting_node(self):
        self.assert_refused(CODE.NOT_FOUND, "KIND_UNKNOWN", self.there.spawn, "conter", node=self.host.address)
        self.there.spawn("counter", "a", node=self.host.address)
        self.assert_refused(CODE.ALREADY_EXISTS, "ACTOR_EXISTS", self.there.spawn, "counter", "a",
                            node=self.host.address)
        self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_PAYLOAD", self.there.ask, self.pid, {"bad": 1})

    def test_a_missing_actor_fails_at_once_and_not_by_timeout(self):
        calls = {
            "ask": lambda client, pid: client.ask(pid, {}, timeout=20),
            "tell": lambda client, pid: client.tell(pid, [{}], timeout=20),
            "get": lambda client, pid: client.get(pid, timeout=20),
            "stop": lambda client, pid: client.stop(pid, timeout=20),
        }
        # The link between the nodes is made with the first message.
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.there.ask, self.pid, {})
        for name, call in calls.items():
            for client in (self.client(self.host), self.there):
                with self.subTest(name):
                    begin = time.monotonic()
                    self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", call, client, self.pid)
                    self.assertLess(time.monotonic() - begin, 1 * TIME_FACTOR)

    def test_watching_what_is_not_there_says_so(self):
        self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.client(self.host).watch("a").await_watching)
        watch = self.there.watch(self.pid).await_end()
        self.assertTrue(watch.reasons() == ["NOT_FOUND"] or watch.failure.reason == "ACTOR_NOT_FOUND",
                        (watch.events, watch.failure))

    def test_a_tell_that_the_kind_cannot_read_is_refused_here_too(self):
        self.there.spawn("counter", "a", node=self.host.address)
        self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_PAYLOAD", self.there.tell, self.pid,
                            [{"add": 1}, {"add": "x"}, {"add": 1}])
        self.assertEqual(self.there.ask(self.pid, {}), {"value": "2"})

    def test_a_tell_has_no_sender_to_answer(self):
        self.there.spawn("counter", "a", node=self.host.address)
        self.assertEqual(self.there.tell(self.pid, [{"add": 1}] * 100), 100)
        self.assertEqual(self.there.ask(self.pid, {}), {"value": "100"})
        self.assertNotIn("no_such_request", self.other.log())

    def test_the_nodes_own_actors_cannot_be_stopped(self):
        for mode in (api.STOP_MODE_UNSPECIFIED, api.STOP_MODE_NOW):
            for client in (self.client(self.host), self.there):
                self.assert_refused(CODE.PERMISSION_DENIED, "SYSTEM_ACTOR", client.stop,
                                    self.host.pid_of("activator"), mode)

    def test_what_is_no_actor_fails_at_once(self):
        # So that the slot of a future exists on the host.
        self.client(self.host).ask(self.client(self.host).spawn("counter").pid, {})
        for name in ("$f0", "$guardian"):
            begin = time.monotonic()
            self.assert_refused(CODE.NOT_FOUND, "ACTOR_NOT_FOUND", self.there.ask, self.host.pid_of(name), {},
                                timeout=20)
            self.assertLess(time.monotonic() - begin, 2 * TIME_FACTOR)

    def test_a_node_that_nobody_runs_is_unreachable(self):
        nowhere = self.node("nowhere").pid_of("a")
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", self.there.ask, nowhere, {}, timeout=20 * TIME_FACTOR)


class Deadlines(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.host, self.other = self.start_many(2, program=TEST_NODE)
        self.pid = self.host.pid_of("s")
        self.client(self.host).spawn("sleeper", "s")

    def assert_stage(self, client, stage, ask_ms):
        failure = self.assert_refused(CODE.DEADLINE_EXCEEDED, "ASK_TIMEOUT", client.ask, self.pid, {"ms": ask_ms},
                                      timeout=0.5 * TIME_FACTOR)
        self.assertEqual(failure.metadata["stage"], stage)

    def test_a_deadline_says_whether_the_actor_had_begun(self):
        busy_ms = 2500 * TIME_FACTOR
        for client in (self.client(self.host), self.client(self.other)):
            with self.subTest(client):
                self.assertEqual(client.ask(self.pid, {"ms": 0}, timeout=10 * TIME_FACTOR), {"slept_ms": 0})
                self.assert_stage(client, "running", busy_ms)
                self.assert_stage(client, "queued", 0)
                # Both messages are handled all the same; then the actor is free again.
                self.assertEqual(client.ask(self.pid, {"ms": 0}, timeout=20 * TIME_FACTOR), {"slept_ms": 0})

    def test_an_actor_that_throws_is_reported_and_starts_afresh(self):
        for client in (self.client(self.host), self.client(self.other)):
            with self.subTest(client):
                pid = client.spawn("thrower", node=self.host.address).pid
                failure = self.assert_refused(CODE.INTERNAL, "ACTOR_FAILED", client.ask, pid, {"throw": "as told"})
                self.assertIn("as told", failure.message + str(failure.metadata))
                self.assertEqual(client.ask(pid, {}), {"handled": 1})
                self.assertEqual(client.get(pid).restart_count, 1)


class Sour(NodeTestCase):
    def test_what_a_kind_throws_at_a_payload_is_the_answer(self):
        host, other = self.start_many(2, program=TEST_NODE)
        pid = self.client(host).spawn("sour").pid
        told = ((host, "INTERNAL"), (other, "ACTOR_FAILED"))
        for node, reason in told:
            client = self.client(node)
            with self.subTest(node.name):
                failure = self.assert_refused(CODE.INTERNAL, reason, client.tell, pid, [{}])
                self.assertIn("sour", failure.message)
                failure = self.assert_refused(CODE.INTERNAL, "ACTOR_FAILED", client.ask, pid, {})
                self.assertIn("sour", failure.message)
        self.assertEqual(host.stop(), 0)
        self.assertNotIn("calls were not answered", host.log())


class Unreachable(NodeTestCase):
    def test_a_deadline_before_the_link_is_given_up_names_the_node_not_the_actor(self):
        node = self.start(unreachable_after="30s")
        client = self.client(node)
        pid = f"127.0.0.1:{free_port()}/x"
        for call in (client.ask, client.tell):
            failure = self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", call, pid, [{}], timeout=1)
            self.assertIn("no link within", failure.message)
        failure = self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", client.stop, pid, timeout=1)
        self.assertNotIn("told to stop", failure.message)
        done = nexusctl("--timeout", "1s", "ask", pid, "{}", node=node.address)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("NODE_UNREACHABLE", done.stderr)
        self.assertNotIn("busy", done.stderr)


class Sizes(NodeTestCase):
    SETTINGS = "  message_bytes_max: 1MiB\n  batch_bytes_max: 500000\n"

    def test_a_message_over_the_limit_is_refused_and_one_at_the_limit_is_not(self):
        host, other = self.start_many(2, settings=self.SETTINGS)
        self.client(host).spawn("echo", "e")
        pid = host.pid_of("e")
        for node in (host, other):
            # A client may send what the node refuses.
            client = self.client(node, options=[("grpc.max_send_message_length", -1)])
            with self.subTest(node.name):
                small = types.Payload(content_type="application/octet-stream", data=b"x" * 400_000)
                self.assertEqual(client.ask_payload(pid, small), small)
                largest = types.Payload(content_type="application/octet-stream", data=b"x" * (1 << 20))
                self.assertEqual(client.ask_payload(pid, largest), largest)
                large = types.Payload(content_type="application/octet-stream", data=b"x" * 1_200_000)
                self.assert_refused(CODE.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE", client.ask_payload, pid, large)
                self.assertEqual(client.ask_payload(pid, small), small)

    def test_headers_over_the_limit_are_refused_and_do_the_link_no_harm(self):
        host, other = self.start_many(2, settings=self.SETTINGS)
        self.client(host).spawn("counter", "a")
        pid = host.pid_of("a")
        huge = {f"key{n}": "h" * 10_000 for n in range(200)}
        for node in (host, other):
            client = self.client(node, options=[("grpc.max_send_message_length", -1)])
            with self.subTest(node.name):
                watch = client.watch(pid).await_watching()
                self.assert_refused(CODE.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE", client.ask, pid, {}, headers=huge)
                before = node.memory_bytes()
                self.assert_refused(CODE.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE", client.tell, pid, [{"add": 1}] * 1000,
                                    headers={"key": "h" * 300_000})
                self.assertLess(node.memory_bytes() - before, 50_000_000)
                self.assertEqual(client.tell(pid, [{"add": 0}] * 1000, headers={"key": "h" * 900}), 1000)
                self.assertEqual(client.ask(pid, {}, headers={"key": "h" * 900_000}), {"value": "0"})
                self.assertEqual(watch.reasons(), [])
                watch.cancel()

    def test_at_most_1000_messages_in_one_tell(self):
        host = self.start()
        client = self.client(host)
        client.spawn("counter", "a")
        self.assertEqual(client.tell("a", [{"add": 1}] * 1000), 1000)
        self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_REQUEST", client.tell, "a", [{"add": 1}] * 1001)
        self.assertEqual(client.ask("a", {}), {"value": "1000"})


class FullMailbox(NodeTestCase):
    def test_a_full_mailbox_is_told_to_the_sender(self):
        settings = "core:\n  mailbox_user_count_max: 10\n"
        host, other = self.start_many(2, program=TEST_NODE, settings=settings)
        pid = self.client(host).spawn("sleeper", "s").pid
        for node in (host, other):
            client = self.client(node)
            with self.subTest(node.name):
                self.assertEqual(client.ask(pid, {"ms": 0}), {"slept_ms": 0})
                asleep = client.stub.Ask.future(api.AskRequest(pid=pid, message=json_payload({"ms": 1000})))
                self.assert_refused(CODE.RESOURCE_EXHAUSTED, "MAILBOX_FULL", client.tell, pid, [{"ms": 0}] * 100)
                asleep.result(10 * TIME_FACTOR)


if __name__ == "__main__":
    main()
