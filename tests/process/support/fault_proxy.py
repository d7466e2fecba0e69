"""Proxies between nodes on loopback, with faults that a test switches while they run. tests/process/README.md explains the faults.

    with FaultProxy(("127.0.0.1", port)) as proxy:     # a node dials, or advertises, proxy.address
        proxy.forward.delay(0.05, jitter=0.01)         # what the side that dialled sends
        proxy.backward.cut()                           # what it gets back
        proxy.heal()

    network = FaultNetwork()
    first, second = (network.node(self, name) for name in ("n1", "n2"))   # started, advertised by a proxy of their own
    network.path(first, second).stall()                # all that the first node sends to the second, on any connection

All faults may be set from any thread; when the call returns, they hold. One thread carries all bytes of a proxy.
"""

import collections
import contextlib
import heapq
import itertools
import os
import random
import selectors
import socket
import struct
import threading
import time

from support.ports import free_port

CHUNK_BYTES = 256 * 1024
# What one direction of a connection holds before its sender feels it.
PIPE_BYTES_MAX = 4 * 1024 * 1024
# The smallest wait of Linux before it sends a lost segment again; it doubles each time.
RETRANSMISSION_S = 0.2
RETRANSMISSION_S_MAX = 3.2
# A rate is kept in steps of this length.
RATE_STEP_S = 0.01


class Direction:
    """The faults of what one side of a proxy sends to the other."""

    def __init__(self, proxy, seed):
        self._proxy = proxy
        self.random = random.Random(seed)
        self.byte_count = 0
        # When the rate allows the next byte.
        self.free_at = 0.0
        self.clear()

    def clear(self):
        self.delay_s = self.jitter_s = 0.0
        self.bytes_per_s = None
        self.is_cut = self.is_stalled = False
        self.flip_every = None
        self.loss = 0.0

    def _set(self, **faults):
        def apply():
            for name, value in faults.items():
                setattr(self, name, value)
        self._proxy.do(apply)

    def delay(self, seconds, jitter=0.0):
        """Each byte arrives so much later, by chance up to `jitter` more; the order stays."""
        self._set(delay_s=seconds, jitter_s=jitter)

    def rate(self, bytes_per_s):
        """Of all connections together."""
        self._set(bytes_per_s=bytes_per_s)

    def cut(self):
        """Bytes vanish, the connections stay up. What has lost bytes is reset by heal(): its stream has a hole."""
        self._set(is_cut=True)

    def stall(self):
        """Nothing is read, so that the sender's buffers fill: what a broken network does to TCP."""
        self._set(is_stalled=True)

    def flip(self, every_bytes):
        """One bit in so many bytes is wrong, at random places. What got wrong bytes is reset by heal()."""
        self._set(flip_every=every_bytes)

    def lose(self, probability):
        """A chunk of so much chance comes only after TCP would have sent it again: all behind it waits 0.2 s, or longer when it
        is lost once more. A proxy cannot lose bytes of a TCP stream without a hole in it; cut() does that."""
        self._set(loss=probability)

    def departure_at(self, now):
        """When what is read now may leave."""
        at = now + self.delay_s + (self.random.uniform(0, self.jitter_s) if self.jitter_s else 0.0)
        wait = RETRANSMISSION_S
        while self.loss and wait <= RETRANSMISSION_S_MAX and self.random.random() < self.loss:
            at += wait
            wait *= 2
        return at

    def flipped(self, data):
        """The bytes with the bits flipped that chance has chosen, or None for none."""
        if not self.flip_every:
            return None
        changed = None
        at = int(self.random.expovariate(1 / self.flip_every))
        while at < len(data):
            changed = changed or bytearray(data)
            changed[at] ^= 1 << self.random.randrange(8)
            at += 1 + int(self.random.expovariate(1 / self.flip_every))
        return changed

    def is_plain(self):
        return not (self.delay_s or self.bytes_per_s or self.flip_every or self.loss)


class Faults:
    """What some connections of a proxy suffer; `forward` goes to the proxy's target, `backward` comes from it."""

    def __init__(self, proxy, seed):
        self._proxy = proxy
        self.forward = Direction(proxy, f"{seed} forward")
        self.backward = Direction(proxy, f"{seed} backward")
        # How new connections are met: None (dialled on), "hole" or "refuse".
        self.reception = None

    def reset(self):
        """RST to both sides of all connections that there are. New ones work."""
        self._proxy.do(lambda: self._proxy.reset_all(self))

    def black_hole(self):
        """Nothing moves any more, and new connections are accepted and never answered."""
        def apply():
            self.reception = "hole"
            self.forward.is_stalled = self.backward.is_stalled = True
        self._proxy.do(apply)

    def refuse(self):
        """New connections are refused (of one dialler alone: accepted and reset). Those that there are stay."""
        def apply():
            self.reception = "refuse"
            self._proxy.listen_if_wanted()
        self._proxy.do(apply)

    def heal(self):
        """No faults any more. Resets connections that lost bytes, got wrong ones, or were never dialled on."""
        def apply():
            self.reception = None
            self.forward.clear()
            self.backward.clear()
            self._proxy.listen_if_wanted()
            self._proxy.reset_all(self, only_damaged=True)
        self._proxy.do(apply)


class _Half:
    """What one socket of a connection reads and the other one writes."""

    def __init__(self, connection, source, sink, direction):
        self.connection = connection
        self.source = source
        self.sink = sink
        self.direction = direction
        # (when it may leave, bytes), in order.
        self.pipe = collections.deque()
        self.pipe_bytes = 0
        self.last_departure = 0.0
        self.source_ended = False
        self.sink_shut = False
        # The sink's buffer is full.
        self.blocked = False
        self.wake_at = None

    def may_read(self):
        return not (self.source_ended or self.direction.is_stalled or self.pipe_bytes >= PIPE_BYTES_MAX)


class _Connection:
    def __init__(self, faults, client, client_port):
        self.faults = faults
        self.client = client
        self.client_port = client_port
        self.server = None
        self.halves = []
        self.connecting = False
        self.is_damaged = False
        self.closed = False

    def follow(self, faults):
        self.faults = faults
        for half, direction in zip(self.halves, (faults.forward, faults.backward)):
            half.direction = direction

    def sockets(self):
        return [end for end in (self.client, self.server) if end is not None]


class FaultProxy(Faults):
    """A proxy to one `target`, which may be assigned anew for later connections. `address` is where it listens."""

    def __init__(self, target, port=None, seed=0):
        self._seed = seed
        self._commands = collections.deque()
        self._thread = None
        super().__init__(self, seed)
        self.target = target
        self._by_process = {}
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._connections = set()
        self._timers = []
        self._timer_number = itertools.count()
        self._buffer = bytearray(CHUNK_BYTES)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._listener = None
        self._ending = False
        self.listen_if_wanted()
        self._thread = threading.Thread(target=self._run, name=f"proxy {self.port}", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._thread is None:
            return

        def end():
            self._ending = True
        self.do(end)
        self._thread.join()
        self._thread = None
        for connection in list(self._connections):
            self._close(connection, reset=True)
        if self._listener is not None:
            self._listener.close()
        self._wake.close()
        self._woken.close()
        self._selector.close()

    def dialled_by(self, process_id):
        """Faults of connections that this process dials, or has dialled, instead of those of the proxy itself."""
        def apply():
            if process_id in self._by_process:
                return
            faults = self._by_process[process_id] = Faults(self, f"{self._seed} {len(self._by_process)}")
            for connection in self._connections:
                if connection.faults is self and _has_socket(process_id, connection.client_port, self.port):
                    connection.follow(faults)
        self.do(apply)
        return self._by_process[process_id]

    def heal(self):
        for faults in list(self._by_process.values()):
            faults.heal()
        super().heal()

    def connection_count(self):
        return len(self._connections)

    # On the proxy's thread from here on, except do().

    def do(self, command):
        """Runs the command on the proxy's thread, and returns when it has run."""
        if self._thread is None or threading.current_thread() is self._thread:
            command()
            return
        done = threading.Event()
        self._commands.append((command, done))
        with contextlib.suppress(BlockingIOError):
            self._wake.send(b"x")
        if not done.wait(30):
            raise AssertionError(f"the proxy {self.address} does not answer")

    def listen_if_wanted(self):
        if self.reception == "refuse":
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None
            return
        if self._listener is None:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", self.port))
            self._listener.listen(1024)
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ, None)

    def reset_all(self, faults, only_damaged=False):
        for connection in list(self._connections):
            if connection.faults is faults and (connection.is_damaged or not only_damaged):
                self._close(connection, reset=True)

    def _run(self):
        while not self._ending:
            for key, events in self._selector.select(self._next_timer_s()):
                if key.fileobj is self._woken:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                elif key.fileobj is self._listener:
                    self._accept()
                elif not key.data.closed:
                    self._on_ready(key.data, key.fileobj, events)
            self._run_commands()
            self._run_timers()

    def _run_commands(self):
        ran = []
        while self._commands:
            command, done = self._commands.popleft()
            command()
            ran.append(done)
        if ran:
            for connection in list(self._connections):
                self._pump_both(connection)
        for done in ran:
            done.set()

    def _next_timer_s(self):
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _run_timers(self):
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            half = heapq.heappop(self._timers)[2]
            half.wake_at = None
            self._pump_both(half.connection)

    def _accept(self):
        while self._listener is not None:
            try:
                client, peer = self._listener.accept()
            except BlockingIOError:
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            faults = self._faults_of(peer[1])
            connection = _Connection(faults, client, peer[1])
            self._connections.add(connection)
            reception = self.reception if faults.reception is None else faults.reception
            if reception == "refuse":
                self._close(connection, reset=True)
            elif reception == "hole":
                connection.is_damaged = True
            else:
                self._dial(connection)

    def _faults_of(self, port):
        for process_id, faults in self._by_process.items():
            if _has_socket(process_id, port, self.port):
                return faults
        return self

    def _dial(self, connection):
        connection.server = socket.socket()
        connection.server.setblocking(False)
        connection.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connecting = True
        try:
            connection.server.connect(self.target)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection, reset=True)
            return
        self._selector.register(connection.server, selectors.EVENT_WRITE, connection)

    def _on_dialled(self, connection):
        connection.connecting = False
        if connection.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            # The one who dialled sees a refusal late, as a reset.
            self._close(connection, reset=True)
            return
        faults = connection.faults
        connection.halves = [_Half(connection, connection.client, connection.server, faults.forward),
                             _Half(connection, connection.server, connection.client, faults.backward)]
        self._pump_both(connection)

    def _on_ready(self, connection, end, events):
        if connection.connecting:
            self._on_dialled(connection)
            return
        for half in connection.halves:
            if events & selectors.EVENT_WRITE and half.sink is end:
                half.blocked = False
                self._write(half)
            if events & selectors.EVENT_READ and half.source is end and not connection.closed and half.may_read():
                self._read(half)
        self._watch(connection)

    def _pump_both(self, connection):
        for half in connection.halves:
            if not connection.closed:
                self._write(half)
        self._watch(connection)

    def _read(self, half):
        direction = half.direction
        try:
            count = half.source.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self._close(half.connection, reset=True)
            return
        if count == 0:
            half.source_ended = True
            self._write(half)
            return
        direction.byte_count += count
        if direction.is_cut:
            half.connection.is_damaged = True
            return
        data = memoryview(self._buffer)[:count]
        if direction.is_plain() and not half.pipe and not half.blocked:
            sent = self._send(half, data)
            if sent is None or sent == count:
                return
            data = data[sent:]
            self._put(half, bytes(data), 0.0)
            # Until the sink says that it is full: only then is its readiness waited for.
            self._write(half)
            return
        flipped = direction.flipped(data)
        if flipped is not None:
            half.connection.is_damaged = True
        self._put(half, bytes(data) if flipped is None else bytes(flipped), direction.departure_at(time.monotonic()))
        self._write(half)

    @staticmethod
    def _put(half, data, departure):
        # Nothing overtakes.
        half.last_departure = max(half.last_departure, departure)
        half.pipe.append((half.last_departure, memoryview(data)))
        half.pipe_bytes += len(data)

    def _send(self, half, data):
        """How many bytes the sink took; None when the connection is over."""
        try:
            return half.sink.send(data)
        except BlockingIOError:
            half.blocked = True
            return 0
        except OSError:
            self._close(half.connection, reset=True)
            return None

    def _write(self, half):
        direction = half.direction
        while half.pipe and not half.blocked and not direction.is_stalled:
            now = time.monotonic()
            departure, data = half.pipe[0]
            if direction.bytes_per_s:
                departure = max(departure, direction.free_at)
            if departure > now:
                self._wake_at(half, departure)
                return
            if direction.is_cut:
                half.connection.is_damaged = True
                half.pipe.popleft()
                half.pipe_bytes -= len(data)
                continue
            size = len(data)
            if direction.bytes_per_s:
                size = min(size, max(1, int(direction.bytes_per_s * RATE_STEP_S)))
            sent = self._send(half, data[:size])
            if sent is None:
                return
            if direction.bytes_per_s:
                direction.free_at = max(direction.free_at, now - RATE_STEP_S) + sent / direction.bytes_per_s
            half.pipe_bytes -= sent
            if sent == len(data):
                half.pipe.popleft()
            else:
                half.pipe[0] = (half.pipe[0][0], data[sent:])
        if half.source_ended and not half.pipe and not half.sink_shut:
            self._shut(half)

    def _shut(self, half):
        half.sink_shut = True
        if not half.direction.is_cut:
            with contextlib.suppress(OSError):
                half.sink.shutdown(socket.SHUT_WR)
        if all(other.sink_shut for other in half.connection.halves):
            self._close(half.connection)

    def _wake_at(self, half, at):
        if half.wake_at is None or at < half.wake_at:
            half.wake_at = at
            heapq.heappush(self._timers, (at, next(self._timer_number), half))

    def _watch(self, connection):
        """Tells the selector what to wait for."""
        if connection.closed or not connection.halves:
            return
        forward, backward = connection.halves
        for end, reads, writes in ((connection.client, forward, backward), (connection.server, backward, forward)):
            wanted = (selectors.EVENT_READ if reads.may_read() else 0) | (selectors.EVENT_WRITE if writes.blocked else 0)
            known = self._selector.get_map().get(end)
            if known is None:
                if wanted:
                    self._selector.register(end, wanted, connection)
            elif not wanted:
                self._selector.unregister(end)
            elif known.events != wanted:
                self._selector.modify(end, wanted, connection)

    def _close(self, connection, reset=False):
        if connection.closed:
            return
        connection.closed = True
        self._connections.discard(connection)
        for end in connection.sockets():
            if self._selector.get_map().get(end) is not None:
                self._selector.unregister(end)
            if reset:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


def _has_socket(process_id, local_port, remote_port):
    """Whether the process has the loopback connection between these ports."""
    local, remote = f"0100007F:{local_port:04X}", f"0100007F:{remote_port:04X}"
    inodes = set()
    with contextlib.suppress(OSError):
        # The process's own table; it is that of its network namespace.
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{process_id}/net/{table}", encoding="ascii") as lines:
                for line in lines:
                    fields = line.split()
                    if fields[1].endswith(local[-13:]) and fields[2].endswith(remote[-13:]):
                        inodes.add(f"socket:[{fields[9]}]")
        for name in os.listdir(f"/proc/{process_id}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{process_id}/fd/{name}") in inodes:
                    return True
    return False


class Path:
    """All that one node sends to another: requests on connections that it dialled, answers on those of the other."""

    def __init__(self, directions):
        self.directions = directions

    def __getattr__(self, name):
        methods = [getattr(direction, name) for direction in self.directions]

        def call(*arguments, **options):
            for method in methods:
                method(*arguments, **options)
        return call


class FaultNetwork:
    """A proxy for each of some nodes, which advertise it."""

    def __init__(self, seed=0):
        self.seed = seed
        self._proxies = {}

    def node(self, case, name, instead_of=None, **options):
        """A node of a NodeTestCase that others reach through a proxy; started and ready. Its `address` is the proxy's. One that comes
        `instead_of` another that has ended gets its addresses and its proxy, with the faults of the proxy, but not of its links."""
        if instead_of is None:
            port = free_port()
            proxy = FaultProxy(("127.0.0.1", port), seed=f"{self.seed} {name}")
            case.addCleanup(proxy.close)
        else:
            port = instead_of.port
            proxy = self._proxies.pop(instead_of)
        node = case.node(name, port=port, advertise=proxy.address, **options)
        self._proxies[node] = proxy
        node.start().await_ready()
        # From now on the proxies know who dials, and who has dialled.
        for other in self._proxies:
            if other.runs() and other is not node:
                self.link(other, node)
                self.link(node, other)
        return node

    def proxy(self, node):
        return self._proxies[node]

    def path(self, sender, receiver):
        """The faults of all that `sender` sends to `receiver`, on connections that either dialled."""
        return Path([self.link(sender, receiver).forward, self.link(receiver, sender).backward])

    def link(self, dialler, target):
        """The connections that one node dials to another."""
        return self._proxies[target].dialled_by(dialler.process.pid)

    def heal(self):
        for proxy in self._proxies.values():
            proxy.heal()
