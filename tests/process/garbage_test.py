"""What comes to an open port that is not gRPC: the node refuses it and serves on."""

import os
import random
import socket
import threading

import grpc
from nexus.v1 import types_pb2 as types
from support.case import NodeTestCase, main
from support.garbage import OTHER_PROTOCOLS, PREFACE, SETTINGS
from support.node import TIME_FACTOR

CODE = grpc.StatusCode
# Fixed, so that a failure happens again.
SEED = 20240717


class Garbage(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.host = self.start()
        self.here = self.client(self.host)
        self.here.spawn("counter", "a")

    def send(self, data, read_s=0.2):
        """Sends, reads a little of what comes back, and goes."""
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=5) as connection:
            connection.settimeout(read_s)
            try:
                connection.sendall(data)
                connection.recv(4096)
            except OSError:
                pass

    def assert_closed(self, data):
        """The node closes a connection that sends this, at once: gRPC has no words for it."""
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=10 * TIME_FACTOR) as connection:
            try:
                connection.sendall(data)
                while connection.recv(4096):
                    pass
            except ConnectionError:
                pass

    def assert_serves(self):
        self.assertEqual(self.here.ask("a", {"add": 0}, timeout=10 * TIME_FACTOR), {"value": "0"})
        self.assertTrue(self.host.runs())

    def test_random_bytes(self):
        dice = random.Random(SEED)
        for _ in range(20):
            self.assert_closed(dice.randbytes(dice.randrange(1, 5000)))
        self.assert_serves()

    def test_the_start_of_http2_and_then_nothing_or_nonsense(self):
        dice = random.Random(SEED)
        for length in (1, 10, 23):
            self.send(PREFACE[:length])
        for _ in range(10):
            self.assert_closed(PREFACE + SETTINGS + dice.randbytes(500))
        self.assert_closed(PREFACE + b"\xff\xff\xff" + bytes(100))
        self.assert_serves()

    def test_other_protocols(self):
        for data in OTHER_PROTOCOLS:
            self.assert_closed(data)
        self.assert_serves()

    def test_connections_that_say_nothing(self):
        mute = [socket.create_connection(("127.0.0.1", self.host.port)) for _ in range(100)]
        self.assert_serves()
        for connection in mute:
            connection.close()

    def test_bytes_that_are_no_message_of_the_services(self):
        dice = random.Random(SEED)
        methods = ["/nexus.v1.ActorService/Spawn", "/nexus.v1.ActorService/Ask", "/nexus.v1.ActorService/NoSuchMethod",
                   "/remote.Remoting/GetProcessDiagnostics"]
        for method in methods:
            call = self.here.channel.unary_unary(method)
            for size in (1, 10, 1000):
                with self.assertRaises(grpc.RpcError) as caught:
                    call(b"\xff" + dice.randbytes(size), timeout=5 * TIME_FACTOR)
                self.assertIn(caught.exception.code(), (CODE.INTERNAL, CODE.UNIMPLEMENTED), caught.exception)
        self.assert_serves()

    def test_a_peer_that_speaks_nonsense(self):
        dice = random.Random(SEED)
        call = self.here.channel.stream_stream("/remote.Remoting/Receive")
        for _ in range(10):
            with self.assertRaises(grpc.RpcError) as caught:
                list(call(iter([dice.randbytes(dice.randrange(1, 2000))]), timeout=10 * TIME_FACTOR))
            self.assertIs(caught.exception.code(), CODE.INVALID_ARGUMENT, caught.exception)
            self.assertIn("RemoteMessage", caught.exception.details())
        self.assert_serves()
        lines = [line for line in self.host.log().splitlines() if "the peer sent garbage" in line]
        self.assertEqual(len(lines), 10)
        for line in lines:
            self.assertRegex(line, r"peer=\S*127\.0\.0\.1")

    def test_json_that_is_nested_too_deep(self):
        for depth in (101, 200_000):
            for text in ("[" * depth + "]" * depth, '{"add":' * depth + "1" + "}" * depth):
                payload = types.Payload(content_type="application/json", data=text.encode())
                self.assert_refused(CODE.INVALID_ARGUMENT, "INVALID_PAYLOAD", self.here.ask_payload, "a", payload,
                                    timeout=20 * TIME_FACTOR)
        self.assert_serves()

    def test_clients_that_go_away_in_the_middle(self):
        def rude():
            client = self.host.client()
            for _ in range(20):
                client.watch("a").cancel()
            client.close()

        threads = [threading.Thread(target=rude) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assert_serves()
        files = len(os.listdir(f"/proc/{self.host.process.pid}/fd"))
        self.assertLess(files, 100, "connections are left open")


if __name__ == "__main__":
    main()
