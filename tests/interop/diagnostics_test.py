"""What the tools of a .NET peer ask a node: which processes there are, and how one of them is."""

import grpc
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote
from protoactor import remote_pb2_grpc as remote_grpc
from support.case import NodeTestCase, main
from support.node import TIME_FACTOR

CODE = grpc.StatusCode
PART, EXACT, REGEX = remote.MatchPartOfString, remote.MatchExactString, remote.MatchRegex


class Diagnostics(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.prepare()

    def prepare(self, settings=""):
        self.host = self.start(settings=settings)
        self.here = self.client(self.host)
        self.stub = remote_grpc.RemotingStub(self.here.channel)

    def list(self, pattern, match=PART):
        """The ids, and how many match in all."""
        request = remote.ListProcessesRequest(pattern=pattern, type=match)
        response, call = self.stub.ListProcesses.with_call(request, timeout=10 * TIME_FACTOR)
        self.assertEqual({pid.Address for pid in response.pids} | {self.host.address}, {self.host.address})
        return [pid.Id for pid in response.pids], int(dict(call.trailing_metadata())["nexus-matched-count"])

    def describe(self, actor_id, address=""):
        request = remote.GetProcessDiagnosticsRequest(pid=actor.PID(Address=address, Id=actor_id))
        return self.stub.GetProcessDiagnostics(request, timeout=10 * TIME_FACTOR).diagnostics_string

    def assert_code(self, code, call, *arguments):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.code(), code, caught.exception)
        return caught.exception.details()

    def test_processes_are_found_in_the_three_ways_of_the_family(self):
        for name in ("Counter-1", "counter-2", "other"):
            self.here.spawn("counter", name)
        self.assertEqual(self.list("COUNTER"), (["Counter-1", "counter-2"], 2))
        self.assertEqual(self.list("other", EXACT), (["other"], 1))
        self.assertEqual(self.list("othe", EXACT), ([], 0))
        self.assertEqual(self.list("^[Cc].*[0-9]$", REGEX), (["Counter-1", "counter-2"], 2))

    def test_actors_of_the_node_itself_are_listed_and_marked(self):
        self.here.spawn("counter", "a")
        self.assertEqual(self.list("activator")[0], ["$activator", "activator"])
        self.assertIn("\nSystem: yes\n", self.describe("activator"))
        self.assertIn("\nSystem: no\n", self.describe("a"))

    def test_an_actor_is_described(self):
        self.here.spawn("counter", "a")
        self.here.ask("a", {"add": 1})
        for address in ("", self.host.address):
            text = self.describe("a", address)
            self.assertTrue(text.startswith("ActorType:counter\n"), text)
            self.assertIn(f"\nPid: {self.host.address}/a\n", text)
            self.assertIn("\nState: alive\n", text)

    def test_what_cannot_be_answered_is_refused_with_a_reason(self):
        self.assertIn("no process", self.assert_code(CODE.NOT_FOUND, self.describe, "nobody"))
        self.assertIn(self.host.address, self.assert_code(CODE.INVALID_ARGUMENT, self.describe, "a", "elsewhere:1"))
        self.assertIn("missing )", self.assert_code(CODE.INVALID_ARGUMENT, self.list, "a(", REGEX))
        self.assertIn("1024", self.assert_code(CODE.INVALID_ARGUMENT, self.list, "x" * 1025))
        self.assertIn("regex", self.assert_code(CODE.INVALID_ARGUMENT, self.list, "x", 7))
        self.assert_code(CODE.INVALID_ARGUMENT, self.list, "((a{99}){99}){99}", REGEX)

    def test_a_configuration_can_limit_it_and_switch_it_off(self):
        self.prepare(settings="  diagnostics_count_max: 2\n")
        for n in range(5):
            self.here.spawn("counter", f"a{n}")
        self.assertEqual(self.list("a", REGEX)[0], ["$activator", "a0"])
        self.assertEqual(self.list("a[0-9]", REGEX), (["a0", "a1"], 5))
        self.prepare(settings="  diagnostics_count_max: 0\n")
        self.assertIn("remote.diagnostics_count_max", self.assert_code(CODE.PERMISSION_DENIED, self.list, ""))
        self.assert_code(CODE.PERMISSION_DENIED, self.describe, "activator")


if __name__ == "__main__":
    main()
