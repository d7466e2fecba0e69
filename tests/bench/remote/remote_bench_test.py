"""remote_bench runs every workload, and what it prints can be read by programs."""

import json
import os
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["NEXUS_BIN_DIR"], "remote_bench")
RUNS = 2
SANITIZED = os.environ.get("NEXUS_TEST_TIME_FACTOR", "1") != "1"
TIMED = {"pingpong", "stalled_receiver", "stalled_receiver_flood", "stalled_receiver_flood_1024"}


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=100)


class EveryWorkload(unittest.TestCase):
    def check(self, peer, names):
        done = run("--workload", "all", "--peer", peer, "--runs", str(RUNS), "--scale", "0.002", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        summaries = {line["workload"]: line for line in lines if line.get("summary")}
        self.assertEqual(list(summaries), names)
        for name, line in summaries.items():
            with self.subTest(peer=peer, workload=name):
                expected = ["summary", "peer", "workload", "workers", "unit", "median", "min", "max", "runs"]
                expected += ["p50", "p99"] if name in TIMED else []
                self.assertEqual(list(line), expected)
                self.assertEqual(line["peer"], peer)
                self.assertEqual(line["runs"], RUNS)
                self.assertLess(0, line["min"])
                self.assertLessEqual(line["min"], line["median"])
                self.assertLessEqual(line["median"], line["max"])
                each = [other for other in lines if not other.get("summary") and other["workload"] == name]
                self.assertEqual(len(each), RUNS)

    def test_between_two_nodes_and_over_a_bare_stream(self):
        listed = [line for line in run("--list").stdout.splitlines()]
        self.check("nexus", [line.split(" ")[0] for line in listed if not line.startswith("--peer")])
        for peer in ("raw", "raw_callback"):
            self.check(peer, [line.split(" ")[2] for line in listed if line.startswith(f"--peer {peer}:")])


class AWatchStorm(unittest.TestCase):
    def test_tells_every_watcher_once_and_says_how_long_it_took_and_what_it_needed(self):
        done = run("--workload", "watch_storm", "--runs", "1", "--scale", "0.05", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        line = json.loads(done.stdout.splitlines()[0])
        self.assertEqual(line["told"], 5000)
        self.assertEqual(line["duplicates"], 0)
        # Told after the peer counted as gone, which is a second after it was killed.
        self.assertLess(line["value"] + 900, line["kill_to_last_told_ms"])
        # The whole storm of 100,000 has a second.
        if not SANITIZED:
            self.assertLess(line["value"], 1000)
        self.assertLess(0, line["watch_ms"])
        for key in ("resident_mb_before", "resident_mb_peak", "resident_mb_after"):
            self.assertLess(1, line[key])


@unittest.skipIf(SANITIZED, "memory and times of a sanitizer's build mean nothing")
class AStalledReceiver(unittest.TestCase):
    def test_neither_fills_the_memory_of_its_sender_nor_stops_another_link(self):
        done = run("--workload", "stalled_receiver_flood_1024", "--runs", "1", "--scale", "0.2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        line = json.loads(done.stdout.splitlines()[0])
        self.assertLess(line["resident_mb_max"], line["resident_mb_allowed"])
        # The queue was full, and more than the limits of the link was sent.
        self.assertLess(0, line["refused"])
        self.assertLess(2 * line["limits_mb"], line["sent"] * 1024 / 1e6)
        self.assertLess(0, line["p50_before"])


class WrongArguments(unittest.TestCase):
    def test_name_what_is_wrong(self):
        done = run("--workload", "onway")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean oneway?", done.stderr)


if __name__ == "__main__":
    unittest.main()
