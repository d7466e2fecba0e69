"""core_bench runs every workload, and what it prints can be read by programs."""

import json
import os
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["NEXUS_BIN_DIR"], "core_bench")
TIMED = {"ask", "foreign_ask", "extras", "stuck", "dwell", "receive_timeout"}
# What is counted may be nothing.
MAY_BE_ZERO = {"lock_wait", "receive_timeout"}
COMPARED = {"work"}
RUNS = 2


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


def names():
    return [line.split(" ")[0] for line in run("--list").stdout.splitlines()]


class EveryWorkload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = {}
        for workers in (1, 2):
            done = run("--workload", "all", "--workers", str(workers), "--runs", str(RUNS), "--scale", "0.001", "--json")
            if done.returncode != 0:
                raise AssertionError(f"core_bench ended with {done.returncode}: {done.stderr}")
            cls.lines[workers] = [json.loads(line) for line in done.stdout.splitlines()]

    def summaries(self, workers):
        return {line["workload"]: line for line in self.lines[workers] if line.get("summary")}

    def runs(self, workers, workload):
        return [line for line in self.lines[workers] if not line.get("summary") and line["workload"] == workload]

    def test_has_one_summary_with_exactly_the_promised_fields(self):
        for workers in (1, 2):
            summaries = self.summaries(workers)
            self.assertEqual(list(summaries), names())
            for workload, line in summaries.items():
                with self.subTest(workload=workload, workers=workers):
                    expected = ["summary", "workload", "workers", "unit", "median", "min", "max", "runs"]
                    expected += ["p50", "p99"] if workload in TIMED else []
                    expected += ["speedup"] if workload in COMPARED and workers > 1 else []
                    self.assertEqual(list(line), expected)
                    self.assertEqual(line["runs"], RUNS)
                    self.assertLessEqual(line["min"], line["median"])
                    self.assertLessEqual(line["median"], line["max"])
                    self.assertGreaterEqual(line["min"], 0)
                    self.assertTrue(line["min"] > 0 or workload in MAY_BE_ZERO)

    def test_has_one_object_for_each_run(self):
        for workers in (1, 2):
            for workload, summary in self.summaries(workers).items():
                with self.subTest(workload=workload, workers=workers):
                    runs = [line for line in self.runs(workers, workload) if line["workers"] == summary["workers"]]
                    self.assertEqual([line["run"] for line in runs], list(range(1, RUNS + 1)))
                    values = [line["value"] for line in runs]
                    self.assertEqual((min(values), max(values)), (summary["min"], summary["max"]))
                    self.assertEqual({line["unit"] for line in runs}, {summary["unit"]})

    def test_says_how_two_workers_shared_the_messages(self):
        for line in self.runs(2, "forkjoin_throughput"):
            self.assertEqual(sum(line["worker_messages"]), 60 * 100)
        self.assertNotIn("worker_messages", self.runs(1, "forkjoin_throughput")[0])

    def test_compares_with_one_worker(self):
        self.assertEqual([line["workers"] for line in self.runs(2, "work")], [1] * RUNS + [2] * RUNS)


class TheCommandLine(unittest.TestCase):
    def test_runs_those_named_in_their_order(self):
        done = run("--workload", "ring,floor", "--runs", "1", "--scale", "0.001", "--json")
        summaries = [json.loads(line)["workload"] for line in done.stdout.splitlines() if "summary" in line]
        self.assertEqual(summaries, ["ring", "floor"])

    def test_an_unknown_name_names_the_nearest_and_runs_nothing(self):
        done = run("--workload", "floor,pingpnog", "--scale", "0.001")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn('no workload "pingpnog"; did you mean pingpong?', done.stderr)

    def test_without_json_a_workload_is_a_row(self):
        done = run("--workload", "ring", "--runs", "1", "--scale", "0.001")
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], ["workload", "ring"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
