"""What an operator does with a node over its socket: join, leave, force a view; and who may."""

import json
import os
import socket
import stat
import subprocess
import tempfile

import grpc
from nexus.v1 import cluster_service_pb2 as api
from nexus.v1 import cluster_service_pb2_grpc as rpc
from support.case import NodeTestCase, main
from support.node import NEXUSD, TIME_FACTOR
from support.nexusctl import nexusctl

PATIENCE = f"{15 * TIME_FACTOR}s"


class Admin(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="nexus-admin-"))

    def socket_of(self, name):
        return os.path.join(self.folder, name + ".sock")

    def configured(self, name, more="", **options):
        """Below `node:` come the lines of the harness; the socket is one more section of the same."""
        node = self.node(name, settings=more, **options)
        with open(node.config_path, encoding="utf-8") as file:
            text = file.read()
        with open(node.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace("node:\n", f"node:\n  admin_socket: {self.socket_of(name)}\n", 1))
        return node

    def begun(self, name, more=""):
        return self.configured(name, more).start().await_ready()

    def admin(self, name, *arguments):
        return nexusctl("--timeout", PATIENCE, "--json", *arguments, env={"NEXUS_ADMIN": self.socket_of(name)})

    def done(self, name, *arguments):
        finished = self.admin(name, *arguments)
        self.assertEqual((finished.returncode, finished.stderr), (0, ""))
        return json.loads(finished.stdout)

    def failed(self, exit_code, reason, name, *arguments):
        finished = self.admin(name, *arguments)
        self.assertEqual((finished.returncode, finished.stdout), (exit_code, ""), finished.stderr)
        error = json.loads(finished.stderr)["error"]
        self.assertEqual(error["reason"], reason, error)
        self.assertTrue(error["message"])
        return error

    def members(self, node):
        with grpc.insecure_channel(node.listen) as channel:
            response = rpc.ClusterServiceStub(channel).ListMembers(api.ListMembersRequest(), timeout=5 * TIME_FACTOR)
            return sorted(member.address for member in response.members)

    def status(self, node):
        with grpc.insecure_channel(node.listen) as channel:
            return rpc.ClusterServiceStub(channel).GetCluster(api.GetClusterRequest(), timeout=5 * TIME_FACTOR).status

    def together(self, count):
        """Nodes that know of each other only by what they were told."""
        nodes = [self.begun(f"n{i + 1}") for i in range(count)]
        for node in nodes[1:]:
            self.done(node.name, "join", nodes[0].address)
        self.await_true(lambda: all(self.members(node) == sorted(n.address for n in nodes) for node in nodes))
        return nodes

    def test_only_its_owner_may_use_the_socket(self):
        self.begun("n1")
        mode = os.stat(self.socket_of("n1")).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_the_socket_is_gone_with_the_node(self):
        node = self.begun("n1")
        self.assertEqual(node.stop(), 0)
        self.assertFalse(os.path.exists(self.socket_of("n1")))

    def test_three_lone_nodes_become_one_cluster(self):
        nodes = [self.begun(f"n{i}") for i in (1, 2, 3)]
        self.assertEqual(self.members(nodes[1]), [nodes[1].address])
        self.assertEqual(self.done("n2", "join", nodes[0].address)["member_count"], 2)
        # The larger one is told of the smaller one: it is the other that gives way.
        self.assertEqual(self.done("n2", "join", nodes[2].address)["member_count"], 3)
        self.await_true(lambda: all(len(self.members(node)) == 3 for node in nodes))
        self.assertEqual(self.done("n1", "join", nodes[2].address)["member_count"], 3, "they are together already")

    def test_a_join_that_does_not_come_about_in_time(self):
        node = self.begun("n1")
        finished = nexusctl("--timeout", "300ms", "--admin", self.socket_of("n1"), "join", "127.0.0.1:1")
        self.assertEqual(finished.returncode, 5)
        self.assertIn("JOIN_PENDING: the node is not together with any of them yet", finished.stderr)
        self.assertEqual(self.members(node), [node.address])

    def test_a_cluster_of_another_name_is_none_to_join(self):
        node = self.begun("n1")
        other = self.begun("n2", "cluster:\n  name: other\n")
        more = self.begun("n3", "cluster:\n  name: other\n")
        self.done("n3", "join", other.address)
        finished = nexusctl("--timeout", f"{2 * TIME_FACTOR}s", "--admin", self.socket_of("n1"), "join", other.address)
        self.assertEqual(finished.returncode, 5)
        self.await_true(lambda: "there is a node of another cluster" in node.log())
        self.assertEqual(self.members(node), [node.address])
        self.assertEqual(len(self.members(more)), 2)

    def test_wrong_joins(self):
        node = self.begun("n1")
        self.failed(1, "INVALID_REQUEST", "n1", "join", node.address)
        self.failed(2, "USAGE", "n1", "join", "nowhere")
        self.failed(2, "USAGE", "n1", "join")

    def test_a_node_leaves_at_a_word(self):
        nodes = self.together(2)
        self.assertEqual(self.done("n2", "leave"), {"left": True, "agreed": True})
        self.assertEqual(nodes[1].await_exit(), 0)
        self.assertEqual(self.members(nodes[0]), [nodes[0].address])
        self.failed(3, "CONNECT_FAILED", "n2", "leave")

    def test_a_view_is_forced_after_most_are_lost(self):
        nodes = self.together(5)
        for node in nodes[2:]:
            node.crash()
        self.await_true(lambda: all(self.status(node) == api.NODE_STATUS_FROZEN for node in nodes[:2]))
        plan = self.done("n1", "force-view", "--drop-suspects")
        self.assertEqual(plan["forced"], False)
        self.assertEqual(plan["kept"], sorted(node.address for node in nodes[:2]))
        self.assertEqual(plan["removed"], sorted(node.address for node in nodes[2:]))
        self.assertEqual(len(self.members(nodes[0])), 5)
        self.failed(1, "VIEW_CHANGED", "n1", "force-view", "--drop-suspects", "--epoch", str(plan["epoch"] + 1), "--yes")
        done = self.done("n1", "force-view", "--drop-suspects", "--epoch", str(plan["epoch"]), "--yes")
        self.assertEqual((done["forced"], done["epoch"]), (True, plan["epoch"] + 1))
        self.await_true(lambda: all(
            self.members(node) == plan["kept"] and self.status(node) == api.NODE_STATUS_MEMBER for node in nodes[:2]))
        # Those that were removed come back as others.
        nodes[2].restart()
        self.done("n3", "join", nodes[0].address)
        self.assertEqual(len(self.members(nodes[1])), 3)

    def test_wrong_forces(self):
        nodes = self.together(2)
        self.failed(2, "USAGE", "n1", "force-view")
        self.failed(2, "USAGE", "n1", "force-view", "--keep", nodes[1].address, "--drop-suspects")
        self.failed(4, "MEMBER_NOT_FOUND", "n1", "force-view", "--keep", "127.0.0.1:1", "--yes")
        error = self.failed(1, "INVALID_REQUEST", "n1", "force-view", "--keep", nodes[1].address, "--yes")
        self.assertIn("nobody would be removed", error["message"])

    def refused_start(self, node):
        finished = subprocess.run([NEXUSD, "--config", node.config_path], capture_output=True, text=True, check=False,
                                  timeout=30 * TIME_FACTOR)
        return finished.returncode, finished.stderr

    def test_sockets_that_cannot_be(self):
        self.begun("n1")
        taken = self.configured("n2")
        self.rewrite(taken, self.socket_of("n2"), self.socket_of("n1"))
        code, said = self.refused_start(taken)
        self.assertEqual(code, 4)
        self.assertIn("another process listens on it; give each node its own", said)
        with open(self.socket_of("n3"), "w", encoding="ascii") as file:
            file.write("something of value")
        code, said = self.refused_start(self.configured("n3"))
        self.assertEqual(code, 4)
        self.assertIn("something else is there; remove it or choose another path", said)
        with open(self.socket_of("n3"), encoding="ascii") as file:
            self.assertEqual(file.read(), "something of value")
        lost = self.configured("n4")
        self.rewrite(lost, self.folder, "/nowhere/at/all")
        code, said = self.refused_start(lost)
        self.assertEqual(code, 4)
        self.assertIn('there is no folder "/nowhere/at/all"', said)
        long = self.configured("n5")
        self.rewrite(long, self.socket_of("n5"), "/tmp/" + "x" * 110)
        code, said = self.refused_start(long)
        self.assertEqual(code, 3)
        self.assertIn("the path of a socket has at most 107 bytes, and this one has 115", said)

    @staticmethod
    def rewrite(node, old, new):
        with open(node.config_path, encoding="utf-8") as file:
            text = file.read()
        assert old in text
        with open(node.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def test_the_socket_of_a_run_that_crashed_is_taken_over(self):
        node = self.begun("n1")
        node.crash()
        self.assertTrue(os.path.exists(self.socket_of("n1")))
        node.restart()
        self.assertEqual(self.done("n1", "leave")["left"], True)
        self.assertEqual(node.stop(), 0, "a signal after the word is not a second one")

    def test_garbage_on_the_socket_hurts_nobody(self):
        node = self.begun("n1")
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as intruder:
                intruder.connect(self.socket_of("n1"))
                intruder.sendall(os.urandom(1000))
        self.await_true(lambda: self.status(node) == api.NODE_STATUS_MEMBER)
        self.assertEqual(self.members(node), [node.address])
        self.assertEqual(self.done("n1", "leave")["left"], True)
        self.assertEqual(node.await_exit(), 0)


if __name__ == "__main__":
    main()
