"""cluster_sim meets its targets, and no partition policy that promises one view an epoch ever shows two.

In the default tier clusters are small; with NEXUS_SIM_FULL=1 they have the sizes of the targets, with fewer seeds than in
docs/benchmarks.md, which table.py prints.
"""

import os
import subprocess
import sys
import unittest

import targets

SIM = os.path.join(os.environ["NEXUS_BIN_DIR"], "cluster_sim")
IS_FULL = os.environ.get("NEXUS_SIM_FULL") == "1"


class Targets(unittest.TestCase):
    def assert_met(self, row):
        nodes, seeds = (row.nodes, row.soak_seeds) if IS_FULL else (row.small_nodes, 2)
        arguments = targets.arguments_of(row, nodes=nodes, seeds=seeds)
        summary, said = targets.summary_of(SIM, arguments)
        self.assertEqual(summary["violations"], 0, f"cluster_sim {' '.join(arguments)} broke a rule:\n{said}")
        for check in row.checks:
            self.assertTrue(check.holds(summary), f"target \"{row.target}\": {check.story(summary)}; cluster_sim {' '.join(arguments)}")


def make_test(row):
    return lambda self: self.assert_met(row)


for one in targets.ROWS:
    setattr(Targets, f"test_{one.scenario}_of_{one.nodes}", make_test(one))


class Policies(unittest.TestCase):
    """Each with what its policy asserts in every run; S1 is among that for all but none."""

    # Scenario, nodes and seeds: in the soak, else.
    RUNS = {
        "partition_half": ((100, 5), (13, 2)),
        "bridge": ((100, 3), (13, 1)),
        "churn": ((50, 10), (20, 1)),
    }
    # One part goes on, or all freeze, and then nobody is removed; under none all go on, and do not always come together again.
    THIRDS = {"partition_thirds": ((12, 50), (12, 3))}
    # Seeds that are fewer than half found no second cluster.
    SEEDS = {"seeds_restart": ((12, 50), (12, 5))}

    def assert_no_violation(self, policy, also):
        for scenario, (full, small) in {**self.RUNS, **also}.items():
            nodes, seeds = full if IS_FULL else small
            with self.subTest(scenario):
                arguments = ["--scenario", scenario, "--nodes", str(nodes), "--seeds", str(seeds), "--policy", policy]
                summary, said = targets.summary_of(SIM, arguments)
                self.assertEqual(summary["violations"], 0, f"target \"one view per epoch (S1) in every run\": {said}")
                self.assertEqual(summary["healthy_removed"], 0, f"cluster_sim {' '.join(arguments)} removed healthy nodes")
                if policy != "none":
                    self.assertEqual(summary["unconverged_seeds"], 0, f"cluster_sim {' '.join(arguments)}: not one view in the end")
                if scenario in self.THIRDS and policy != "keep-oldest":
                    self.assertEqual(summary["view_changes"], 0, f"cluster_sim {' '.join(arguments)}: all parts had frozen")

    def test_keep_majority(self):
        self.assert_no_violation("keep-majority", {**self.THIRDS, **self.SEEDS})

    def test_static_quorum(self):
        self.assert_no_violation("static-quorum", {**self.THIRDS, **self.SEEDS})

    def test_keep_oldest(self):
        self.assert_no_violation("keep-oldest", self.THIRDS)

    def test_none(self):
        self.assert_no_violation("none", {})


class TheTable(unittest.TestCase):
    def run_table(self, *arguments):
        command = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "table.py"), "--sim", SIM, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_has_a_row_for_each_scenario_and_a_column_for_each_model(self):
        done = self.run_table("--rows", "dissemination", "--nodes", "40", "--seeds", "2", "--models", "nexus,swim")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "| scenario | nodes | published best | target | nexus | swim |")
        self.assertRegex(lines[2], r"^\| dissemination \| 40 \| Scalecube 3.6 s \| at most 0.5 s \| 0\.\d\d s \(2 seeds\) \| "
                                   r"\d+\.\d\d s \(1 seed\) \|$")
        self.assertEqual(len(lines), 3)

    def test_an_unknown_row_is_an_error(self):
        done = self.run_table("--rows", "dissemble")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row dissemble", done.stderr)


class TheChecks(unittest.TestCase):
    """A target that is missed is noticed."""

    GOOD = {"convergence_ms": {"p99": 400}, "unconverged_seeds": 0, "view_changes": 2, "distinct_sizes": 3}

    def row(self, scenario):
        return next(row for row in targets.ROWS if row.scenario == scenario)

    def test_a_time_that_is_too_long_misses_the_target(self):
        late = {**self.GOOD, "convergence_ms": {"p99": 501}}
        checks = self.row("dissemination").checks
        self.assertTrue(all(check.holds(self.GOOD) for check in checks))
        self.assertFalse(all(check.holds(late) for check in checks))

    def test_what_was_never_measured_misses_the_target(self):
        never = {**self.GOOD, "convergence_ms": {"p99": None}}
        self.assertFalse(all(check.holds(never) for check in self.row("dissemination").checks))

    def test_a_size_that_comes_back_is_oscillation(self):
        self.assertTrue(targets.NO_OSCILLATION.holds(self.GOOD))
        self.assertFalse(targets.NO_OSCILLATION.holds({**self.GOOD, "view_changes": 4}))


if __name__ == "__main__":
    unittest.main()
