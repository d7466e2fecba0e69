"""A client of one node, as a user of the public API would write it."""

import json
import threading

import grpc
from google.rpc import status_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import actor_service_pb2_grpc as api_grpc
from nexus.v1 import types_pb2 as types

_CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]


def json_payload(value):
    return types.Payload(content_type="application/json", data=json.dumps(value).encode())


class CallFailed(Exception):
    """A call that the node refused: its gRPC code and what its google.rpc.Status says."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.reason = ""
        self.metadata = {}
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self._read(value)
        super().__init__(f"{self.code.name} {self.reason}: {self.message} {self.metadata}")

    def _read(self, value):
        for detail in status_pb2.Status.FromString(value).details:
            info = status_pb2.ErrorInfo()
            if detail.Unpack(info):
                assert info.domain == "nexus", info.domain
                self.reason, self.metadata = info.reason, dict(info.metadata)


class Client:
    def __init__(self, address, options=(), credentials=None):
        """In plaintext without `credentials`, which are (authorities, key, certificate) in PEM."""
        options = _CHANNEL_OPTIONS + list(options)
        self.channel = (grpc.secure_channel(address, grpc.ssl_channel_credentials(*credentials), options=options)
                        if credentials else grpc.insecure_channel(address, options=options))
        self.stub = api_grpc.ActorServiceStub(self.channel)

    def close(self):
        self.channel.close()

    @staticmethod
    def _call(method, request, timeout):
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise CallFailed(error) from None

    def spawn(self, kind, actor_id="", node="", if_exists=api.IF_EXISTS_UNSPECIFIED, timeout=10):
        request = api.SpawnRequest(kind=kind, id=actor_id, node=node, if_exists=if_exists)
        return self._call(self.stub.Spawn, request, timeout)

    def ask(self, pid, value, timeout=10, headers=None):
        """Asks in JSON; the answer as Python values."""
        request = api.AskRequest(pid=pid, message=json_payload(value), headers=headers)
        answer = self._call(self.stub.Ask, request, timeout)
        return json.loads(answer.message.data)

    def ask_payload(self, pid, payload, timeout=10):
        return self._call(self.stub.Ask, api.AskRequest(pid=pid, message=payload), timeout).message

    def tell(self, pid, values, ack=api.ACK_UNSPECIFIED, timeout=30, headers=None):
        messages = [json_payload(value) for value in values]
        request = api.TellRequest(pid=pid, messages=messages, ack=ack, headers=headers)
        return self._call(self.stub.Tell, request, timeout).accepted

    def stop(self, pid, mode=api.STOP_MODE_UNSPECIFIED, no_wait=False, timeout=10):
        self._call(self.stub.Stop, api.StopRequest(pid=pid, mode=mode, no_wait=no_wait), timeout)

    def get(self, pid, timeout=10):
        return self._call(self.stub.GetActor, api.GetActorRequest(pid=pid), timeout).actor

    def kinds(self, node="", timeout=10):
        return [kind.name for kind in self._call(self.stub.ListKinds, api.ListKindsRequest(node=node), timeout).kinds]

    def list(self, node="", page_size=0, timeout=10, **filters):
        """The ids of all pages, in order."""
        ids, token = [], ""
        while True:
            page = self._call(self.stub.ListActors, api.ListActorsRequest(
                node=node, page_size=page_size, page_token=token, **filters), timeout)
            ids += [actor.pid for actor in page.actors]
            token = page.next_page_token
            if not token:
                return ids

    def watch(self, pid):
        return Watch(self.stub.WatchActor(api.WatchActorRequest(pid=pid)))


class Watch:
    """Reads one WatchActor stream in the background; keeps every event and how the stream ended."""

    def __init__(self, stream):
        self.events = []
        self.failure = None
        self._stream = stream
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for event in self._stream:
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        except grpc.RpcError as error:
            self.failure = CallFailed(error)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _await(self, condition, what, timeout_s):
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or self._ended, timeout_s):
                raise AssertionError(f"{what} within {timeout_s} s; events so far: {self.events}")
        return self

    def await_watching(self, timeout_s=10):
        self._await(lambda: any(event.HasField("watching") for event in self.events), "not watching", timeout_s)
        if self.failure:
            raise self.failure
        return self

    def await_end(self, timeout_s=10):
        """Until the node has ended the stream."""
        self._await(lambda: self._ended, "the watch did not end", timeout_s)
        self._thread.join(timeout_s)
        return self

    def reasons(self):
        """Why the actor terminated, once for each Terminated that came."""
        return [api.WatchActorResponse.Reason.Name(event.terminated.reason).removeprefix("REASON_")
                for event in self.events if event.HasField("terminated")]

    def cancel(self):
        self._stream.cancel()
        self._thread.join(10)
