"""A client of the .NET family: it listens nowhere, and opens a stream to a node on which messages flow both ways."""

import threading

from family_peer import Dotnet
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote


class DotnetClient(Dotnet):
    """Use as a context manager. With its habits (GrpcNetClientRemote, 1.6): its own actors are at the address `$client/<member id>`, which
    stands in what it watches with and in what it says of them; as senders they have the address that it has dialled, and an id that
    begins with that of the client. It takes messages for either form."""

    def __init__(self, node_address, member_id=None, **options):
        self._member_id = member_id or self.new_member_id()
        # Cleared, it reads nothing.
        self.reads = threading.Event()
        self.reads.set()
        super().__init__(node_address, **options)

    @property
    def member_id(self):
        return self._member_id

    @member_id.setter
    def member_id(self, _):
        """Chosen before."""

    def bind(self, port, advertise, server_options):
        return f"$client/{self.member_id}"

    @property
    def pid_text(self):
        """What others put before the id of one of its actors."""
        return f"{self._node_address}/{self.address}"

    def spawn(self, kind, actor_id):
        super().spawn(kind, actor_id)
        return f"{self.pid_text}/{actor_id}"

    def connect_request(self):
        return remote.ConnectRequest(client_connection=remote.ClientConnection(member_id=self.member_id))

    def pid_of_sender(self, actor_id):
        return actor.PID(Address=self._dial_address, Id=f"{self.address}/{actor_id}")

    def on_response(self, frame):
        self.reads.wait()
        what = frame.WhichOneof("message_type")
        if what == "message_batch":
            try:
                self.take_batch(frame.message_batch)
            except Exception as failure:  # pylint: disable=broad-except
                self.violated(f"the client failed: {failure!r}")
        elif what != "disconnect_request":
            self.violated(f"to a client came {frame}")
        if any(field.number > 1000 for field, _ in frame.ListFields()):
            self.violated(f"the node numbers, or asks, as it may only among its own: {frame}")

    def target_id(self, received):
        target = super().target_id(received)
        if not target.startswith("$client/"):
            return target
        own = f"{self.address}/"
        if not target.startswith(own):
            self.violated(f"what is for {target} came to {self.address}")
        return target[len(own):]
