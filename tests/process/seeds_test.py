"""Seeds that names and files stand for, and that change while nodes look for them."""

import os
import subprocess
import tempfile

from support.case import main
from support.cluster import ClusterTestCase
from support.node import NEXUSD, TIME_FACTOR
from support.ports import free_port

NAME = "nodes.nexus.test"


def mount_prefix(hosts):
    """Runs a program that finds this file as /etc/hosts; nothing when that is not allowed here."""
    for unshare in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        prefix = [*unshare, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    return None


class Seeds(ClusterTestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="nexus-seeds-"))

    def write(self, name, *lines):
        """The file is written in place, so that who has it mounted sees the change."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        return path

    def test_a_file_names_more_seeds_later(self):
        ports = [free_port() for _ in range(3)]
        path = self.write("seeds", "# none yet")
        settings = f"cluster:\n  seeds_file: {path}\n  bootstrap_expect: 3\n"
        nodes = [self.node(f"n{i + 1}", port=port, settings=settings) for i, port in enumerate(ports)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_true(lambda: all("own address is not among the seeds" in node.log() for node in nodes))
        self.assertEqual([member.view() for member in members], [None] * 3)
        # Not enough for what is expected.
        self.write("seeds", *(f"127.0.0.1:{port}  # n{i + 1}" for i, port in enumerate(ports[:2])))
        self.await_true(lambda: all("seeds found count=2" in node.log() for node in nodes[:2]))
        self.write("seeds", *(f"127.0.0.1:{port}" for port in ports))
        self.await_agreement(members, nodes, 10)

    def test_what_is_wrong_in_the_file_is_said_once_and_the_rest_counts(self):
        port = free_port()
        first = self.start("n1", port=port)
        path = self.write("seeds", f"127.0.0.1:{port}", "127.0.0.1", "also:wrong:1")
        second = self.start("n2", settings=f"cluster:\n  seeds_file: {path}\n  bootstrap_expect: 2\n")
        self.await_agreement([self.member(first), self.member(second)], [first, second], 10)
        self.assertEqual(second.log().count("seeds not found"), 1)
        self.assertIn("line 2", second.log())

    def test_a_file_that_is_not_there_yet(self):
        first = self.start("n1")
        path = os.path.join(self.folder, "seeds")
        second = self.start("n2", settings=f"cluster:\n  seeds_file: {path}\n  bootstrap_expect: 2\n")
        self.await_true(lambda: "cannot be read: No such file or directory" in second.log())
        self.write("seeds", first.address)
        self.await_agreement([self.member(first), self.member(second)], [first, second], 10)
        self.assertIn("seeds can be found again", second.log())

    def test_a_name_stands_for_all_nodes(self):
        hosts = self.write("hosts", "127.0.0.1 localhost")
        prefix = mount_prefix(hosts)
        if prefix is None:
            self.skipTest("mounts are not allowed here")
        port = free_port()
        settings = f'cluster:\n  seeds_dns: ["{NAME}:{port}"]\n  bootstrap_expect: 3\n'
        nodes = [self.node(f"n{i}", host=f"127.0.0.{i}", port=port, settings=settings, prefix=prefix) for i in (2, 3, 4)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_ready()
        members = [self.member(node) for node in nodes]
        self.await_true(lambda: all("does not resolve" in node.log() for node in nodes))
        everybody = ["127.0.0.1 localhost", *(f"127.0.0.{i} {NAME}" for i in (2, 3, 4))]
        self.write("hosts", *everybody)
        self.await_agreement(members, nodes, 10)
        # Who cannot look the name up takes nothing from those who did, and finds them when it can.
        self.write("hosts", "127.0.0.1 localhost")
        nodes[2].crash()
        self.await_agreement(members[:2], nodes[:2], 5)
        nodes[2].restart()
        self.await_true(lambda: nodes[2].log().count("does not resolve") > 1)
        self.write("hosts", *everybody)
        self.await_agreement(members, nodes, 10)

    def test_it_takes_a_number_to_begin_with(self):
        node = self.node("n1", settings='cluster:\n  seeds_dns: ["nodes.nexus.test:7701"]\n')
        finished = subprocess.run([NEXUSD, "--check", "-c", node.config_path], capture_output=True, text=True, check=False,
                                  timeout=30 * TIME_FACTOR)
        self.assertEqual(finished.returncode, 3)
        self.assertIn("needs cluster.bootstrap_expect of at least 2", finished.stderr)


if __name__ == "__main__":
    main()
