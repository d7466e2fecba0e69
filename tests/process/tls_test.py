"""Nodes and clients over TLS: who is let in, what is said of wrong files, and certificates that change while a node runs."""

import os
import re
import socket
import ssl
import subprocess
import tempfile

import grpc
from support.case import NodeTestCase, main
from support.certificates import Authority, TlsFiles, contents
from support.node import NEXUSD, TIME_FACTOR
from support.nexusctl import nexusctl

CODE = grpc.StatusCode
INVALID_CONFIG, UNAVAILABLE, USAGE = 3, 3, 2
SOURCE = os.environ["NEXUS_SOURCE_DIR"]


class TlsTestCase(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.authority = self.new_authority()
        self.tls = self.new_files(self.authority)

    def new_authority(self, name="authority"):
        authority = Authority(name)
        self.addCleanup(authority.close)
        return authority

    def new_files(self, *authorities):
        files = TlsFiles(*authorities)
        self.addCleanup(files.close)
        return files

    def nexusctl(self, node, *arguments, ca=True, cert=True):
        env = {}
        if ca:
            env["NEXUS_CA"] = self.tls.authorities
        if cert:
            env.update(NEXUS_CERT=self.tls.client_certificate, NEXUS_KEY=self.tls.client_key)
        return nexusctl(*arguments, node=node.address, env=env)


class Links(TlsTestCase):
    def assert_refused_and_goes_on(self, node, stranger, why):
        """`node` cannot reach `stranger`, says why, tells watchers, and still serves."""
        client = self.client(node)
        client.spawn("counter", "own")
        watch = client.watch(stranger.pid_of("a")).await_watching(10 * TIME_FACTOR)
        self.assert_refused(CODE.UNAVAILABLE, "NODE_UNREACHABLE", client.ask, stranger.pid_of("a"), {"add": 1})
        self.assertEqual(watch.await_end(20 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])
        lines = [line.partition(" warn ")[2] for line in node.log().splitlines() if "cannot connect" in line]
        self.assertEqual(len(lines), len(set(lines)), "said once, however often it was tried")
        self.assertIn(f"peer={stranger.address}", lines[0])
        self.assertIn(why, lines[0])
        self.assertEqual(client.ask("own", {"add": 2}), {"value": "2"})

    def test_nodes_talk_and_forward_calls(self):
        first, second = self.start_many(2, tls=self.tls)
        there = self.client(second)
        pid = self.client(first).spawn("counter", "a").pid
        self.assertEqual(there.ask(pid, {"add": 5}), {"value": "5"})
        self.assertEqual(there.spawn("counter", "b", node=first.address).pid, first.pid_of("b"))
        watch = there.watch(pid).await_watching()
        first.crash()
        self.assertEqual(watch.await_end(20 * TIME_FACTOR).reasons(), ["ADDRESS_TERMINATED"])

    def test_a_node_of_another_authority_is_refused(self):
        node = self.start(tls=self.tls)
        stranger = self.start("n2", tls=self.new_files(self.new_authority("other")))
        self.assert_refused_and_goes_on(node, stranger, "certificate verify failed")
        self.assert_refused_and_goes_on(stranger, node, "certificate verify failed")

    def test_a_node_that_does_not_take_our_certificate_is_told_from_others(self):
        other = self.new_authority("other")
        trusting = self.new_files(other)
        trusting.replace(trusting.authorities, contents(other.certificate) + contents(self.authority.certificate))
        node = self.start(tls=self.tls)
        self.assert_refused_and_goes_on(self.start("n2", tls=trusting), node, "may not take this node's certificate")

    def test_a_node_in_plaintext_is_refused_and_refuses(self):
        node, plain = self.start(tls=self.tls), self.start("n2")
        self.assert_refused_and_goes_on(node, plain, "the peer does not speak TLS")
        self.assert_refused_and_goes_on(plain, node, "the peer may speak TLS only")


class Clients(TlsTestCase):
    def test_nexusctl_shows_its_certificate(self):
        node = self.start(tls=self.tls)
        done = nexusctl("--ca", self.tls.authorities, "--cert", self.tls.client_certificate, "--key", self.tls.client_key,
                        "spawn", "counter", "--id", "a", node=node.address)
        self.assertEqual((done.returncode, done.stdout), (0, node.pid_of("a") + "\n"), done.stderr)
        self.assertEqual(self.nexusctl(node, "ask", "a", '{"add":5}').stdout, '{"value":"5"}\n')

    def test_nexusctl_says_why_it_is_not_let_in(self):
        node, plain = self.start(tls=self.tls), self.start("n2")
        other = self.new_authority("other")
        cases = {
            "without a certificate": (self.nexusctl(node, "list", cert=False), "TLS_FAILED", "--cert"),
            "in plaintext": (self.nexusctl(node, "list", ca=False, cert=False), "CONNECT_FAILED", "--ca"),
            "another authority": (nexusctl("--ca", other.certificate, "list", node=node.address), "TLS_FAILED",
                                  "certificate verify failed"),
            "another name": (self.nexusctl(node, "--server-name", "elsewhere", "list"), "TLS_FAILED",
                             "Peer name elsewhere is not in peer certificate"),
            "a node without TLS": (self.nexusctl(plain, "list"), "TLS_FAILED", "wrong version number"),
        }
        for what, (done, reason, words) in cases.items():
            with self.subTest(what):
                self.assertEqual(done.returncode, UNAVAILABLE)
                self.assertTrue(done.stderr.startswith(f"nexusctl: {reason}: cannot connect to "), done.stderr)
                self.assertIn(words, done.stderr)
        self.assertEqual(self.nexusctl(node, "list").returncode, 0)

    def test_nexusctl_names_a_file_that_it_cannot_use(self):
        node = self.start(tls=self.tls)
        for arguments, words in ((["--ca", "/nonexistent"], "--ca: cannot open /nonexistent: No such file"),
                                 (["--ca", self.tls.key], f"--ca: {self.tls.key} has no"),
                                 (["--ca", self.tls.authorities, "--cert", self.tls.client_certificate],
                                  "--cert and --key")):
            done = nexusctl(*arguments, "list", node=node.address)
            self.assertEqual(done.returncode, USAGE)
            self.assertIn(words, done.stderr)
        self.assertEqual(nexusctl("--ca", "/nonexistent", "version").returncode, 0, "which needs no node")

    def test_without_mutual_anybody_is_let_in_and_the_log_warns(self):
        class Lax(TlsFiles):
            def settings(self, **more):
                return super().settings(tls_mutual="false", **more)

        files = Lax(self.authority)
        self.addCleanup(files.close)
        node = self.start(tls=files)
        self.assertEqual(self.nexusctl(node, "list", cert=False).returncode, 0)
        self.assertIn("nobody is asked for a certificate", node.log())


class Reload(TlsTestCase):
    def serial_of(self, node):
        """Of the certificate that a new connection is shown."""
        context = ssl.create_default_context(cafile=self.tls.authorities)
        context.load_cert_chain(self.tls.client_certificate, self.tls.client_key)
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", node.port), timeout=10 * TIME_FACTOR) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                return connection.getpeercert()["serialNumber"]

    def test_a_new_certificate_is_used_without_a_restart(self):
        node = self.start(tls=self.tls)
        client = self.client(node)
        client.spawn("counter", "a")
        before = self.serial_of(node)
        self.tls.put(self.authority, *self.authority.issue_node("second"))
        self.await_true(lambda: self.serial_of(node) != before)
        self.assertEqual(client.ask("a", {"add": 1}), {"value": "1"}, "a connection from before goes on")
        self.assertIn("certificate replaced", node.log())

    def test_a_broken_pair_leaves_the_old_one_in_use(self):
        node = self.start(tls=self.tls)
        before = self.serial_of(node)
        second, second_key = self.authority.issue_node("second")
        self.tls.replace(self.tls.key, contents(second_key))
        words = "certificate not replaced, the one in use stays"
        self.await_true(lambda: words in node.log())
        self.assertEqual(self.serial_of(node), before)
        self.client(node).spawn("counter", "a")
        self.assertIn(f"security.tls_key: {self.tls.key}: is not the key of the certificate", node.log())
        self.tls.replace(self.tls.certificate, contents(second))
        self.await_true(lambda: self.serial_of(node) != before)
        self.assertEqual(node.log().count(words), 1)

    def test_a_new_authority_takes_over_node_by_node(self):
        """As docs/tls.md says: both are trusted, then the certificates change, then the old one is forgotten."""
        files = [self.tls, self.new_files(self.authority)]
        nodes = [self.start(f"n{n}", tls=tls) for n, tls in enumerate(files, start=1)]
        pid = self.client(nodes[0]).spawn("counter", "a").pid
        caller = self.client(nodes[1])
        after = self.new_authority("after")
        both = contents(self.authority.certificate) + contents(after.certificate)

        def on_each(change):
            """Makes a change on every node, and asks over the link after each."""
            for node, tls in zip(nodes, files):
                count = node.log().count("certificate replaced")
                change(tls)
                self.await_true(lambda node=node, count=count: node.log().count("certificate replaced") > count)
                self.assertIn("value", caller.ask(pid, {"add": 1}))

        on_each(lambda tls: tls.replace(tls.authorities, both))
        for tls in files:
            certificate, key = after.issue_node()
            tls.replace(tls.key, contents(key))
            tls.replace(tls.certificate, contents(certificate))
        for node in nodes:
            self.await_true(lambda node=node: node.log().count("certificate replaced") == 2)
        on_each(lambda tls: tls.replace(tls.authorities, contents(after.certificate)))
        nodes[0].crash()
        self.tls.client_certificate, self.tls.client_key = after.issue_client()
        again = self.start("again", tls=self.tls, port=nodes[0].port)
        self.client(again).spawn("counter", "a")
        self.await_true(lambda: self.answers(caller, pid))

    @staticmethod
    def answers(client, pid):
        try:
            return "value" in client.ask(pid, {"add": 1})
        except Exception as error:  # pylint: disable=broad-except
            if "NODE_UNREACHABLE" not in str(error):
                raise
            return False


class Configuration(TlsTestCase):
    def start_with(self, **changes):
        """(what --check says, what a start says) of a node whose files are as in `changes`."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write("node:\n  listen: 127.0.0.1:0\n" + self.tls.settings(**changes))
            file.flush()
            said = [subprocess.run([NEXUSD, *arguments, "--config", file.name], capture_output=True, text=True, check=False,
                                   timeout=30 * TIME_FACTOR) for arguments in (["--check"], [])]
            return file.name, said

    def assert_wrong(self, place, words, **changes):
        path, said = self.start_with(**changes)
        for done in said:
            self.assertEqual(done.returncode, INVALID_CONFIG, done.stderr)
            self.assertTrue(done.stderr.startswith(f"{path}:{place}: security."), done.stderr)
            self.assertIn(words, done.stderr)

    def test_wrong_files_are_named_with_key_and_line_before_the_start(self):
        other_key = self.authority.issue_node("second")[1]
        client_certificate, client_key = self.authority.issue_client("third")
        other = self.new_authority("other")
        self.assert_wrong("4:3", "tls_certificate: /nonexistent: cannot be read: No such file", tls_certificate="/nonexistent")
        self.assert_wrong("5:3", f"tls_key: {other_key}: is not the key of the certificate", tls_key=other_key)
        self.assert_wrong("5:3", "holds no private key in PEM", tls_key=self.tls.certificate)
        self.assert_wrong("6:3", "tls_ca: /: is a directory", tls_ca="/")
        self.assert_wrong("4:3", "nobody who trusts security.tls_ca", tls_ca=other.certificate)
        self.assert_wrong("4:3", "is not for a server", tls_certificate=client_certificate, tls_key=client_key)
        self.assert_wrong("4:3", "not to node.example, which security.tls_peer_name says", tls_peer_name="node.example")

    def test_a_configuration_can_be_printed_where_its_files_are_not(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(self.tls.settings(tls_key="/nonexistent"))
            file.flush()
            done = subprocess.run([NEXUSD, "--print-config", "--config", file.name], capture_output=True, text=True,
                                  check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('tls_key: "/nonexistent"', done.stdout)


class Recipe(NodeTestCase):
    def blocks(self, language):
        with open(os.path.join(SOURCE, "docs", "tls.md"), encoding="utf-8") as file:
            return re.findall(rf"^```{language}\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)

    def test_what_the_page_says_makes_certificates_that_work(self):
        with tempfile.TemporaryDirectory() as folder:
            script = self.blocks("sh")[0]
            self.assertIn("names=DNS:node1.example.org\n", script)
            script = script.replace("names=DNS:node1.example.org\n", "names=IP:127.0.0.1\n")
            done = subprocess.run(["bash", "-eu"], input=script, cwd=folder, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.stat(os.path.join(folder, "node1.key")).st_mode & 0o077, 0, "others can read the key")
            settings = self.blocks("yaml")[0].replace("/etc/nexus/", folder + "/")
            settings = settings[settings.index("security:"):]
            node = self.node(settings=settings).start()
            control = self.blocks("sh")[1].replace("node1.example.org:7701", node.address).replace("~/", folder + "/")
            command = re.search(r"^nexusctl (.*)$", control, re.MULTILINE)[1].split()

            def listed():
                self.assertTrue(node.runs(), node.log())
                return nexusctl(*command, env={"HOME": folder})

            self.await_true(lambda: listed().returncode == 0)


if __name__ == "__main__":
    main()
