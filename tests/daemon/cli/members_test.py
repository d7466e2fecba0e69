"""`nexusctl members` as a whole program, against a fake node in a cluster, and against one that is too old for that."""

import json
import subprocess
import unittest

import grpc
from google.protobuf import timestamp_pb2
from nexus.v1 import cluster_service_pb2 as api
from support.fake_actor_service import FakeActorService
from support.fake_cluster_service import FakeClusterService, departure, member, view
from support.nexusctl import NEXUSCTL, TIME_FACTOR, nexusctl
from support.nexusctl_case import NexusctlTestCase


class MembersTest(NexusctlTestCase):
    make_service = FakeClusterService

    def setUp(self):
        super().setUp()
        self.service.view = view(7, 3)
        self.service.members = [
            member(1, self=True), member(2, status=api.MEMBER_STATUS_LEAVING, since_epoch=2),
            member(3, status=api.MEMBER_STATUS_SUSPECT, since_epoch=7)]


class Listing(MembersTest):
    def test_names_the_cluster_and_shows_its_members(self):
        self.assertEqual(self.run_ok("members"),
                         "cluster demo: epoch 7, 3 members; h:1 is a member\n"
                         "ADDRESS  STATUS   SELF  SINCE  VERSION  ID\n"
                         f"h:1      up       *         1  1.2.0    {'1' * 32}\n"
                         f"h:2      leaving  -         2  1.2.0    {'2' * 32}\n"
                         f"h:3      suspect  -         7  1.2.0    {'3' * 32}\n")
        self.assertEqual(self.service.requests, [api.GetClusterRequest(), api.ListMembersRequest()])

    def test_shows_zones_when_there_are_any(self):
        self.service.members[1].zone = "west"
        lines = self.run_ok("members").splitlines()[1:]
        self.assertEqual([line.split()[5] for line in lines], ["ZONE", "-", "west", "-"])

    def test_as_json_the_cluster_comes_first_and_then_each_member(self):
        cluster, first, *_ = lines = [json.loads(line) for line in self.run_ok("members", "--json").splitlines()]
        self.assertEqual(cluster, {"cluster": "demo", "epoch": 7, "view_id": "ab" * 8, "member_count": 3, "node": "h:1",
                                   "node_id": "1" * 32, "node_status": "member"})
        self.assertEqual(first, {"address": "h:1", "id": "1" * 32, "status": "up", "self": True, "since_epoch": 1,
                                 "version": "1.2.0", "zone": "", "kinds": [], "labels": {}, "state_base64": {}})
        self.assertEqual([line["address"] for line in lines[1:]], ["h:1", "h:2", "h:3"])

    def test_a_frozen_node_says_so_loudly(self):
        self.service.node_status = api.NODE_STATUS_FROZEN
        out = self.run_ok("members")
        self.assertRegex(out, r"(?m)^FROZEN: h:1 hears too few of the members for the cluster to change")
        self.assertIn("\nh:3 ", out)
        self.assertEqual(json.loads(self.run_ok("members", "--json").splitlines()[0])["node_status"], "frozen")

    def test_a_node_that_goes_says_so(self):
        for status, word in ((api.NODE_STATUS_LEAVING, "h:1 is leaving"),
                             (api.NODE_STATUS_LEFT, "h:1 has left the cluster and is stopping")):
            with self.subTest(word):
                self.service.node_status = status
                self.assertEqual(self.run_ok("members").splitlines()[0], f"cluster demo: epoch 7, 3 members; {word}")

    def test_a_node_in_no_cluster_says_how_it_finds_one(self):
        self.service.joining = True
        for arguments in (["members"], ["members", "h:1"]):
            with self.subTest(arguments):
                error = self.run_failing(1, *arguments)
                self.assertTrue(error.startswith("nexusctl: NOT_IN_CLUSTER: this node is in no cluster yet\n"), error)
                self.assertRegex(error, "hint: .*cluster.seeds")
        error = json.loads(self.run_failing(1, "members", "--json"))["error"]
        self.assertEqual((error["code"], error["reason"]), ("FAILED_PRECONDITION", "NOT_IN_CLUSTER"))


class OneMember(MembersTest):
    def setUp(self):
        super().setUp()
        self.service.members[0].MergeFrom(api.Member(
            zone="west", kinds=["counter", "echo"], labels={"rack": "r1", "disk": "ssd"},
            state={"load": b"\x01\xff", "color": b"blue"}))

    def test_shows_kinds_labels_and_the_names_of_its_state(self):
        self.assertEqual(self.run_ok("members", "h:1"),
                         "FIELD        VALUE\n"
                         "address      h:1\n"
                         f"id           {'1' * 32}\n"
                         "status       up\n"
                         "self         yes\n"
                         "since epoch  1\n"
                         "version      1.2.0\n"
                         "zone         west\n"
                         "kinds        counter, echo\n"
                         "labels       disk=ssd, rack=r1\n"
                         "state        color, load\n")
        self.assertEqual(self.only_request(), api.GetMemberRequest(member="h:1"))

    def test_as_json_it_has_its_state_in_base64(self):
        one = json.loads(self.run_ok("members", "1" * 32, "--json"))
        self.assertEqual((one["kinds"], one["labels"], one["state_base64"]),
                         (["counter", "echo"], {"rack": "r1", "disk": "ssd"}, {"load": "Af8=", "color": "Ymx1ZQ=="}))

    def test_one_that_is_not_there_is_not_found(self):
        self.service.fail_with(grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND", "no member h:9 in the view of epoch 7")
        error = self.run_failing(4, "members", "h:9")
        self.assertTrue(error.startswith("nexusctl: MEMBER_NOT_FOUND: no member h:9 in the view of epoch 7\n"), error)
        self.assertIn("hint: `nexusctl members`", error)


class Watching(MembersTest):
    def setUp(self):
        super().setUp()
        self.service.cluster_events = [
            api.WatchClusterResponse(snapshot=api.ClusterSnapshot(view=self.service.view, members=self.service.members),
                                     time=timestamp_pb2.Timestamp(seconds=1)),
            api.WatchClusterResponse(change=api.ClusterChange(
                view=view(8, 2), departed=[departure(member(2), "LEFT"), departure(member(3), "FAILED")],
                joined=[member(4, since_epoch=8)]), time=timestamp_pb2.Timestamp(seconds=2)),
            api.WatchClusterResponse(change=api.ClusterChange(
                view=view(9, 2), departed=[departure(member(4), "REPLACED")], joined=[member(4, since_epoch=9)])),
            api.WatchClusterResponse(change=api.ClusterChange(
                view=view(10, 1), departed=[departure(member(4), "FORCED")]))]
        self.lines = ["snapshot 3 members epoch 7", "member h:1 up since epoch 1", "member h:2 leaving since epoch 2",
                      "member h:3 suspect since epoch 7", "departed h:2 left epoch 8", "departed h:3 failed epoch 8",
                      "joined h:4 epoch 8", "departed h:4 replaced epoch 9", "joined h:4 epoch 9",
                      "departed h:4 forced epoch 10"]

    def test_shows_the_members_and_then_each_change_at_once_when_piped(self):
        self.service.stall()
        timeout_s = 2 * TIME_FACTOR
        with subprocess.Popen([NEXUSCTL, "--node", self.service.address, "members", "--watch", "--timeout",
                               f"{timeout_s}s"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            self.assertEqual([process.stdout.readline().rstrip("\n") for _ in self.lines], self.lines)
            # The timeout is for the first event only.
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(1.1 * timeout_s)
            process.terminate()

    def test_as_json_each_line_has_its_event_time_and_epoch(self):
        done = nexusctl("members", "--watch", "--json", node=self.service.address)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(event["event"], event["epoch"], event.get("address"), event.get("reason")) for event in events], [
            ("snapshot", 7, None, None), ("member", 7, "h:1", None), ("member", 7, "h:2", None), ("member", 7, "h:3", None),
            ("departed", 8, "h:2", "left"), ("departed", 8, "h:3", "failed"), ("joined", 8, "h:4", None),
            ("departed", 9, "h:4", "replaced"), ("joined", 9, "h:4", None), ("departed", 10, "h:4", "forced")])
        self.assertEqual(events[0], {"event": "snapshot", "time": "1970-01-01T00:00:01Z", "epoch": 7, "view_id": "ab" * 8,
                                     "member_count": 3})
        self.assertEqual((events[6]["time"], events[6]["id"], events[6]["since_epoch"]),
                         ("1970-01-01T00:00:02Z", "4" * 32, 8))

    def test_a_watch_that_the_node_ends_is_a_failure(self):
        done = nexusctl("members", "--watch", node=self.service.address)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout.splitlines(), self.lines)
        self.assertIn("CONNECTION_LOST", done.stderr)
        self.assertIn("the node ended the watch", done.stderr)
        self.assertEqual(len(self.service.requests), 1)

    def test_a_watch_that_is_not_set_in_time_is_given_up(self):
        self.service.cluster_events = []
        self.service.stall()
        self.run_failing(5, "members", "--watch", "--timeout", "200ms")

    def test_a_node_in_no_cluster_refuses_it(self):
        self.service.fail_with(grpc.StatusCode.FAILED_PRECONDITION, "NOT_IN_CLUSTER", "this node is in no cluster yet")
        self.assertIn("cluster.seeds", self.run_failing(1, "members", "--watch"))

    def test_ends_when_nothing_can_be_written(self):
        self.service.stall()
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([NEXUSCTL, "--node", self.service.address, "members", "--watch"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)

    def test_is_about_all_members(self):
        self.assertIn("leave 'h:1' out", self.run_failing(2, "members", "h:1", "--watch"))


class OldNode(NexusctlTestCase):
    make_service = FakeActorService

    def test_a_node_without_the_service_is_older(self):
        for arguments in (["members"], ["members", "h:1"], ["members", "--watch"]):
            with self.subTest(arguments):
                error = self.run_failing(1, *arguments)
                self.assertTrue(error.startswith(
                    f"nexusctl: NODE_TOO_OLD: the node at {self.service.address} is older than this nexusctl: "), error)
                self.assertIn("\nhint: run a newer nexusd there", error)


if __name__ == "__main__":
    unittest.main(verbosity=2)
