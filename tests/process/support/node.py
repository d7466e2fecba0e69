"""Real nodes: each a process of its own with a configuration, a log and an address."""

import os
import signal
import socket
import subprocess
import tempfile
import time

import grpc
from nexus_health import health_pb2, health_pb2_grpc
from support.client import Client
from support.ports import free_port

TIME_FACTOR = int(os.environ.get("NEXUS_TEST_TIME_FACTOR", "1"))
NEXUSD = os.path.join(os.environ.get("NEXUS_BIN_DIR", ""), "nexusd")
# nexusd with the kinds of test_node.cc besides.
TEST_NODE = os.path.join(os.environ.get("NEXUS_TEST_BIN_DIR", ""), "nexus_test_node")

READY_S = 10 * TIME_FACTOR
# Longer than node.shutdown_timeout of the nodes here.
STOP_S = 12 * TIME_FACTOR
SANITIZER_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:",
                   "CHECK failed")


class NodeDied(AssertionError):
    pass


class Node:
    """Configured, not yet running. `settings` are lines of YAML below the ones that every test needs; with `tls`, a
    certificates.TlsFiles, its clients and peers use TLS. `address` is where other nodes reach it: `advertise` when that is given.
    Clients of a test come straight to `listen`. `prefix` is a command that runs the one that follows it in its own process."""

    def __init__(self, name="n1", program=NEXUSD, unreachable_after="1s", settings="", port=None, env=None, advertise=None,
                 tls=None, host="127.0.0.1", prefix=()):
        self.name = name
        self.host = host
        self.port = port or free_port()
        self.listen = f"{host}:{self.port}"
        self.address = advertise or self.listen
        self.process = None
        # Set by what ends the node on purpose; a node that ends otherwise has crashed.
        self.ended_by_test = False
        self._command = [*prefix, program]
        self._tls = tls
        self._folder = tempfile.TemporaryDirectory(prefix=f"nexus-{name}-")
        self._env = dict(os.environ, **(env or {}))
        self._log = None
        self.config_path = os.path.join(self._folder.name, "node.yaml")
        self.log_path = os.path.join(self._folder.name, "log")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(f"node:\n  name: {name}\n  listen: {self.listen}\n  advertise: {self.address}\n  shutdown_timeout: {10 * TIME_FACTOR}s\n"
                       f"remote:\n  unreachable_after: {unreachable_after}\n{settings}{tls.settings() if tls else ''}")

    def start(self):
        self._log = open(self.log_path, "ab")  # pylint: disable=consider-using-with
        self.process = self.start_process([*self._command, "--config", self.config_path], stdout=self._log, stderr=self._log,
                                          env=self._env)
        return self

    def start_process(self, command, **options):
        """The node's process, which has the pid of the first of `command`."""
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)

    def restart(self):
        """The same node once more, after its last run has ended; its log goes on."""
        self._log.close()
        self.ended_by_test = False
        return self.start().await_ready()

    def await_ready(self):
        """Returns when gRPC's health service says SERVING."""
        deadline = time.monotonic() + READY_S
        self._await(deadline, self._accepts)
        client = self.client()
        health = health_pb2_grpc.HealthStub(client.channel)
        self._await(deadline, lambda: self._serves(health))
        client.close()
        return self

    def _await(self, deadline, condition):
        while not condition():
            if self.process.poll() is not None:
                raise NodeDied(f"{self.name} ended with {self.process.returncode} while starting:\n{self.log()}")
            if time.monotonic() > deadline:
                raise NodeDied(f"{self.name} was not ready in {READY_S} s:\n{self.log()}")
            time.sleep(0.01)

    def _accepts(self):
        """Asked before gRPC is, which waits a second after its first refusal."""
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    @staticmethod
    def _serves(health):
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5 * TIME_FACTOR)
        except grpc.RpcError:
            return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    def client(self, **options):
        return Client(self.listen, **({"credentials": self._tls.credentials()} if self._tls else {}), **options)

    def pid_of(self, actor_id):
        return f"{self.address}/{actor_id}"

    def memory_bytes(self):
        """Resident."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def crash(self):
        """SIGKILL, and the process is gone when this returns."""
        self.ended_by_test = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code. A node that does not end in time is killed and counts as failed."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.await_exit()

    def await_exit(self, timeout_s=STOP_S):
        self.ended_by_test = True
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"{self.name} had not ended after {timeout_s} s:\n{self.log()}") from late

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def sanitizer_reports(self):
        return [line for line in self.log().splitlines() if any(word in line for word in SANITIZER_WORDS)]

    def close(self):
        if self.runs():
            self.process.kill()
            self.process.wait()
        if self._log:
            self._log.close()
        self._folder.cleanup()
