"""A stand-in for a node: answers ActorService as a test tells it to, and remembers what it was asked."""

import threading
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import actor_service_pb2_grpc as api_grpc
from nexus.v1 import types_pb2 as types

DETAILS_KEY = "grpc-status-details-bin"


def error_details(code, reason, message, metadata):
    """The bytes of a google.rpc.Status with one ErrorInfo."""
    info = status_pb2.ErrorInfo(reason=reason, domain="nexus", metadata=metadata)
    packed = any_pb2.Any()
    packed.Pack(info)
    return status_pb2.Status(code=code.value[0], message=message, details=[packed]).SerializeToString()


class FakeActorService(api_grpc.ActorServiceServicer):
    """Use as a context manager; `address` is where it listens."""

    def __init__(self):
        self.requests = []
        self.actors = []
        self.reply = types.Payload(content_type="application/json", data=b'{"value":5}')
        self.page_size = 2
        self.watch_events = {}
        self._failure = None
        self._stall = None
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        api_grpc.add_ActorServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        if self._stall:
            self._stall.set()
        self._server.stop(grace=None).wait()

    def fail_with(self, code, reason, message, **metadata):
        """Every later call fails so. An empty reason sends no details."""
        self._failure = (code, reason, message, metadata)

    def stall(self):
        """Every later call waits until the fake is closed; a watch first sends its events."""
        self._stall = threading.Event()

    def stop_now(self):
        self._server.stop(grace=None)

    def _take(self, request, context):
        self.requests.append(request)
        if self._stall:
            self._stall.wait(60)
        if self._failure:
            self._fail(context)

    def _fail(self, context):
        code, reason, message, metadata = self._failure
        if reason:
            context.set_trailing_metadata(((DETAILS_KEY, error_details(code, reason, message, metadata)),))
        context.abort(code, message)

    def Spawn(self, request, context):
        self._take(request, context)
        return api.SpawnResponse(pid=f"{self.address}/{request.id or '$1'}",
                                 created=request.if_exists != api.IF_EXISTS_RETURN)

    def Tell(self, request, context):
        self._take(request, context)
        return api.TellResponse(accepted=len(request.messages))

    def Ask(self, request, context):
        self._take(request, context)
        return api.AskResponse(message=self.reply)

    def Stop(self, request, context):
        self._take(request, context)
        return api.StopResponse()

    def GetActor(self, request, context):
        self._take(request, context)
        return api.GetActorResponse(actor=self.actors[0])

    def ListActors(self, request, context):
        self._take(request, context)
        begin = int(request.page_token or 0)
        end = begin + self.page_size
        return api.ListActorsResponse(actors=self.actors[begin:end],
                                      next_page_token=str(end) if end < len(self.actors) else "")

    def ListKinds(self, request, context):
        self._take(request, context)
        return api.ListKindsResponse(kinds=[
            api.Kind(name="counter", description="Adds and answers", actor_count=2), api.Kind(name="echo")])

    def WatchActor(self, request, context):
        self.requests.append(request)
        if self._failure:
            self._fail(context)
        for event in self.watch_events.get(request.pid, []):
            yield event
        if self._stall:
            self._stall.wait(60)


def watching(pid):
    return api.WatchActorResponse(watching=api.WatchActorResponse.Watching(pid=pid))


def terminated(pid, reason):
    return api.WatchActorResponse(terminated=api.WatchActorResponse.Terminated(
        pid=pid, reason=api.WatchActorResponse.Reason.Value("REASON_" + reason)))
