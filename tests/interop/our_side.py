"""What a test asks of `here`, its node of ours, whichever peer the node talks to."""

import grpc
from google.protobuf import wrappers_pb2
from nexus.v1 import actor_service_pb2 as api
from nexus.v1 import types_pb2 as types
from support.client import CallFailed

CODE = grpc.StatusCode


def payload_of(message):
    return types.Payload(type=message.DESCRIPTOR.full_name, content_type="application/x-protobuf",
                         data=message.SerializeToString())


def text(value):
    return wrappers_pb2.StringValue(value=value)


class OurSide:
    """Beside a NodeTestCase that has a client in `here`."""

    def spawn(self, kind, actor_id):
        return self.here.spawn(kind, actor_id).pid

    def ask(self, pid, message, timeout=10, headers=None):
        """The answer of an actor, asked by our client; a nexus.v1.AskResponse."""
        request = api.AskRequest(pid=pid, message=payload_of(message), headers=headers)
        return self.here._call(self.here.stub.Ask, request, timeout)  # pylint: disable=protected-access

    def asked(self, pid, message, timeout=10):
        """The message of the answer, read as the type that was sent."""
        answer = self.ask(pid, message, timeout).message
        self.assertEqual(answer.type, message.DESCRIPTOR.full_name)
        return type(message).FromString(answer.data)

    def answers(self, pid):
        try:
            return self.asked(pid, text("there?")) == text("there?")
        except CallFailed as failure:
            self.assertEqual(failure.code, CODE.UNAVAILABLE, failure)
            return False
