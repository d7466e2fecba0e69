"""Peers that play nodes of the Proto.Actor family, each with its own habits, and that note whatever a node does which such a node would
not survive, not understand, or answer to nobody. A test fails with what the peer noted.

`Go2024`, `Go2026` and `Dotnet` host actors: `echo` (answers with what came), `reporter` (answers with the headers) and `noter` (keeps
what came).
"""

import itertools
import queue
import threading

import grpc
from google.protobuf import struct_pb2, wrappers_pb2
from nexus.v1 import types_pb2 as types
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from scripted_peer import CHANNEL_OPTIONS, Received, ScriptedPeer
from support.node import TIME_FACTOR

MIB = 1024 * 1024
RUNTIME_TYPES = {message.DESCRIPTOR.full_name for message in (
    actor.Watch, actor.Unwatch, actor.Terminated, actor.Stop, actor.PoisonPill, actor.Touch, actor.Touched,
    actor.DeadLetterResponse, remote.ActorPidRequest, remote.ActorPidResponse)}
COMMON_TYPES = {message.DESCRIPTOR.full_name for message in (
    struct_pb2.Struct, wrappers_pb2.StringValue, wrappers_pb2.BytesValue, wrappers_pb2.Int64Value)}
# A peer that was compiled with them knows these, too.
NEXUS_TYPES = {message.DESCRIPTOR.full_name for message in (types.Payload, types.CounterRequest, types.CounterReply)}


class NoAnswer(AssertionError):
    pass


class DeadLetter(Exception):
    """A request whose target there is not."""


class Refused(Exception):
    """Ends a stream that the node dialled, as the family's server would."""

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code = code


class FamilyPeer(ScriptedPeer):
    """Use as a context manager. `node_address` is what the node advertises."""

    # Habits, by family.
    targets_are_pids = False
    request_bytes_max = -1
    response_bytes_max = -1
    activator = "activator"
    # What ends the stream, or worse.
    knows_too = set()
    answers_watch_of_nobody = True

    _member_numbers = itertools.count(1)

    def __init__(self, node_address, dial_address=None, port=0, advertise=None):
        # What a node must not do, in words.
        self.violations = []
        self.actors = {}
        self.notes = []
        # Of watched actors: ids of remote watchers, as Pids.
        self.watchers = {}
        self.known_types = RUNTIME_TYPES | COMMON_TYPES
        # For each stream that the node has dialled: what to answer on it; None ends it with OK.
        self.inbound = []
        self.is_dialled = False
        self._dial_lock = threading.Lock()
        self._requests = {}
        self._request_numbers = itertools.count(1)
        super().__init__(node_address, member_id=self.new_member_id(), old_dialect=self.targets_are_pids, port=port,
                         advertise=advertise, dial_address=dial_address,
                         server_options=[("grpc.max_receive_message_length", self.request_bytes_max)])

    @classmethod
    def new_member_id(cls):
        return f"family{next(cls._member_numbers):016}"

    def violated(self, what):
        self.violations.append(what)

    # The stream that this peer dials.

    def dial_options(self):
        return CHANNEL_OPTIONS + [("grpc.max_receive_message_length", self.response_bytes_max),
                                  ("grpc.initial_reconnect_backoff_ms", 100)]

    def dial(self):
        """When it is not dialled already."""
        with self._dial_lock:
            if not self.is_dialled:
                self.restart_stream()
                try:
                    response = super().dial()
                except (grpc.RpcError, StopIteration):
                    self._outgoing.put(None)
                    self._ended.set()
                    raise
                if not response.member_id:
                    self.violated("a ConnectResponse without a member id")
                self.is_dialled = True

    def server_connection(self):
        return remote.ServerConnection(member_id=self.member_id, address=self.address)

    def on_response(self, frame):
        if frame.WhichOneof("message_type") != "disconnect_request":
            self.violated(f"on a stream that the peer dialled came {frame}, which it takes for the end of the node")

    def on_end(self, code):
        self.is_dialled = False
        if code == grpc.StatusCode.OK:
            self.violated("the node ended a stream with OK: the peer would write to nobody from now on")

    def send_bytes(self, target_id, type_name, data, sender_id=None, sender_request_id=0, headers=None,
                   target_request_id=0):
        try:
            self.dial()
        except (grpc.RpcError, StopIteration):
            # Lost, as in the family.
            return
        super().send_bytes(target_id, type_name, data, sender_id, sender_request_id, headers, target_request_id)

    # The streams that the node dials.

    def Receive(self, request_iterator, context):
        answers = queue.Queue()
        self.inbound.append(answers)
        reader = threading.Thread(target=self._read_requests, args=(request_iterator, answers), daemon=True)
        reader.start()
        for answer in iter(answers.get, None):
            if isinstance(answer, Refused):
                context.abort(answer.code, str(answer))
            yield answer

    def _read_requests(self, frames, answers):
        try:
            connected = False
            for frame in frames:
                if any(field.number > 1000 for field, _ in frame.ListFields()):
                    self.violated(f"the node numbers, or asks, as it may only among its own: {frame.ListFields()[-1][0].name}")
                if not connected:
                    connected = True
                    self.on_first(frame, answers)
                elif frame.WhichOneof("message_type") == "message_batch":
                    self.take_batch(frame.message_batch)
                else:
                    what = frame.WhichOneof("message_type") or "nothing that the family knows"
                    self.violated(f"on a stream that is connected the node sent {what}")
        except grpc.RpcError:
            # The node has ended the stream.
            pass
        except Refused as refused:
            answers.put(refused)
        except Exception as failure:  # pylint: disable=broad-except
            self.violated(f"the peer failed: {failure!r}")
        answers.put(None)

    def on_first(self, frame, answers):
        if frame.WhichOneof("message_type") != "connect_request":
            self.violated(f"a stream begins with {frame.WhichOneof('message_type')}")
            return
        self.check_connect(frame.connect_request)
        self.connects.put(frame.connect_request)
        answers.put(remote.RemoteMessage(connect_response=self.connect_response(frame.connect_request)))

    def connect_response(self, _):
        return remote.ConnectResponse(member_id=self.member_id)

    def check_connect(self, connect):
        if connect.WhichOneof("connection_type") != "server_connection":
            self.violated("the node did not connect as a server")
        server = connect.server_connection
        if server.address != self._node_address:
            self.violated(f"the node calls itself {server.address}, it is {self._node_address}")
        if not server.member_id or "." in server.member_id:
            self.violated(f"the member id {server.member_id!r} is empty or has a point, at which gossip keys are split")

    def take_batch(self, batch):
        self.check_tables(batch)
        for envelope in batch.envelopes:
            received = Received(batch, envelope)
            self.check_envelope(received)
            if not self.is_readable(received):
                continue
            self.handle(received, self.target_id(received))

    def check_tables(self, batch):
        if not batch.envelopes:
            self.violated("a batch of nothing")
        senders = [(pid.Address, pid.Id) for pid in batch.senders]
        for name, table in (("type_names", list(batch.type_names)), ("targets", list(batch.targets)), ("senders", senders)):
            if len(set(table)) != len(table):
                self.violated(f"the same entry twice in {name}: {table}")
        for name, used, size, lowest in (
                ("type_names", [envelope.type_id for envelope in batch.envelopes], len(batch.type_names), 0),
                ("targets", [envelope.target for envelope in batch.envelopes], len(batch.targets), 0),
                ("senders", [envelope.sender - 1 for envelope in batch.envelopes], len(batch.senders), -1)):
            if any(not lowest <= index < size for index in used):
                self.violated(f"an envelope points outside of {name}: {used} of {size}")
            in_use = list(dict.fromkeys(index for index in used if index >= 0))
            if in_use != list(range(size)):
                self.violated(f"{name} is not in the order of first use: {used}")
        for pid in batch.senders:
            if pid.request_id:
                self.violated(f"a request id in the table of senders: {pid}")
            if not pid.Address:
                self.violated(f"a sender without an address: answers to {pid} would go nowhere")
        for target in batch.targets:
            self.check_target(target)

    def check_target(self, target):
        """An id. One that is a Pid would be the id of nobody."""
        if target[:1] in (b"\x0a", b"\x12"):
            self.violated(f"a target as a Pid, for a peer that reads ids: {target}")

    def target_id(self, received):
        return received.target.decode()

    def check_envelope(self, received):
        if received.serializer_id != 0:
            self.violated(f"serializer {received.serializer_id}: {received}")
        if received.type_name == "actor.Terminated":
            who = received.read_as(actor.Terminated).who
            if who.Address != self._node_address or not who.Id:
                self.violated(f"Terminated of {who}, whom the peer does not know so")
        if received.type_name in ("actor.Watch", "actor.Unwatch"):
            watcher = received.read_as(getattr(actor, received.type_name.split(".")[1])).Watcher
            if watcher.Address != self._node_address:
                self.violated(f"a watcher without an address that the peer can dial: {watcher}")

    def is_readable(self, received):
        if received.type_name in self.known_types:
            return True
        self.on_unknown_type(received)
        return False

    def on_unknown_type(self, received):
        raise NotImplementedError

    # The actors.

    def spawn(self, kind, actor_id):
        self.actors[actor_id] = kind
        return f"{self.address}/{actor_id}"

    def notes_of(self, actor_id):
        return [received for target, received in list(self.notes) if target == actor_id]

    def handle(self, received, target_id):
        self.received.put(received)
        name = received.type_name
        if self.take_answer(received, target_id):
            return
        if name == "actor.Terminated":
            self.notes.append((target_id, received))
            return
        if name == "actor.Watch":
            self.on_watch(target_id, received.read_as(actor.Watch).Watcher)
        elif name == "actor.Unwatch":
            watcher = received.read_as(actor.Unwatch).Watcher
            self.watchers[target_id] = [pid for pid in self.watchers.get(target_id, []) if pid != watcher]
        elif name in ("actor.Stop", "actor.PoisonPill"):
            self.stop(target_id)
        elif target_id == self.activator:
            self.answer(received, self.activated(received.read_as(remote.ActorPidRequest)))
        elif target_id not in self.actors:
            if received.sender is not None:
                self.answer(received, self.dead_letter_response(target_id))
        elif self.actors[target_id] == "noter" or received.sender is None:
            self.notes.append((target_id, received))
        elif self.actors[target_id] == "echo":
            self.answer_bytes(received, name, received.data)
        else:
            report = struct_pb2.Struct()
            report.update(received.headers)
            self.answer(received, report)

    def activated(self, request):
        """What its activator answers."""
        if request.kind not in ("echo", "noter", "reporter"):
            return remote.ActorPidResponse(status_code=self.ERROR)
        actor_id = request.name or f"unnamed-{len(self.actors)}"
        status = self.NAME_EXISTS if actor_id in self.actors else 0
        if status == 0:
            self.spawn(request.kind, actor_id)
        return remote.ActorPidResponse(pid=self.pid(actor_id), status_code=status)

    def on_watch(self, target_id, watcher):
        if target_id in self.actors:
            self.watchers.setdefault(target_id, []).append(watcher)
        elif self.answers_watch_of_nobody:
            self.send_terminated(target_id, watcher, actor.NotFound)

    def send_terminated(self, who, watcher, why):
        self.send(watcher.Id, actor.Terminated(who=self.pid(who), Why=why))

    def stop(self, actor_id):
        if self.actors.pop(actor_id, None) is not None:
            for watcher in self.watchers.pop(actor_id, []):
                self.send_terminated(actor_id, watcher, actor.Stopped)

    def dead_letter_response(self, target_id):
        return actor.DeadLetterResponse(Target=self.pid(target_id))

    def answer(self, received, message):
        self.answer_bytes(received, message.DESCRIPTOR.full_name, message.SerializeToString())

    def answer_bytes(self, received, type_name, data):
        if received.sender.Address == self._node_address:
            self.send_bytes(received.sender.Id, type_name, data, target_request_id=received.sender_request_id)
        else:
            self.violated(f"nobody is at {received.sender.Address}, where an answer should go")

    # Requests to the node.

    def next_requester(self):
        """The sender of a request: id and request id."""
        raise NotImplementedError

    def request(self, target_id, message, timeout_s=5, headers=None):
        return self.request_bytes(target_id, message.DESCRIPTOR.full_name, message.SerializeToString(), timeout_s, headers)

    def request_bytes(self, target_id, type_name, data, timeout_s=5, headers=None):
        requester = self.next_requester()
        answers = self._requests[requester] = queue.Queue()
        try:
            self.send_bytes(target_id, type_name, data, sender_id=requester[0], sender_request_id=requester[1],
                            headers=headers)
            received = answers.get(timeout=timeout_s * TIME_FACTOR)
        except queue.Empty:
            raise NoAnswer(f"no answer to {type_name} from {target_id}") from None
        finally:
            del self._requests[requester]
        if received.type_name == "actor.DeadLetterResponse":
            raise DeadLetter(target_id)
        return received

    def take_answer(self, received, target_id):
        answers = self._requests.get((target_id, received.target_request_id))
        if answers is not None:
            answers.put(received)
        return answers is not None

    def activate(self, kind, name):
        return self.request(self.activator, remote.ActorPidRequest(kind=kind, name=name)).read_as(remote.ActorPidResponse)

    # Calls that a node must not make.

    def ListProcesses(self, request, context):
        self.on_diagnostics(context)

    def GetProcessDiagnostics(self, request, context):
        self.on_diagnostics(context)

    def on_diagnostics(self, context):
        context.abort(grpc.StatusCode.UNKNOWN, "RemoteDiagnostics is not enabled")

    def end_orderly(self):
        """Says so on the streams that the node dialled, and ends its own."""
        for answers in self.inbound:
            answers.put(remote.RemoteMessage(disconnect_request=remote.DisconnectRequest()))
        self._outgoing.put(None)


class Go(FamilyPeer):
    request_bytes_max = response_bytes_max = 4 * MIB
    NAME_EXISTS, ERROR = 3, 4

    def next_requester(self):
        # One process for each future; no request ids.
        return f"future$family{next(self._request_numbers)}", 0

    def dead_letter_response(self, target_id):
        # Without saying whose.
        return actor.DeadLetterResponse()

    def on_diagnostics(self, context):
        self.violated("the node asked for diagnostics, which ends a Go process")
        super().on_diagnostics(context)


class Go2024(Go):
    targets_are_pids = True

    @classmethod
    def new_member_id(cls):
        return f"go2024{next(cls._member_numbers):016}"

    def check_target(self, target):
        """A Pid with the very address that this peer gave itself; with any other it would send the message on, to itself, for ever."""
        try:
            pid = actor.PID.FromString(target)
        except Exception:  # pylint: disable=broad-except
            pid = actor.PID()
        if not pid.Id:
            raise Refused(grpc.StatusCode.INTERNAL,
                          "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data")
        if pid.Address != self.address:
            self.violated(f"a target at {pid.Address}, and the peer is {self.address}: it would go round for ever")
        if pid.request_id:
            self.violated(f"a request id in the table of targets: {pid}")

    def target_id(self, received):
        return actor.PID.FromString(received.target).Id

    def on_unknown_type(self, received):
        self.violated(f"{received.type_name}, which it does not know, ends a Go process of 2024")


class Go2026(Go):
    answers_watch_of_nobody = False

    @classmethod
    def new_member_id(cls):
        return f"go2026{next(cls._member_numbers):016}"

    def on_unknown_type(self, received):
        raise Refused(grpc.StatusCode.UNKNOWN, f"unknown type {received.type_name}")


class Dotnet(FamilyPeer):
    response_bytes_max = 4 * MIB
    activator = "$activator"
    NAME_EXISTS, ERROR = 1, 2

    def __init__(self, *arguments, **options):
        self.blocked_members = []
        super().__init__(*arguments, **options)

    @classmethod
    def new_member_id(cls):
        return f"d0{next(cls._member_numbers):030x}"

    def server_connection(self):
        return remote.ServerConnection(member_id=self.member_id, address=self.address, block_list=self.blocked_members)

    def check_connect(self, connect):
        super().check_connect(connect)
        member = connect.server_connection.member_id
        if len(member) != 32 or set(member) - set("0123456789abcdef"):
            self.violated(f"the member id {member!r} is no Guid of 32 lower-case digits, by which members are sorted")
        # It makes the endpoint at once, and that one dials.
        threading.Thread(target=self.dial_back, daemon=True).start()

    def dial_back(self):
        try:
            self.dial()
        except (grpc.RpcError, StopIteration):
            # It tries again with the next message.
            return

    def connect_response(self, connect):
        return remote.ConnectResponse(member_id=self.member_id,
                                      blocked=connect.server_connection.member_id in self.blocked_members)

    def pid_of_sender(self, actor_id):
        # Its own address is left out: the stream's handshake has it.
        return actor.PID(Id=actor_id)

    def next_requester(self):
        # All futures share a process, and tell their answers by number.
        return "$1", next(self._request_numbers)

    def take_answer(self, received, target_id):
        if target_id == "$1" and received.target_request_id == 0:
            self.violated(f"an answer without the number of its request: {received}")
        return super().take_answer(received, target_id)

    def on_unknown_type(self, received):
        # Logged, and the rest of the batch goes on.
        self.notes.append(("unknown", received))
