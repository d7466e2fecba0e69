"""What tests of clusters share: what a node says of its cluster, and waiting until all say the same."""

import time
import unittest

import grpc
from nexus.v1 import cluster_service_pb2 as api
from nexus.v1 import cluster_service_pb2_grpc as rpc
from nexus_health import health_pb2, health_pb2_grpc
from support.case import NodeTestCase
from support.node import TIME_FACTOR

# The name that readiness has in health checks.
READY = "nexus.v1.Ready"


class Member:
    """What one node says of its cluster."""

    def __init__(self, node):
        self.node = node
        self._client = node.client()
        self.stub = rpc.ClusterServiceStub(self._client.channel)

    def view(self):
        """Epoch, id and addresses; nothing while it is in no cluster."""
        try:
            response = self.stub.ListMembers(api.ListMembersRequest(), timeout=5 * TIME_FACTOR)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE):
                return None
            raise
        return response.view.epoch, response.view.id, sorted(m.address for m in response.members)

    def status(self):
        return self.stub.GetCluster(api.GetClusterRequest(), timeout=5 * TIME_FACTOR).status

    def health(self, service=READY):
        """Whether health checks of this name are told SERVING; the empty name is liveness."""
        request = health_pb2.HealthCheckRequest(service=service)
        status = health_pb2_grpc.HealthStub(self._client.channel).Check(request, timeout=5 * TIME_FACTOR).status
        return status == health_pb2.HealthCheckResponse.SERVING

    def is_live_only(self):
        return self.health("") and not self.health()

    def close(self):
        self._client.close()


class ClusterTestCase(NodeTestCase):
    def setUp(self):
        super().setUp()
        self._members = []

    def tearDown(self):
        for member in self._members:
            member.close()
        super().tearDown()

    def member(self, node):
        member = Member(node)
        self._members.append(member)
        return member

    def agree(self, members, nodes):
        """All have one view, of exactly these nodes."""
        views = [member.view() for member in members]
        expected = sorted(node.address for node in nodes)
        return all(view is not None and view[2] == expected and view[1] == views[0][1] for view in views)

    def await_agreement(self, members, nodes, within_s):
        begin = time.monotonic()
        self.await_true(lambda: self.agree(members, nodes), timeout_s=max(20, within_s))
        took = time.monotonic() - begin
        print(f"{len(nodes)} nodes agreed after {took:.2f} s")
        self.assertLess(took, within_s * TIME_FACTOR)

    @staticmethod
    def run_all(arguments):
        unittest.main(module="__main__", argv=arguments, verbosity=2)
