"""A stand-in for a node in a cluster: answers ClusterService too."""

import grpc
from nexus.v1 import cluster_service_pb2 as api
from nexus.v1 import cluster_service_pb2_grpc as api_grpc
from support.fake_actor_service import FakeActorService


class FakeClusterService(FakeActorService, api_grpc.ClusterServiceServicer):
    """`members` are those of `view`; a watch sends `cluster_events`."""

    def __init__(self):
        super().__init__()
        self.view = api.View()
        self.members = []
        self.node_status = api.NODE_STATUS_MEMBER
        self.cluster_events = []
        # Fails what needs a view, as nodes do that are in no cluster.
        self.joining = False
        api_grpc.add_ClusterServiceServicer_to_server(self, self._server)

    def GetCluster(self, request, context):
        self._take(request, context)
        if self.joining:
            return api.GetClusterResponse(name="demo", status=api.NODE_STATUS_JOINING, address=self.address)
        return api.GetClusterResponse(name="demo", status=self.node_status, view=self.view, member_id="1" * 32,
                                      address="h:1")

    def ListMembers(self, request, context):
        self._take(request, context)
        self._need_view(context)
        return api.ListMembersResponse(view=self.view, members=self.members)

    def GetMember(self, request, context):
        self._take(request, context)
        self._need_view(context)
        return api.GetMemberResponse(member=self.members[0])

    def WatchCluster(self, request, context):
        self.requests.append(request)
        if self._failure:
            self._fail(context)
        yield from self.cluster_events
        if self._stall:
            self._stall.wait(60)

    def _need_view(self, context):
        if self.joining:
            self.fail_with(grpc.StatusCode.FAILED_PRECONDITION, "NOT_IN_CLUSTER", "this node is in no cluster yet")
            self._fail(context)


def member(number, **fields):
    """The member h:`number`, which is up since view 1 unless `fields` say otherwise."""
    fields = {"address": f"h:{number}", "id": str(number) * 32, "version": "1.2.0", "since_epoch": 1,
              "status": api.MEMBER_STATUS_UP, **fields}
    return api.Member(**fields)


def view(epoch, member_count):
    return api.View(epoch=epoch, id="ab" * 8, member_count=member_count)


def departure(who, reason):
    return api.Departure(member=who, reason=api.DepartureReason.Value("DEPARTURE_REASON_" + reason))
