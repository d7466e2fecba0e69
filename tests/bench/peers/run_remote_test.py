"""run_remote measures all sides in turn, and what it prints can be read by programs."""

import json
import os
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["NEXUS_SOURCE_DIR"], "tests", "bench", "peers", "run_remote")
SCALE = 0.002


def run(*arguments, **environment):
    command = [PROGRAM, "--bin", os.environ["NEXUS_BIN_DIR"], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=250, env=dict(os.environ, **environment))


class InTurn(unittest.TestCase):
    def measure(self, *arguments, **environment):
        """The lines of runs, of summaries and of ratios."""
        done = run("--runs", "2", "--scale", str(SCALE), *arguments, **environment)
        if "disabled by GOPROXY=off" in done.stderr or "protoactor_go is skipped" in done.stderr:
            print(f"\n*** protoactor-go was NOT measured: there is no Go, or its modules are not in its cache ***\n{done.stderr}")
            self.skipTest("no Go, or no modules")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return ([line for line in lines if "run" in line], [line for line in lines if "summary" in line],
                [line for line in lines if "ratio" in line])

    def check(self, sides, workloads, measured):
        runs, summaries, ratios = measured
        order = [(side, workload, number) for workload in workloads for number in (1, 2) for side in sides]
        self.assertEqual([((line["peer"], line["workers"]), line["workload"], line["run"]) for line in runs], order)
        self.assertEqual([((line["peer"], line["workers"]), line["workload"]) for line in summaries],
                         [(side, workload) for workload in workloads for side in sides])
        self.assertEqual([((line["to"], line["to_workers"]), line["workload"]) for line in ratios],
                         [(side, workload) for workload in workloads for side in sides[1:]])
        for line in summaries:
            self.assertLess(0, line["min"], line)
            self.assertLessEqual(line["min"], line["median"], line)
            self.assertEqual(line["runs"], 2)
            self.assertEqual("p50" in line, line["workload"] == "pingpong")

    def test_a_node_and_both_bare_streams(self):
        measured = self.measure("nexus", "raw", "raw_callback", "--workload", "oneway,pingpong")
        self.check([("nexus", 1), ("raw", 0), ("raw_callback", 0)], ["oneway", "pingpong"], measured)
        runs, _, ratios = measured
        ours, raw = ([line["value"] for line in runs if (line["peer"], line["workload"]) == (peer, "pingpong")]
                     for peer in ("nexus", "raw"))
        line = next(line for line in ratios if (line["to"], line["workload"]) == ("raw", "pingpong"))
        # Of times: theirs over ours.
        self.assertAlmostEqual(line["max"], max(theirs / mine for theirs, mine in zip(raw, ours)), 2)
        self.assertAlmostEqual(line["median"], sum(raw) / sum(ours), 2)

    def test_a_node_and_protoactor_go(self):
        workloads = ["oneway", "pingpong", "pipelined", "echo_flood"]
        measured = self.measure(GOPROXY="off")
        self.check([("nexus", 1), ("protoactor-go", 2), ("protoactor-go", 1)], workloads, measured)


class WrongArguments(unittest.TestCase):
    def test_name_what_is_wrong(self):
        for arguments, words in ((["erlang"], "no peer 'erlang'"), (["--workload", "onway"], "there are oneway"),
                                 (["--procs", "0"], "at least 1"), (["--runs", "0"], "more than 0")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(words, done.stderr)

    def test_go_is_missed_loudly(self):
        done = run("protoactor_go", GO="/nowhere")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/nowhere is none", done.stderr)
        done = run("--workload", "pingpong", "--runs", "1", "--scale", str(SCALE), GO="/nowhere")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("protoactor_go is skipped", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
