#!/usr/bin/python3
"""Prints the table of cluster_sim in docs/benchmarks.md: every target, and what nexus and the models of its rivals show.

    tests/sim/table.py [--seeds K] [--rival-seeds K] [--models nexus,swim,..] [--rows crash10,..] [--timeout S]

One core takes an hour and more for all of it; a row is printed when it is measured.
"""

import argparse
import os
import subprocess
import sys

import targets

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODELS = ["nexus", "swim", "pekko", "protoactor"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", default=os.path.join(ROOT, "build", "release", "bin", "cluster_sim"))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rows", help="scenarios, with commas between; default: all")
    parser.add_argument("--seeds", type=int, help="of nexus; default: 20, and 1 of 10,000 nodes")
    parser.add_argument("--rival-seeds", type=int, default=1, help="of each rival; default 1")
    parser.add_argument("--nodes", type=int, help="another size for all rows, to try something out")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one cell")
    request = parser.parse_args()
    known = {row.scenario for row in targets.ROWS}
    request.rows = request.rows.split(",") if request.rows else sorted(known)
    request.models = request.models.split(",")
    for name in request.rows:
        if name not in known:
            parser.error(f"no row {name}; there are {', '.join(sorted(known))}")
    for name in request.models:
        if name not in MODELS:
            parser.error(f"no model {name}; there are {', '.join(MODELS)}")
    return request


def cell(request, row, model):
    if model != "nexus" and not row.has_rivals:
        return "-"
    seeds = request.seeds if model == "nexus" else request.rival_seeds
    arguments = targets.arguments_of(row, model, request.nodes, seeds)
    try:
        summary, said = targets.summary_of(request.sim, arguments, request.timeout)
    except subprocess.TimeoutExpired:
        return f"not within {request.timeout:.0f} s of wall time"
    sys.stderr.write(said)
    text = row.seen(summary)
    if summary["violations"]:
        text += f"; {summary['violations']} rules broken"
    if model == "nexus":
        missed = [check.story(summary) for check in row.checks if not check.holds(summary)]
        if missed:
            text += "; missed: " + ", ".join(missed)
    return f"{text} ({summary['seeds']} seed{'s' if summary['seeds'] > 1 else ''})"


def main():
    request = parse()
    print("| " + " | ".join(["scenario", "nodes", "published best", "target", *request.models]) + " |")
    print("|" + " --- |" * (4 + len(request.models)), flush=True)
    for row in targets.ROWS:
        if row.scenario not in request.rows:
            continue
        cells = [row.scenario, f"{request.nodes or row.nodes:,}", row.published, row.target]
        cells += [cell(request, row, model) for model in request.models]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
