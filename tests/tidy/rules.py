"""The rules that the tree keeps. Each takes sources and yields (path, line, what is wrong).

A rule that has exceptions lists them here, each with its reason; the list is short and stays so.
"""

import re

from source import FLOORS

# Placement `::new (place) T` allocates nothing and is free everywhere.
MAY_ALLOCATE = {
    "core/memory/node_cache.cc": "keeps message nodes itself",
    "core/actor/cell_table.cc": "cells are type-stable memory",
}
MAY_USE_STD_MUTEX = {
    "core/base/mutex.h": "wraps it",
    "core/telemetry/lock_site.h": "locks for Mutex and measures that",
    "core/telemetry/lock_site.cc": "the same",
    "core/base/log.cc": "spdlog's sink base takes the type of its lock",
}
MAY_SPIN = {
    "core/dispatch/work_stealing_dispatcher.cc": "a worker looks around for work before it sleeps; it holds nothing",
    "core/dispatch/worker.cc": "the watchdog waits for the end of a section, but not for ever",
    "remote/grpc_poller.cc": "two reads of a counter, one of them under the lock; it waits at a condition variable",
    "core/dispatch/worker.h": "a worker waits for its rescuer, at that one's mutex",
}
# The borders of exceptions, besides main. Others call failure_of() of user_code.h.
MAY_CATCH = {
    "core/base/user_code.h": "user code ends there",
    "core/base/log.cc": "a log must not take its caller down",
    "daemon/config/yaml_reader.cc": "yaml-cpp throws what is wrong with a file",
    "daemon/command_line.cc": "CLI11 throws what is wrong with a command line, and help",
    "daemon/cli/command_line.cc": "the same",
}
MAY_CATCH_ALL = {"core/base/user_code.h"}

LIBRARIES = {
    "gRPC": r"grpc(pp|\+\+)?/|.*\.grpc\.pb\.h$",
    "protobuf": r"google/protobuf/|.*\.pb\.h$",
    "yaml-cpp": r"yaml-cpp/",
    "CLI11": r"CLI/",
    "spdlog": r"spdlog/|fmt/",
    "Boost": r"boost/",
    "RE2": r"re2/",
    "OpenSSL": r"openssl/",
}


def floors_include_only_what_is_below(sources):
    for source in sources:
        if source.floor is None:
            continue
        allowed = FLOORS[: FLOORS.index(source.floor) + 1]
        for line, target, _ in source.includes():
            first = target.split("/")[0]
            if first in FLOORS and first not in allowed:
                yield source.path, line, f"{source.floor} must not include {first}, which is above it"


def libraries_stay_in_cc_files(sources):
    for source in sources:
        if source.floor is None or not source.is_header:
            continue
        for line, target, _ in source.includes():
            for library, pattern in LIBRARIES.items():
                if re.match(pattern, target):
                    yield source.path, line, f"{library} header in a header of ours; include it in the .cc"
                    break


def core_knows_no_network(sources):
    for source in sources:
        if source.floor != "core":
            continue
        for line, target, _ in source.includes():
            for library in ("gRPC", "protobuf", "yaml-cpp"):
                if re.match(LIBRARIES[library], target):
                    yield source.path, line, f"core must not include {library}"
                    break


def boost_stays_in_one_file_of_core_and_in_daemon(sources):
    in_core = []
    for source in sources:
        if source.floor is None or source.is_header:
            continue
        lines = [line for line, target, _ in source.includes() if re.match(LIBRARIES["Boost"], target)]
        if not lines:
            continue
        if source.floor in ("remote", "cluster"):
            yield source.path, lines[0], f"{source.floor} must not include Boost"
        elif source.floor == "core":
            in_core.append((source.path, lines[0]))
    for path, line in in_core[1:]:
        yield path, line, f"only one file of core includes Boost, and {in_core[0][0]} does"


def cli11_stays_in_one_file_a_program(sources):
    """The grammar of a command line is in one place: one file for nexusd, one for nexusctl."""
    seen = {}
    for source in sources:
        if source.floor is None:
            continue
        for line, target, _ in source.includes():
            if not re.match(LIBRARIES["CLI11"], target):
                continue
            program = "daemon/cli" if source.path.startswith("daemon/cli/") else source.floor
            if program in seen and seen[program] != source.path:
                yield source.path, line, f"CLI11 is already included by {seen[program]}"
            seen.setdefault(program, source.path)
            if source.floor != "daemon":
                yield source.path, line, "CLI11 belongs in daemon"
            break


def extras_stay_in_core(sources):
    for source in sources:
        if source.floor in (None, "core"):
            continue
        for line, target, _ in source.includes():
            if target == "core/actor/context_extras.h":
                yield source.path, line, "the extras of a context are core's own"


def no_banned_calls(sources):
    banned = [
        (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", "waiting is a timer or a condition, not a sleep"),
        (r"\bstd::endl\b", "write '\\n'"),
        (r"\.\s*detach\s*\(\s*\)", "every thread is joined"),
        (r"(?<![\w.:>])s?rand\s*\(|\bstd::s?rand\b", "use <random>"),
    ]
    for source in sources:
        if source.path.startswith("tests/stress/"):
            continue
        for pattern, why in banned:
            for line in source.find(pattern):
                yield source.path, line, f"{pattern_name(pattern, source, line)}: {why}"


def pattern_name(pattern, source, line):
    found = re.search(pattern, source.bare.split("\n")[line - 1])
    return found[0].strip() if found else "banned call"


def exceptions_end_at_the_borders(sources):
    for source in sources:
        if source.floor is None or source.name == "main.cc" or source.path in MAY_CATCH_ALL:
            continue
        pattern = r"\bcatch\s*\(\s*\.\.\.\s*\)" if source.path in MAY_CATCH else r"\bcatch\s*\("
        for line in source.find(pattern):
            yield source.path, line, "catch only in main.cc and the files of MAY_CATCH; others call failure_of()"


def headers_open_no_namespace(sources):
    for source in sources:
        if source.is_header:
            for line in source.find(r"\busing\s+namespace\b"):
                yield source.path, line, "using namespace in a header"


def nobody_allocates_by_hand(sources):
    naked_new = r"(?<![:\w])new\s+[A-Za-z_:]|::\s*new\s+[A-Za-z_:]|\boperator\s+(new|delete)\b"
    naked_delete = r"(?<!=\s)(?<!=)(?<!operator )\bdelete\b(\s*\[\s*\])?\s+[\w*(]|(?<!=\s)(?<!=)\bdelete\s*\[\s*\]"
    for source in sources:
        if source.floor is None or source.path in MAY_ALLOCATE:
            continue
        for pattern in (naked_new, naked_delete):
            for line in source.find(pattern):
                yield source.path, line, "naked new or delete; use make_unique, or add the file to MAY_ALLOCATE"


def nothing_is_left_to_do(sources):
    for source in sources:
        for line in source.find(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", where="text"):
            yield source.path, line, "unfinished work is absent, not announced"


def locks_are_ours(sources):
    raw = (r"\bstd::(recursive_|timed_|recursive_timed_|shared_|shared_timed_)?mutex\b|\bpthread_mutex|\bpthread_rwlock"
           r"|\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable)\b")
    for source in sources:
        if source.floor is None or source.path in MAY_USE_STD_MUTEX:
            continue
        for line in source.find(raw):
            yield source.path, line, "use Mutex, MutexLock and CondVar of core/base/mutex.h"


def nobody_spins(sources):
    """A lock made of an atomic is seen by no LockReport and by no count of calls."""
    spin = (r"\batomic_flag\b|\btest_and_set\b|\bpthread_spin|\b(ia32|mm)_pause\b|_pause\s*\(\s*\)|\bthis_thread::yield\b"
            r"|\bwhile\s*\((?!.*stopping_).*\.(load|exchange)\s*\(|\bcompare_exchange_\w+\s*\([^,()]*,\s*(true|1)\b")
    for source in sources:
        if source.floor is None or source.path in MAY_SPIN:
            continue
        for line in source.find(spin):
            yield source.path, line, "no locks and no waiting by hand: Mutex, CondVar or a timer"


def headers_say_what_they_are(sources):
    for source in sources:
        if not source.is_header:
            continue
        if not source.text.startswith("//"):
            yield source.path, 1, "a header begins with a comment that says what it is and who may call it"
        if not re.search(r"^#pragma once$", source.text, re.MULTILINE):
            yield source.path, 1, "#pragma once is missing"


def no_private_places(texts):
    """`texts`: every text file of the tree as (path, text)."""
    # Written in pieces, so that this file keeps its own rule.
    places = ["." + "library", ".." + "/shared", "/work" + "/"]
    for path, text in texts:
        for number, line in enumerate(text.split("\n"), start=1):
            for place in places:
                if place in line:
                    yield path, number, f"names a private place ({place})"


SOURCE_RULES = [
    floors_include_only_what_is_below,
    libraries_stay_in_cc_files,
    core_knows_no_network,
    boost_stays_in_one_file_of_core_and_in_daemon,
    cli11_stays_in_one_file_a_program,
    extras_stay_in_core,
    no_banned_calls,
    exceptions_end_at_the_borders,
    headers_open_no_namespace,
    nobody_allocates_by_hand,
    nothing_is_left_to_do,
    locks_are_ours,
    nobody_spins,
    headers_say_what_they_are,
]


def long_functions(source, lines_max):
    """(line, length) of what looks like a function of more lines. Relies on the layout that clang-format gives."""
    not_functions = r"(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|try|case|default|return)\b|[}:]"
    lines = source.bare.split("\n")
    begun = {}
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        if stripped.endswith("{") and ")" in stripped and indent <= 2 and not re.match(not_functions, stripped):
            begun.setdefault(indent, number)
        elif stripped.startswith("}") and indent in begun:
            length = number - begun.pop(indent) + 1
            if length > lines_max:
                yield number - length + 1, length
