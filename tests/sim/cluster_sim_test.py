"""cluster_sim, the program: equal seeds give equal traces in every build, and it says clearly what it cannot do."""

import json
import os
import re
import subprocess
import unittest

BIN_DIR = os.environ["NEXUS_BIN_DIR"]
ROOT = os.environ["NEXUS_SOURCE_DIR"]
SIM = os.path.join(BIN_DIR, "cluster_sim")
# Whatever cluster_sim is built from.
SOURCES = ["tests/sim", "tests/bench/report", "cluster", "core"]


def run(*arguments, program=SIM):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def summary_of(*arguments, program=SIM):
    done = run("--json", *arguments, program=program)
    if done.returncode not in (0, 1) or not done.stdout:
        raise AssertionError(f"cluster_sim {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def models():
    lines = run("--list").stdout.splitlines()
    return [line.split()[0] for line in lines[lines.index("models:") + 1:]]


def newest_source():
    newest = 0
    for folder in SOURCES:
        for place, _, names in os.walk(os.path.join(ROOT, folder)):
            paths = [os.path.join(place, name) for name in names if name.endswith((".h", ".cc"))]
            newest = max([newest, *map(os.path.getmtime, paths)])
    return newest


def other_builds():
    """cluster_sim of other presets that were built since the last change of its sources; those named in NEXUS_SIM_OTHER_BUILDS have
    just been built, and must be there."""
    required = os.environ.get("NEXUS_SIM_OTHER_BUILDS", "").split()
    for preset in required:
        yield preset, os.path.join(ROOT, "build", preset, "bin", "cluster_sim")
    for preset in {"release", "debug", "asan"}.difference(required):
        program = os.path.join(ROOT, "build", preset, "bin", "cluster_sim")
        is_other = os.path.realpath(program) != os.path.realpath(SIM)
        if is_other and os.path.exists(program) and os.path.getmtime(program) >= newest_source():
            yield preset, program


class EqualSeedsGiveEqualTraces(unittest.TestCase):
    def arguments(self, model):
        return ["--scenario", "churn", "--nodes", "40", "--seed", "5", "--seeds", "2", "--model", model, "--shrink", "0"]

    def test_when_run_twice(self):
        for model in models():
            with self.subTest(model):
                first, second = (summary_of(*self.arguments(model)) for _ in range(2))
                self.assertEqual(first["trace_hash"], second["trace_hash"])
                first.pop("wall_s"), second.pop("wall_s")
                self.assertEqual(first, second)

    def test_in_every_build_that_is_there(self):
        for preset, program in other_builds():
            for model in models():
                with self.subTest(preset=preset, model=model):
                    here = summary_of(*self.arguments(model))
                    there = summary_of(*self.arguments(model), program=program)
                    self.assertEqual(here["trace_hash"], there["trace_hash"])


class TheSummary(unittest.TestCase):
    def test_has_what_it_promises(self):
        summary = summary_of("--scenario", "crash1", "--nodes", "30")
        for key in ("summary", "scenario", "nodes", "model", "seeds", "detection_ms", "convergence_ms", "healthy_removed",
                    "faulty_left", "view_changes", "distinct_sizes", "bytes_per_node_s", "msgs_per_node_s",
                    "memory_per_node_bytes", "violations", "wall_s", "trace_hash"):
            self.assertIn(key, summary)
        self.assertEqual(set(summary["detection_ms"]), {"p50", "p99", "p999"})
        self.assertEqual(set(summary["bytes_per_node_s"]), {"mean", "p99", "max"})

    def test_is_about_nexus_with_its_default_policy_unless_another_is_asked_for(self):
        summary = summary_of("--scenario", "crash1", "--nodes", "30")
        self.assertEqual((summary["model"], summary["policy"]), ("nexus", "keep-majority"))
        self.assertNotIn("policy", summary_of("--scenario", "crash1", "--nodes", "30", "--model", "swim"))

    def test_shows_that_swim_finds_the_crashed_after_its_suspicion_timeout(self):
        summary = summary_of("--scenario", "crash1", "--nodes", "128", "--seeds", "3", "--model", "swim")
        self.assertEqual(summary["faulty_left"], 0)
        self.assertEqual(summary["healthy_removed"], 0)
        # 4 * log10(128) seconds at least, and the probes before it.
        self.assertGreater(summary["detection_ms"]["p50"], 8400)
        self.assertLess(summary["detection_ms"]["p50"], 14000)


class Policies(unittest.TestCase):
    """Two halves of twelve nodes that are cut from each other for 30 s."""

    def halves(self, policy):
        return summary_of("--scenario", "partition_half", "--nodes", "12", "--policy", policy)

    def test_keep_majority_and_keep_oldest_let_one_half_go_on(self):
        for policy in ("keep-majority", "keep-oldest"):
            with self.subTest(policy):
                summary = self.halves(policy)
                self.assertEqual((summary["policy"], summary["violations"]), (policy, 0))
                self.assertGreater(summary["view_changes"], 0)

    def test_static_quorum_lets_neither_go_on_with_a_quorum_of_more_than_half(self):
        summary = self.halves("static-quorum")
        self.assertEqual((summary["violations"], summary["view_changes"]), (0, 0))

    def second_views(self, policy):
        """The ids of the views of epoch 2 that any node believed in."""
        done = run("--scenario", "partition_half", "--nodes", "12", "--policy", policy, "--views")
        return set(re.findall(r" epoch 2 id ([0-9a-f]+)", done.stderr))

    def test_with_none_two_views_of_one_epoch_are_no_violation(self):
        summary = self.halves("none")
        self.assertEqual((summary["violations"], summary["unconverged_seeds"]), (0, 0))
        self.assertEqual(len(self.second_views("none")), 2)
        self.assertEqual(len(self.second_views("keep-majority")), 1)

    def test_are_in_the_command_that_replays_a_seed(self):
        # Answers that take longer than any patience: a healthy node is removed.
        done = run("--scenario", "crash1", "--nodes", "12", "--policy", "static-quorum", "--quorum", "8", "--rtt-us", "2000000",
                   "--shrink", "0")
        self.assertEqual(done.returncode, 1, done.stderr)
        replay = next(line for line in done.stderr.splitlines() if line.startswith("replay: cluster_sim "))
        self.assertIn("--model nexus --policy static-quorum --quorum 8 --rtt-us 2000000", replay)
        again = run(*replay.split()[2:], "--shrink", "0")
        self.assertEqual(again.stderr, done.stderr)


class TheStory(unittest.TestCase):
    def test_tells_the_faults_and_what_each_node_believes(self):
        done = run("--scenario", "crash1", "--nodes", "20", "--views")
        lines = done.stderr.splitlines()
        crashed = re.fullmatch(r"\d+\.\d+ s: crash (\d+)", lines[0]).group(1)
        self.assertEqual(len([line for line in lines if re.search(r"s \d+#1 epoch 1 id [0-9a-f]+ \+", line)]), 20)
        self.assertEqual(len([line for line in lines if re.search(rf"s \d+#1 epoch 2 id [0-9a-f]+ -{crashed}#1$", line)]), 19)


class WhatItCannotDo(unittest.TestCase):
    def test_an_unknown_model_is_an_error_that_names_the_nearest(self):
        done = run("--scenario", "crash1", "--model", "swmi")
        self.assertEqual(done.returncode, 2)
        self.assertIn('no model "swmi"; did you mean swim?', done.stderr)

    def test_a_policy_of_another_model_is_an_error(self):
        done = run("--scenario", "crash1", "--model", "swim", "--policy", "keep-oldest")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--policy and --quorum are for --model nexus; swim has nothing to choose", done.stderr)

    def test_an_unknown_policy_is_an_error_that_names_the_nearest(self):
        done = run("--scenario", "crash1", "--policy", "keep-elders")
        self.assertEqual(done.returncode, 2)
        self.assertIn('no policy "keep-elders"; did you mean keep-oldest?', done.stderr)

    def test_a_quorum_without_static_quorum_is_an_error(self):
        done = run("--scenario", "crash1", "--quorum", "20")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--quorum is for --policy static-quorum", done.stderr)

    def test_a_quorum_of_half_of_the_nodes_is_an_error(self):
        done = run("--scenario", "join20", "--nodes", "10", "--policy", "static-quorum", "--quorum", "15")
        self.assertEqual(done.returncode, 2)
        # Those that join count.
        self.assertIn("--quorum 15: of the 30 nodes of join20 it takes 16 to 30", done.stderr)

    def test_an_unknown_scenario_is_an_error(self):
        done = run("--scenario", "crahs1")
        self.assertEqual(done.returncode, 2)
        self.assertIn('no scenario "crahs1"', done.stderr)

    def test_too_few_nodes_are_an_error(self):
        done = run("--scenario", "crash10", "--nodes", "5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("needs at least", done.stderr)


if __name__ == "__main__":
    unittest.main()
