"""What nexus must show in cluster_sim: each row has a scenario, its size, the best that is published, the target in words, and what the
target asks of the summary. cluster_sim_targets_test.py asserts them, table.py prints them."""

import dataclasses
import json
import subprocess
import typing


@dataclasses.dataclass(frozen=True)
class Check:
    """`value(summary)` is what the target is about, and at most (or exactly) `limit`."""

    what: str
    value: typing.Callable
    limit: float
    exact: bool = False

    def holds(self, summary):
        value = self.value(summary)
        if value is None:
            return False
        return value == self.limit if self.exact else value <= self.limit

    def story(self, summary):
        return f"{self.what} is {self.value(summary)}, must be {'' if self.exact else 'at most '}{self.limit}"


@dataclasses.dataclass(frozen=True)
class Row:
    scenario: str
    nodes: int
    published: str
    target: str
    checks: typing.Tuple[Check, ...]
    # What a cell of the table says of a summary.
    seen: typing.Callable
    # One core runs the soak test's seeds of all rows in ten minutes; the default tier's take seconds.
    soak_seeds: int
    small_nodes: int
    # Of the table; the largest rows have fewer.
    seeds: int = 20
    # Only nexus runs at this size.
    has_rivals: bool = True


def at(*path):
    """The value at that place in a summary."""

    def value(summary):
        for name in path:
            summary = summary[name]
        return summary

    return value


def exactly(what, value, limit):
    return Check(what, value, limit, exact=True)


def seconds(milliseconds):
    return f"{milliseconds / 1000:.2f} s"


def detection(summary):
    times = summary["detection_ms"]
    if times["p50"] is None:
        return "nothing found"
    return f"p50 {seconds(times['p50'])}, p99 {seconds(times['p99'])}, p99.9 {seconds(times['p999'])}"


def convergence(summary):
    """Of the slowest seed, or nearly; seeds that never came together are said."""
    missing = summary["unconverged_seeds"]
    if missing == summary["seeds"]:
        return "never"
    text = seconds(summary["convergence_ms"]["p99"])
    return f"{text}, {missing} of {summary['seeds']} seeds never" if missing else text


def faults(summary):
    """What was found out of the faulty, and who was taken for one."""
    text = f"{detection(summary)}; view changes {summary['view_changes']}"
    for key, name in (("healthy_removed", "healthy removed"), ("faulty_left", "faulty left")):
        if summary[key]:
            text += f", {name} {summary[key]}"
    return text


NO_HEALTHY = exactly("healthy nodes removed", at("healthy_removed"), 0)
ALL_FAULTY = exactly("faulty nodes left", at("faulty_left"), 0)
ONE_VIEW = exactly("view changes", at("view_changes"), 1)
# Each change takes some of the faulty out, and none lets one in: so no size is seen twice.
NO_OSCILLATION = Check("view changes beyond those in which the view shrank",
                       lambda summary: summary["view_changes"] - (summary["distinct_sizes"] - 1), 0)
CONVERGED = exactly("seeds that never converged", at("unconverged_seeds"), 0)

ROWS = (
    Row("bootstrap", 2000, "Rapid about 41 to 47 s, memberlist 95 s", "convergence at most 10 s; at most 8 distinct sizes seen",
        (CONVERGED, Check("convergence p99 in ms", at("convergence_ms", "p99"), 10_000),
         Check("distinct sizes", at("distinct_sizes"), 8)),
        lambda summary: f"{convergence(summary)}; {summary['distinct_sizes']} sizes", soak_seeds=3, small_nodes=60),
    Row("crash10", 1000, "Rapid one cut, 10 s slower than memberlist", "one view change, detection p99 at most 5 s",
        (ONE_VIEW, NO_HEALTHY, ALL_FAULTY, Check("detection p99 in ms", at("detection_ms", "p99"), 5_000)),
        faults, soak_seeds=3, small_nodes=60),
    Row("flipflop", 1000, "memberlist oscillates", "exactly the faulty removed, no healthy one, no oscillation",
        (NO_HEALTHY, ALL_FAULTY, NO_OSCILLATION), faults, soak_seeds=4, small_nodes=60),
    Row("loss80", 1000, "memberlist inconclusive, Akka removes healthy ones", "exactly the faulty, within 15 s",
        (NO_HEALTHY, ALL_FAULTY, CONVERGED, Check("detection p99.9 in ms", at("detection_ms", "p999"), 15_000),
         Check("convergence p99 in ms", at("convergence_ms", "p99"), 15_000)),
        faults, soak_seeds=3, small_nodes=60),
    Row("slow_members", 128, "Lifeguard 50 to 100 times fewer false removals than SWIM",
        "none at healthy members; detection of a real crash p50 at most 3 s, p99.9 at most 6 s",
        (NO_HEALTHY, ALL_FAULTY, Check("detection p50 in ms", at("detection_ms", "p50"), 3_000),
         Check("detection p99.9 in ms", at("detection_ms", "p999"), 6_000)),
        faults, soak_seeds=5, small_nodes=40),
    Row("join20", 1500, "Akka 15 to 30 s", "convergence at most 2 s",
        (CONVERGED, Check("convergence p99 in ms", at("convergence_ms", "p99"), 2_000)), convergence, soak_seeds=3, small_nodes=40),
    Row("dissemination", 200, "Scalecube 3.6 s", "at most 0.5 s",
        (CONVERGED, Check("time to the last node p99 in ms", at("convergence_ms", "p99"), 500)),
        convergence, soak_seeds=20, small_nodes=50),
    Row("steady", 1000, "memberlist .54/.64 KB/s, Rapid .71/.71",
        "mean at most 1.5 KB/s each way, this floor's memory at most 4 MB a node",
        (Check("bytes sent a node and second", at("bytes_per_node_s", "mean"), 1_500),
         Check("bytes received a node and second", at("received_bytes_per_node_s", "mean"), 1_500),
         Check("bytes of memory a node", at("memory_per_node_bytes"), 4_000_000),
         exactly("view changes", at("view_changes"), 0)),
        lambda summary: f"{summary['bytes_per_node_s']['mean'] / 1000:.2f}/{summary['received_bytes_per_node_s']['mean'] / 1000:.2f} "
                        f"KB/s, {summary['memory_per_node_bytes'] / 1e6:.2f} MB", soak_seeds=1, small_nodes=60),
    Row("crash10", 10_000, "none published", "runs on this machine, one view change, detection p99 at most 8 s",
        (ONE_VIEW, NO_HEALTHY, ALL_FAULTY, Check("detection p99 in ms", at("detection_ms", "p99"), 8_000)),
        faults, soak_seeds=1, small_nodes=80, seeds=1, has_rivals=False),
)


def arguments_of(row, model="nexus", nodes=None, seeds=None):
    return ["--scenario", row.scenario, "--nodes", str(nodes or row.nodes), "--seeds", str(seeds or row.seeds), "--model", model]


def summary_of(program, arguments, timeout=None):
    """What cluster_sim measured, and what it said of rules that were broken."""
    done = subprocess.run([program, "--json", *arguments], capture_output=True, text=True, check=False, timeout=timeout)
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"cluster_sim {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
