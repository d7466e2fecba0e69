"""What each fault of the proxy does, seen by a plain socket that talks to an echo through it."""

import contextlib
import multiprocessing
import os
import socket
import sys
import threading
import time

from support.case import NodeTestCase, main
from support.fault_proxy import RETRANSMISSION_S, FaultProxy
from support.node import TIME_FACTOR

WAIT_S = 20 * TIME_FACTOR
# Long enough to see that nothing comes.
NOTHING_S = 0.3
MIB = 1024 * 1024


class Echo:
    """Sends back what comes, on any number of connections."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = self._listener.getsockname()
        self.received = 0
        self.ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        end = "closed"
        with connection:
            try:
                while data := connection.recv(256 * 1024):
                    self.received += len(data)
                    connection.sendall(data)
            except ConnectionResetError:
                end = "reset"
            except OSError as failure:
                end = str(failure)
        self.ends.append(end)

    def close(self):
        # Wakes accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class FaultProxyTest(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.echo = Echo()
        self.addCleanup(self.echo.close)
        self.proxy = FaultProxy(self.echo.target, seed=1)
        self.addCleanup(self.proxy.close)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=WAIT_S)
        self.addCleanup(connection.close)
        return connection

    def read(self, connection, count):
        data = bytearray()
        while len(data) < count:
            more = connection.recv(min(count - len(data), 256 * 1024))
            self.assertTrue(more, f"it ended after {len(data)} of {count} bytes")
            data += more
        return bytes(data)

    def ask(self, connection, data=b"hello"):
        """The echo's answer, and after how long it came."""
        begin = time.monotonic()
        connection.sendall(data)
        return self.read(connection, len(data)), time.monotonic() - begin

    def assert_answers(self, connection):
        self.assertEqual(self.ask(connection)[0], b"hello")

    def assert_silent(self, connection):
        connection.settimeout(NOTHING_S)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(WAIT_S)

    def assert_reset(self, connection):
        with self.assertRaises(ConnectionResetError):
            # What was on its way comes first.
            while connection.recv(65536):
                pass
            self.fail("an orderly end")

    def transfer(self, connection, byte_count):
        """Sends so many bytes and reads them back; the seconds."""
        sent = os.urandom(byte_count)
        begin = time.monotonic()
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        self.assertEqual(self.read(connection, byte_count), sent)
        sender.join()
        return time.monotonic() - begin

    def test_without_faults_bytes_pass_and_an_end_is_an_end(self):
        connection = self.connect()
        self.assertEqual(self.read_back(connection, b"x" * 3 * MIB), 3 * MIB)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"")
        self.await_true(lambda: self.echo.ends == ["closed"] and self.proxy.connection_count() == 0)

    def read_back(self, connection, data):
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        count = len(self.read(connection, len(data)))
        sender.join()
        return count

    def test_delay_is_that_of_its_own_direction(self):
        connection = self.connect()
        self.proxy.forward.delay(0.1)
        self.assertGreaterEqual(self.ask(connection)[1], 0.1)
        self.proxy.backward.delay(0.15, jitter=0.05)
        self.assertGreaterEqual(self.ask(connection)[1], 0.25)
        self.proxy.heal()
        self.assert_answers(connection)

    def test_delayed_bytes_keep_their_order_and_do_not_wait_for_each_other(self):
        connection = self.connect()
        self.proxy.forward.delay(0.05, jitter=0.05)
        self.assertLess(self.transfer(connection, 4 * MIB), 0.05 * 40 * TIME_FACTOR)

    def test_rate(self):
        connection = self.connect()
        self.proxy.backward.rate(2 * MIB)
        took = self.transfer(connection, MIB)
        self.assertGreater(took, 0.4)
        self.assertLess(took, 1.5 * TIME_FACTOR)

    def test_cut_loses_the_bytes_of_one_direction_and_keeps_the_connection(self):
        connection = self.connect()
        self.assert_answers(connection)
        self.proxy.forward.cut()
        connection.sendall(b"lost")
        self.assert_silent(connection)
        self.assertEqual((self.echo.received, self.echo.ends), (5, []))
        # Whoever lost bytes cannot go on; others can.
        untouched = self.connect()
        self.proxy.heal()
        self.assert_reset(connection)
        self.assert_answers(untouched)

    def test_cut_of_the_way_back(self):
        connection = self.connect()
        self.proxy.backward.cut()
        connection.sendall(b"heard")
        self.assert_silent(connection)
        self.await_true(lambda: self.echo.received == 5)

    def test_a_stall_is_felt_by_the_sender_and_loses_nothing(self):
        connection = self.connect()
        self.proxy.forward.stall()
        connection.settimeout(NOTHING_S)
        sent = 0
        with self.assertRaises(TimeoutError):
            while True:
                sent += connection.send(bytes(65536))
        self.assertEqual(self.echo.received, 0)
        connection.settimeout(WAIT_S)
        self.proxy.heal()
        self.assertEqual(len(self.read(connection, sent)), sent)

    def test_a_reset_is_seen_by_both_sides_and_the_next_connection_works(self):
        connection = self.connect()
        self.assert_answers(connection)
        self.proxy.reset()
        self.assert_reset(connection)
        self.await_true(lambda: self.echo.ends == ["reset"])
        self.assert_answers(self.connect())

    def test_a_black_hole_takes_old_and_new_connections_and_answers_neither(self):
        old = self.connect()
        self.assert_answers(old)
        self.proxy.black_hole()
        new = self.connect()
        for connection in (old, new):
            connection.sendall(b"hello")
            self.assert_silent(connection)
        self.proxy.heal()
        # What was stalled goes on; what was never dialled on cannot.
        self.assertEqual(self.read(old, 5), b"hello")
        self.assert_reset(new)
        self.assert_answers(self.connect())

    def test_refuse_is_for_new_connections(self):
        old = self.connect()
        self.assert_answers(old)
        self.proxy.refuse()
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.assert_answers(old)
        self.proxy.heal()
        self.assert_answers(self.connect())

    def test_flipped_bits_arrive_as_often_as_was_said(self):
        connection = self.connect()
        self.proxy.forward.flip(every_bytes=10_000)
        sent = bytes(MIB)
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        received = self.read(connection, MIB)
        sender.join()
        wrong = [byte for byte in received if byte]
        self.assertTrue(all(byte.bit_count() == 1 for byte in wrong), wrong)
        # 105 are expected; this far off it is once in a billion.
        self.assertTrue(50 < len(wrong) < 170, len(wrong))
        self.proxy.heal()
        self.assert_reset(connection)

    def test_loss_is_a_pause_and_loses_nothing(self):
        connection = self.connect()
        self.proxy.forward.lose(0.3)
        times = [self.ask(connection)[1] for _ in range(20)]
        paused = [took for took in times if took >= RETRANSMISSION_S]
        self.assertTrue(1 <= len(paused) <= 15, times)
        self.proxy.heal()
        self.assert_answers(connection)

    def test_the_same_seed_gives_the_same_chances(self):
        def draws(seed):
            with FaultProxy(self.echo.target, seed=seed) as proxy:
                proxy.forward.lose(0.5)
                return [proxy.forward.departure_at(0.0) for _ in range(50)]
        self.assertEqual(draws(7), draws(7))
        self.assertNotEqual(draws(7), draws(8))

    def test_a_target_that_is_not_there_is_a_reset(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            self.proxy.target = nobody.getsockname()
        try:
            connection = self.connect()
        except ConnectionResetError:
            # It came before connect() had returned.
            pass
        else:
            self.assert_reset(connection)
        self.proxy.target = self.echo.target
        self.assert_answers(self.connect())

    def test_faults_can_be_those_of_one_dialler(self):
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()

        def other():
            """Connects when told, and says whether the echo answers."""
            while there.recv():
                with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=WAIT_S) as connection:
                    connection.settimeout(NOTHING_S)
                    connection.sendall(b"x")
                    try:
                        there.send(connection.recv(1))
                    except OSError as failure:
                        there.send(type(failure).__name__)

        def other_gets():
            here.send(True)
            return here.recv()

        process = context.Process(target=other, daemon=True)
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(here.send, False)
        mine = self.connect()
        faults = self.proxy.dialled_by(process.pid)
        self.assertEqual(other_gets(), b"x")
        # Also of connections from before somebody asked.
        own = self.proxy.dialled_by(os.getpid())
        own.backward.cut()
        mine.sendall(b"x")
        self.assert_silent(mine)
        own.heal()
        mine = self.connect()
        faults.backward.cut()
        self.assertEqual(other_gets(), "TimeoutError")
        self.assert_answers(mine)
        self.assert_answers(self.connect())
        faults.heal()
        faults.refuse()
        self.assertEqual(other_gets(), "ConnectionResetError")
        self.assert_answers(self.connect())
        self.proxy.heal()
        self.assertEqual(other_gets(), b"x")

    def test_it_carries_more_than_100_megabytes_a_second(self):
        """Into a process of its own, so that only the proxy is measured."""
        byte_count = 256 * MIB
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.proxy.target = listener.getsockname()

            def drain():
                connection, _ = listener.accept()
                buffer = bytearray(MIB)
                left = byte_count
                while left > 0:
                    left -= connection.recv_into(buffer)
                connection.sendall(b"all")

            process = multiprocessing.get_context("fork").Process(target=drain, daemon=True)
            process.start()
            self.addCleanup(process.join)
            connection = self.connect()
            part = bytes(4 * MIB)
            begin = time.monotonic()
            for _ in range(byte_count // len(part)):
                connection.sendall(part)
            self.assertEqual(self.read(connection, 3), b"all")
            mb_per_s = byte_count / 1e6 / (time.monotonic() - begin)
        print(f"{mb_per_s:.0f} MB/s through the proxy", file=sys.stderr)
        self.assertGreater(mb_per_s, 100 / TIME_FACTOR)


if __name__ == "__main__":
    main()
