"""A peer that keeps the rules of Proto.Actor, and remembers what a node sends it.

It serves remote.Remoting itself, because a node answers only on streams that it dialled.
"""

import queue
import threading
from concurrent import futures

import grpc
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from protoactor import remote_pb2_grpc as remote_grpc

CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
WAIT_S = 20


class Received:
    """One envelope that a node sent, with its table entries looked up."""

    def __init__(self, batch, envelope):
        self.type_name = batch.type_names[envelope.type_id]
        self.target = batch.targets[envelope.target]
        self.target_request_id = envelope.target_request_id
        # 1-based: 0 is no sender.
        self.sender = batch.senders[envelope.sender - 1] if envelope.sender else None
        self.sender_request_id = envelope.sender_request_id
        self.serializer_id = envelope.serializer_id
        self.headers = dict(envelope.message_header.header_data)
        self.data = envelope.message_data

    def read_as(self, message_type):
        assert self.type_name == message_type.DESCRIPTOR.full_name, self
        return message_type.FromString(self.data)

    def __repr__(self):
        return f"{self.target}#{self.target_request_id} {self.type_name}({self.data})"


class ScriptedPeer(remote_grpc.RemotingServicer):
    """Use as a context manager. `old_dialect`: targets are serialised PIDs, as before 2025."""

    def __init__(self, node_address, member_id="2ZbLMtGzVdpTgXN5kqWcRe", old_dialect=False, port=0, advertise=None,
                 server_options=(), dial_address=None):
        self.member_id = member_id
        # Handshakes of the node, and every envelope that it sent on streams that it dialled.
        self.connects = queue.Queue()
        self.received = queue.Queue()
        # What came on the stream that this peer dialled, and how it ended.
        self.responses = []
        self.end = None
        self._node_address = node_address
        self.old_dialect = old_dialect
        self.restart_stream()
        self._server = None
        self.address = self.bind(port, advertise, server_options)
        self._dial_address = dial_address or node_address

    def bind(self, port, advertise, server_options):
        """Makes the server; the address at which others reach this peer."""
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8),
                                   options=[("grpc.so_reuseport", 0), *server_options])
        remote_grpc.add_RemotingServicer_to_server(self, self._server)
        listen = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"
        return advertise or listen

    def __enter__(self):
        if self._server is not None:
            self._server.start()
        return self

    def __exit__(self, *_):
        self._outgoing.put(None)
        self._ended.wait(1)
        if self._server is not None:
            self._server.stop(grace=None).wait()

    # The stream that this peer dials.

    def restart_stream(self):
        self.responses = []
        self.end = None
        self._outgoing = queue.Queue()
        self._ended = threading.Event()
        # Until it is dialled.
        self._ended.set()

    def dial_options(self):
        return CHANNEL_OPTIONS

    def connect_request(self):
        return remote.ConnectRequest(server_connection=self.server_connection())

    def server_connection(self):
        return remote.ServerConnection(member_id=self.member_id, address=self.address)

    def on_response(self, frame):
        """Of what follows the node's ConnectResponse."""

    def on_end(self, code):
        """Of the node's side of the stream."""

    def dial(self):
        """Sends the handshake; returns when the node has answered it."""
        self._ended.clear()
        channel = grpc.insecure_channel(self._dial_address, options=self.dial_options())
        stream = remote_grpc.RemotingStub(channel).Receive(iter(self._outgoing.get, None))
        self._outgoing.put(remote.RemoteMessage(connect_request=self.connect_request()))
        self.responses.append(next(stream))
        threading.Thread(target=self._read, args=(channel, stream, self._ended), daemon=True).start()
        return self.responses[0].connect_response

    def dial_again(self):
        """On a new stream, when the former one has ended."""
        self._outgoing.put(None)
        self.await_end()
        self.restart_stream()
        return self.dial()

    def _read(self, channel, stream, ended):
        try:
            for frame in stream:
                self.responses.append(frame)
                self.on_response(frame)
            self.end = stream.code()
        except grpc.RpcError as error:
            self.end = error.code()
        self.on_end(self.end)
        channel.close()
        ended.set()

    def await_end(self):
        assert self._ended.wait(WAIT_S), "the node did not end the stream"
        return self.end

    def pid(self, actor_id):
        return actor.PID(Address=self.address, Id=actor_id)

    def send(self, target_id, message, sender_id=None, sender_request_id=0, headers=None):
        self.send_bytes(target_id, message.DESCRIPTOR.full_name, message.SerializeToString(), sender_id,
                        sender_request_id, headers)

    def pid_of_sender(self, actor_id):
        return self.pid(actor_id)

    def send_bytes(self, target_id, type_name, data, sender_id=None, sender_request_id=0, headers=None,
                   target_request_id=0):
        target = target_id.encode()
        if self.old_dialect:
            target = actor.PID(Address=self._node_address, Id=target_id).SerializeToString()
        envelope = remote.MessageEnvelope(message_data=data, sender=1 if sender_id else 0,
                                          sender_request_id=sender_request_id, target_request_id=target_request_id)
        if headers:
            envelope.message_header.header_data.update(headers)
        self._outgoing.put(remote.RemoteMessage(message_batch=remote.MessageBatch(
            type_names=[type_name], targets=[target], envelopes=[envelope],
            senders=[self.pid_of_sender(sender_id)] if sender_id else [])))

    # The streams that the node dials.

    def Receive(self, request_iterator, context):
        for frame in request_iterator:
            if frame.WhichOneof("message_type") == "connect_request":
                self.connects.put(frame.connect_request)
                yield remote.RemoteMessage(connect_response=remote.ConnectResponse(member_id=self.member_id))
                continue
            for envelope in frame.message_batch.envelopes:
                self.received.put(Received(frame.message_batch, envelope))

    def take(self):
        return self.received.get(timeout=WAIT_S)
