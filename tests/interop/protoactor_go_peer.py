"""Builds the Proto.Actor nodes of protoactor_go/ and drives them: processes of their own, one JSON line a command."""

import base64
import json
import os
import queue
import subprocess
import tempfile
import threading

from google.protobuf import json_format
from support.node import TIME_FACTOR
from support.ports import free_port

GO = os.environ.get("GO", "/usr/local/go/bin/go")
SOURCE = os.path.join(os.environ["NEXUS_SOURCE_DIR"], "tests", "interop", "protoactor_go")
PROGRAMS = os.path.join(os.environ["NEXUS_BUILD_DIR"], "interop")
# The module file of each version of protoactor-go.
MODULE_FILES = {"2024": "go2024.mod", "2026": "go.mod"}
ANSWER_S = 30


class Unavailable(Exception):
    """There is no Go, it is too old, or modules are missing; the text says which."""


def program_of(version):
    return os.path.join(PROGRAMS, f"protoactor_go_peer_{version}")


def build(version):
    """Without the network."""
    if not os.access(GO, os.X_OK):
        raise Unavailable(f"{GO} is no program; GO names another")
    env = dict(os.environ, GOTOOLCHAIN="local", GOPROXY="off", GOFLAGS="-mod=readonly -buildvcs=false", GOWORK="off",
               CGO_ENABLED="0")
    command = [GO, "build", "-C", SOURCE, f"-modfile={MODULE_FILES[version]}", "-o", program_of(version), "."]
    built = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if built.returncode == 0:
        return
    # What go says when a module is not in its cache, when it is older than the module file wants, or than -C.
    if any(words in built.stderr for words in ("disabled by GOPROXY=off", "requires go >=", "not defined: -C")):
        raise Unavailable(f"protoactor-go of {version} cannot be built here:\n{built.stderr}")
    raise AssertionError(f"protoactor_go/main.go does not build with {MODULE_FILES[version]}:\n{built.stderr}")


class ClusterOptions:
    """Of the automanaged provider. `hosts`: where each node answers /_health."""

    def __init__(self, name, health_port, hosts, refresh_ms=2000):
        self.name = name
        self.health_port = health_port
        self.hosts = hosts
        self.refresh_ms = refresh_ms

    def arguments(self):
        return [self.name, str(self.health_port), str(self.refresh_ms), *self.hosts]


class Refused(Exception):
    """What the Go node could not do, in its words."""


class GoPeer:
    """With `cluster`, a ClusterOptions, it is a member of a cluster."""

    def __init__(self, version, port=None, cluster=None):
        self.port = port or free_port()
        self._log = tempfile.TemporaryFile("a+b")
        command = [program_of(version), "127.0.0.1", str(self.port), *(cluster.arguments() if cluster else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self._answers = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        hello = self._take(ANSWER_S)
        self.address = hello["address"]
        self.member_id = hello["member"]

    def _read(self):
        for line in self.process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def _take(self, timeout_s):
        try:
            answer = self._answers.get(timeout=timeout_s * TIME_FACTOR)
        except queue.Empty:
            raise AssertionError(f"the Go node does not answer:\n{self.log()}") from None
        if answer is None:
            raise AssertionError(f"the Go node ended with {self.process.wait()}:\n{self.log()}")
        return answer

    def do(self, op, timeout_s=5, **fields):
        """One command; its answer. Refused when the node says that it could not."""
        self.process.stdin.write(json.dumps(dict(fields, op=op, timeout_ms=int(timeout_s * 1000 * TIME_FACTOR))) + "\n")
        self.process.stdin.flush()
        answer = self._take(timeout_s + ANSWER_S)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    # The messages of a call are objects of the protobuf runtime of Python.

    def request(self, pid, message, timeout_s=5):
        """The answer as the Go node shows it: {"type", "message", "byte_count"}."""
        return self.do("request", timeout_s, pid=pid, **as_fields(message))["reply"]

    def send(self, pid, message, sender="", headers=None):
        self.do("send", pid=pid, sender=sender, headers=headers or {}, **as_fields(message))

    def send_bytes(self, pid, byte_count, sender=""):
        """A google.protobuf.BytesValue."""
        self.do("send", pid=pid, sender=sender, byte_count=byte_count)

    def spawn(self, kind, actor_id):
        return self.do("spawn", kind=kind, id=actor_id)["pid"]

    def notes(self, actor_id):
        return self.do("notes", id=actor_id)["notes"]

    def activate(self, address, kind, name):
        return self.do("activate", address=address, kind=kind, id=name)

    def learn(self, module):
        """Makes it know the messages of a generated Python module, as if it had been compiled with them."""
        self.do("register", file=base64.b64encode(module.DESCRIPTOR.serialized_pb).decode())

    def links(self):
        return self.do("links")["links"]

    # Of a cluster.

    def members(self):
        """By member id: {"member", "address", "kinds"}."""
        return {member["member"]: member for member in self.do("members")["members"]}

    def changes(self):
        """Of its member list, in order: {"what": "joined" or "left", "member", "at": seconds since 1970}."""
        return self.do("members")["changes"]

    def gossip_ages_s(self, key):
        """By member id: how long ago it has last told this key."""
        return self.do("gossip", id=key)["ages_s"]

    def leave(self):
        """As protoactor-go does it: Cluster.Shutdown(graceful), which takes some seconds, then the end of the process."""
        self.do("leave", timeout_s=20)
        return self.end()

    def pid_of(self, actor_id):
        return f"{self.address}/{actor_id}"

    def runs(self):
        return self.process.poll() is None

    def log(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def crash(self):
        """SIGKILL, and the process is gone when this returns."""
        self.process.kill()
        self.process.wait()

    def shut_down(self):
        """As protoactor-go does it: Remote.Shutdown(graceful), then the end of the process; its exit code."""
        self.do("shutdown", timeout_s=15)
        return self.end()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(ANSWER_S)

    def close(self):
        if self.runs():
            self.crash()
        self._reader.join()
        self.process.stdout.close()
        self._log.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            # It ended before it had read the last command.
            return


def as_fields(message):
    return {"type": message.DESCRIPTOR.full_name, "message": json_format.MessageToDict(message)}
