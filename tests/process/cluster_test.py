"""Nodes that find each other, miss each other, go and come back, as processes on loopback."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from nexus.v1 import cluster_service_pb2 as api
from support.case import main
from support.certificates import Authority, TlsFiles
from support.cluster import ClusterTestCase
from support.nexusctl import nexusctl
from support.node import TEST_NODE, TIME_FACTOR
from support.ports import free_port


class Cluster(ClusterTestCase):
    def settings(self, ports, more=""):
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        return f"cluster:\n  seeds: [{seeds}]\n{more}"

    def make(self, count, more="", program=None):
        """Nodes that are not started yet."""
        ports = [free_port() for _ in range(count)]
        options = {"program": program} if program else {}
        return [self.node(f"n{i + 1}", port=port, settings=self.settings(ports[:3], more), **options)
                for i, port in enumerate(ports)]

    def settled(self, count, **options):
        nodes = self.make(count, **options)
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_agreement(members, nodes, 10)
        return nodes, members

    def test_five_nodes_agree_soon_after_they_have_started(self):
        nodes = self.make(5)
        for node in nodes:
            node.start()
        begin = time.monotonic()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_agreement(members, nodes, 1.5)
        took = time.monotonic() - begin
        print(f"five nodes agreed {took * 1000:.0f} ms after the last was started")
        self.assertLess(took, 1.5 * TIME_FACTOR)

    def test_seeds_may_come_up_late_and_in_any_order(self):
        nodes = self.make(4)
        late = self.member(nodes[3].start().await_ready())
        # None of the seeds is there: it waits, and says so.
        self.await_true(lambda: "no way into the cluster there yet" in nodes[3].log())
        self.assertIsNone(late.view())
        self.assertTrue(late.is_live_only(), "a node that is in no cluster yet must not be taken for ready")
        with self.assertRaises(grpc.RpcError) as refused:
            late.stub.ListMembers(api.ListMembersRequest(), timeout=5)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        third = self.member(nodes[2].start().await_ready())
        self.assertIsNone(third.view(), "one of three seeds must not found a cluster")
        first = self.member(nodes[0].start().await_ready())
        self.await_agreement([first, third, late], [nodes[0], nodes[2], nodes[3]], 10)
        second = self.member(nodes[1].start().await_ready())
        self.await_agreement([first, second, third, late], nodes, 10)
        self.await_true(lambda: all(member.health() for member in (first, second, third, late)))

    def test_a_crash_is_seen_by_all_and_ends_what_was_watched_there(self):
        nodes, members = self.settled(5)
        pid = self.client(nodes[4]).spawn("counter", "a").pid
        watch = self.client(nodes[0]).watch(pid).await_watching()
        nodes[4].crash()
        self.await_agreement(members[:4], nodes[:4], 2.5)
        watch.await_end(5 * TIME_FACTOR)
        self.assertEqual(watch.reasons(), ["ADDRESS_TERMINATED"])
        nodes[4].restart()
        self.await_agreement(members, nodes, 10)

    def test_who_has_missed_a_node_reaches_the_next_process_at_its_address(self):
        nodes, members = self.settled(3)
        watch = self.client(nodes[0]).watch(self.client(nodes[2]).spawn("counter", "a").pid).await_watching()
        nodes[2].crash()
        watch.await_end(10 * TIME_FACTOR)
        self.await_agreement(members[:2], nodes[:2], 5)
        nodes[2].restart()
        self.await_agreement(members, nodes, 10)
        # That process has nothing to say to anybody: who wants to reach it must dial.
        pid = self.client(nodes[2]).spawn("counter", "b").pid
        watch = self.client(nodes[0]).watch(pid).await_watching()
        self.await_true(lambda: self.client(nodes[2]).get(pid).watcher_count == 1)
        self.client(nodes[2]).stop(pid)
        watch.await_end(10 * TIME_FACTOR)
        self.assertEqual(watch.reasons(), ["STOPPED"])

    def test_a_node_that_stands_still_for_long_is_missed_and_comes_back_by_itself(self):
        nodes, members = self.settled(3)
        nodes[2].signal(signal.SIGSTOP)
        try:
            self.await_agreement(members[:2], nodes[:2], 4)
        finally:
            nodes[2].signal(signal.SIGCONT)
        before = members[0].view()[0]
        self.await_agreement(members, nodes, 15)
        self.assertGreater(members[0].view()[0], before)
        self.assertIn("joining the cluster again", nodes[2].log())

    def test_a_node_that_stands_still_for_a_moment_is_not_missed(self):
        nodes, members = self.settled(3)
        before = members[0].view()
        nodes[2].signal(signal.SIGSTOP)
        time.sleep(0.5)
        nodes[2].signal(signal.SIGCONT)
        time.sleep(3)
        self.assertEqual([member.view() for member in members], [before] * 3)

    def test_a_node_that_is_stopped_leaves_at_once(self):
        nodes, members = self.settled(5)
        staying = members[:3] + members[4:]
        streams = [member.stub.WatchCluster(api.WatchClusterRequest()) for member in staying]
        for events in streams:
            self.assertTrue(next(events).HasField("snapshot"))

        def next_change(events):
            return next(events).change, time.monotonic()

        with ThreadPoolExecutor(len(streams)) as readers:
            told = [readers.submit(next_change, events) for events in streams]
            begin = time.monotonic()
            nodes[3].signal(signal.SIGTERM)
            seen = [one.result() for one in told]
        took = max(at for _, at in seen) - begin
        print(f"a leave was seen by all after {took * 1000:.0f} ms")
        for change, _ in seen:
            self.assertEqual([(d.member.address, d.reason) for d in change.departed],
                             [(nodes[3].address, api.DEPARTURE_REASON_LEFT)])
        self.assertLess(took, 0.3 * TIME_FACTOR)
        self.assertEqual(nodes[3].await_exit(), 0)
        self.await_agreement(staying, nodes[:3] + nodes[4:], 2)
        for events in streams:
            events.cancel()

    def test_a_node_that_has_left_says_so_while_it_stops(self):
        nodes, members = self.settled(3, program=TEST_NODE)
        self.assertTrue(members[2].health())
        client = self.client(nodes[2])
        pid = client.spawn("sleeper", "s").pid
        # The node cannot end before this turn does, which has begun.
        failure = self.assert_refused(grpc.StatusCode.DEADLINE_EXCEEDED, "ASK_TIMEOUT", client.ask, pid,
                                      {"ms": 4000 * TIME_FACTOR}, timeout=0.5 * TIME_FACTOR)
        self.assertEqual(failure.metadata["stage"], "running")
        nodes[2].signal(signal.SIGTERM)
        self.await_true(lambda: members[2].status() == api.NODE_STATUS_LEFT)
        self.assertFalse(members[2].health())
        told = nexusctl("--node", nodes[2].listen, "members")
        self.assertEqual(told.returncode, 3)
        self.assertIn("DRAINING: this node has left the cluster and is stopping", told.stderr)
        self.assertEqual(nodes[2].await_exit(), 0)

    def test_a_stream_goes_on_where_it_ended(self):
        nodes, members = self.settled(3)
        stream = members[0].stub.WatchCluster(api.WatchClusterRequest())
        token = next(stream).resume_token
        stream.cancel()
        nodes[2].crash()
        self.await_agreement(members[:2], nodes[:2], 5)
        change = next(members[0].stub.WatchCluster(api.WatchClusterRequest(resume_token=token)))
        self.assertEqual([d.member.address for d in change.change.departed], [nodes[2].address])
        other = next(members[0].stub.WatchCluster(api.WatchClusterRequest(resume_token="of another time")))
        self.assertTrue(other.HasField("snapshot"), "a token that means nothing any more gets all")

    def test_the_rest_of_a_cluster_that_is_too_small_freezes_and_says_so(self):
        nodes, members = self.settled(3)
        nodes[1].crash()
        nodes[2].crash()
        self.await_true(lambda: members[0].status() == api.NODE_STATUS_FROZEN)
        self.assertEqual(len(members[0].view()[2]), 3)
        self.await_true(lambda: "too few members are heard" in nodes[0].log())
        self.await_true(members[0].is_live_only)
        # One of three seeds that has forgotten everything cannot make up for the vote of its last run.
        frozen = members[0].view()
        members[1] = self.member(nodes[1].restart())
        deadline = time.monotonic() + 3 * TIME_FACTOR
        while time.monotonic() < deadline:
            self.assertEqual((members[0].status(), members[0].view()), (api.NODE_STATUS_FROZEN, frozen))
            self.assertIsNone(members[1].view(), "it founds no cluster of its own")
            time.sleep(0.1)
        # Most of the seeds can begin anew, and the one that waited joins them.
        nodes[2].restart()
        self.await_agreement(members, nodes, 20)
        self.assertEqual(members[0].status(), api.NODE_STATUS_MEMBER)
        self.await_true(lambda: all(member.health() for member in members))

    def test_a_node_of_another_cluster_is_told_why_it_may_not_come_in(self):
        host = self.start("host")
        other = self.start("other", settings=self.settings([host.port], "  name: other\n"))
        self.await_true(lambda: "the cluster does not take this node in" in other.log())
        self.assertIn('this is a node of cluster \\"nexus\\", not of \\"other\\"', other.log())
        self.assertEqual(self.member(host).view()[2], [host.address])

    def test_nodes_are_restarted_one_after_the_other_while_calls_go_on(self):
        nodes, members = self.settled(4, program=TEST_NODE)
        # Each call goes to an actor of a node that stays, through another one that stays.
        pid = self.client(nodes[0]).spawn("counter", "steady").pid
        through = self.client(nodes[1])
        failures = []
        done = threading.Event()

        def calls():
            while not done.is_set():
                try:
                    through.ask(pid, {"add": 1})
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(error)

        caller = threading.Thread(target=calls)
        caller.start()
        try:
            for i in (2, 3):
                self.assertEqual(nodes[i].stop(), 0)
                nodes[i].restart()
                self.await_agreement(members, nodes, 10)
        finally:
            done.set()
            caller.join()
        self.assertEqual(failures, [])


class OverTls(ClusterTestCase):
    def files(self):
        authority = Authority()
        self.addCleanup(authority.close)
        files = TlsFiles(authority)
        self.addCleanup(files.close)
        return files

    def test_nodes_with_certificates_are_a_cluster_and_others_stay_out(self):
        files = self.files()
        ports = [free_port() for _ in range(3)]
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        settings = f"cluster:\n  seeds: [{seeds}]\n"
        nodes = [self.node(f"n{i + 1}", port=port, settings=settings, tls=files) for i, port in enumerate(ports)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_agreement(members, nodes, 10)
        before = members[0].view()
        strangers = [self.start("other", settings=settings, tls=self.files()), self.start("plain", settings=settings)]
        for stranger in strangers:
            self.await_true(lambda stranger=stranger: "no way into the cluster there yet" in stranger.log())
        time.sleep(2)
        self.assertEqual([member.view() for member in members], [before] * 3)
        for stranger in strangers:
            self.assertIsNone(self.member(stranger).view())
        nodes[2].crash()
        self.await_agreement(members[:2], nodes[:2], 2.5)


if __name__ == "__main__":
    main()
