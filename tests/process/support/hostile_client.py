"""Clients that send garbage to a node, as many ways as there are in garbage.py, on threads of their own."""

import collections
import random
import socket
import struct
import threading

import grpc
from support import garbage

_CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
# More than any node reads.
_TOO_LARGE = 9 << 20
_HALF_OPEN_MAX = 50
_UNARY = ("/remote.Remoting/ListProcesses", "/remote.Remoting/GetProcessDiagnostics", "/nexus.v1.ActorService/Spawn",
          "/nexus.v1.ActorService/Ask", "/nexus.v1.ActorService/Tell", "/nexus.v1.ActorService/Nothing")


class HostileClient:
    """One after the other, in the order that the seed wants."""

    WAYS = ("random_bytes", "other_protocol", "junk_after_preface", "frames_of_http2", "lying_lengths", "endless_headers",
            "half_open", "random_messages", "mutated_messages", "mutated_after_handshake", "unary_calls", "too_large_message")

    def __init__(self, port, seed, target):
        """`target`: the id of an actor that real messages go to."""
        self._port = port
        self._dice = random.Random(seed)
        self._target = target
        self._open = collections.deque()
        # By way.
        self.counts = collections.Counter()

    def attack(self, way=None):
        way = way or self._dice.choice(self.WAYS)
        try:
            getattr(self, f"_{way}")()
        except (OSError, grpc.RpcError):
            # The node ended it, as it should.
            pass
        self.counts[way] += 1

    def close(self):
        while self._open:
            self._leave(self._open.popleft())

    # Over TCP.

    def _connect(self):
        return socket.create_connection(("127.0.0.1", self._port), timeout=5)

    def _leave(self, connection):
        if self._dice.random() < 0.5:
            # With a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def _send(self, *parts):
        """And reads a little of what comes back."""
        connection = self._connect()
        try:
            for part in parts:
                connection.sendall(part)
            connection.settimeout(0.02)
            connection.recv(65536)
        finally:
            self._leave(connection)

    def _random_bytes(self):
        self._send(self._dice.randbytes(self._dice.randrange(1, 5000)))

    def _other_protocol(self):
        self._send(self._dice.choice(garbage.OTHER_PROTOCOLS))

    def _junk_after_preface(self):
        self._send(garbage.PREFACE + garbage.SETTINGS, self._dice.randbytes(self._dice.randrange(1, 5000)))

    def _frames_of_http2(self):
        """Each by itself well formed, of any kind and in any order."""
        dice = self._dice
        frames = [garbage.http2_frame(dice.randrange(12), dice.randrange(256), dice.choice([0, 1, 1, 3, 2, dice.randrange(1 << 31)]),
                                      dice.randbytes(dice.choice([0, 4, 5, 8, dice.randrange(300)]))) for _ in range(20)]
        self._send(dice.choice([garbage.PREFACE + garbage.SETTINGS, garbage.call_start()]), *frames)

    def _lying_lengths(self):
        dice = self._dice
        data = dice.randbytes(dice.randrange(1, 1000))
        message = garbage.grpc_message(data, length=dice.choice([0, 1 << 31, (1 << 32) - 1, len(data) + 1, len(data) - 1]))
        self._send(garbage.call_start(), dice.choice([
            garbage.http2_frame(garbage.DATA, 0, 1, message), garbage.http2_frame(garbage.DATA, 0, 1, message, length=0xffffff),
            garbage.http2_frame(garbage.HEADERS, garbage.END_HEADERS, 3, garbage.call_headers(), length=0xffffff)]))

    def _endless_headers(self):
        connection = self._connect()
        try:
            connection.sendall(garbage.PREFACE + garbage.SETTINGS +
                               garbage.http2_frame(garbage.HEADERS, 0, 1, garbage.call_headers()))
            for number in range(self._dice.randrange(1, 500)):
                block = garbage.hpack_literal(f"x-{number}", "y" * 100) * 80
                connection.sendall(garbage.http2_frame(garbage.CONTINUATION, 0, 1, block))
        finally:
            self._leave(connection)

    def _half_open(self):
        """Stays, in the middle of whatever it says, until many others have come."""
        start = garbage.call_start() + garbage.http2_frame(garbage.DATA, 0, 1, garbage.grpc_message(
            garbage.handshake(self._dice).SerializeToString()))
        connection = self._connect()
        self._open.append(connection)
        connection.sendall(start[:self._dice.randrange(len(start) + 1)])
        if len(self._open) > _HALF_OPEN_MAX:
            self._leave(self._open.popleft())

    # Over gRPC.

    def _call(self, *messages):
        """A call of Receive; reads what comes back until the node ends it, or a while has passed."""
        with grpc.insecure_channel(f"127.0.0.1:{self._port}", options=_CHANNEL_OPTIONS) as channel:
            for _ in channel.stream_stream(garbage.RECEIVE)(iter(messages), timeout=2):
                pass

    def _handshake(self):
        return garbage.handshake(self._dice).SerializeToString()

    def _mutated(self, count):
        real = garbage.real_frames(self._dice, self._target)
        return [garbage.mutate(self._dice, self._dice.choice(real)) for _ in range(count)]

    def _random_messages(self):
        self._call(*[self._dice.randbytes(self._dice.randrange(2000)) for _ in range(3)])

    def _mutated_messages(self):
        self._call(*self._mutated(1), *self._mutated(self._dice.randrange(10)))

    def _mutated_after_handshake(self):
        real = garbage.real_frames(self._dice, self._target)
        self._call(self._handshake(), *self._dice.sample(real[:8], self._dice.randrange(4)), *self._mutated(self._dice.randrange(1, 10)))

    def _unary_calls(self):
        with grpc.insecure_channel(f"127.0.0.1:{self._port}", options=_CHANNEL_OPTIONS) as channel:
            for _ in range(5):
                channel.unary_unary(self._dice.choice(_UNARY))(self._mutated(1)[0], timeout=2)

    def _too_large_message(self):
        self._call(self._handshake(), bytes(_TOO_LARGE))


class Siege:
    """Hostile clients of several nodes, each on its own thread, until it ends. Use as a context manager."""

    def __init__(self, clients):
        self._clients = clients
        self._must_end = threading.Event()
        self._failures = []
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in clients]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._must_end.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _run(self, client):
        try:
            while not self._must_end.is_set():
                client.attack()
        except Exception as failure:  # pylint: disable=broad-except
            self._failures.append(failure)
        finally:
            client.close()

    def goes_on(self):
        return all(thread.is_alive() for thread in self._threads)

    def counts(self):
        return sum((client.counts for client in self._clients), collections.Counter())
