"""The services that tools expect: health and reflection."""

import grpc
from nexus_health import health_pb2, health_pb2_grpc
from nexus_reflection_v1 import reflection_pb2 as v1, reflection_pb2_grpc as v1_grpc
from nexus_reflection_v1alpha import reflection_pb2 as v1alpha, reflection_pb2_grpc as v1alpha_grpc
from google.protobuf import descriptor_pb2
from support.case import NodeTestCase, main


class Services(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.channel = self.client(self.start()).channel

    def test_health_says_serving_for_the_node_and_for_the_service(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", "nexus.v1.ActorService"):
            with self.subTest(service):
                answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
                self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_both_versions_of_reflection_list_and_describe_the_service(self):
        for name, messages, stubs in (("v1alpha", v1alpha, v1alpha_grpc), ("v1", v1, v1_grpc)):
            with self.subTest(name):
                stub = stubs.ServerReflectionStub(self.channel)
                requests = [messages.ServerReflectionRequest(list_services=""),
                            messages.ServerReflectionRequest(file_containing_symbol="nexus.v1.ActorService"),
                            messages.ServerReflectionRequest(file_by_filename="nexus/v1/types.proto"),
                            messages.ServerReflectionRequest(file_containing_symbol="no.such.Symbol")]
                listed, described, by_name, unknown = stub.ServerReflectionInfo(iter(requests), timeout=5)
                services = [service.name for service in listed.list_services_response.service]
                self.assertIn("nexus.v1.ActorService", services)
                files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                         for data in described.file_descriptor_response.file_descriptor_proto]
                self.assertIn("nexus/v1/actor_service.proto", [file.name for file in files])
                self.assertTrue(by_name.file_descriptor_response.file_descriptor_proto)
                self.assertEqual(unknown.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


if __name__ == "__main__":
    main()
