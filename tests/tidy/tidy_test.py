"""The rules of the tree (rules.py), each first shown to catch what it is for, then applied to every file."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules  # pylint: disable=wrong-import-position
from source import Source  # pylint: disable=wrong-import-position

ROOT = os.environ.get("NEXUS_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE_FOLDERS = ["core", "remote", "cluster", "daemon", "tests"]
NOT_OURS = {".git", "build", "dist", "__pycache__", ".cache"}
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70


def paths_below(folder):
    for place, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS)
        for name in sorted(names):
            yield os.path.relpath(os.path.join(place, name), ROOT)


def read(path):
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return file.read()
    except (UnicodeDecodeError, FileNotFoundError):
        return None


def code_paths():
    return [path for folder in CODE_FOLDERS for path in paths_below(folder) if path.endswith((".h", ".cc"))]


def load_sources():
    texts = ((path, read(path)) for path in code_paths())
    return [Source(path, text) for path, text in texts if text is not None]


# For each rule: files that break it, one finding each, and files that keep it though they come close.
BAD_AND_GOOD = {
    rules.floors_include_only_what_is_below: (
        [("core/a.cc", '#include "remote/b.h"'), ("remote/a.h", '#include "cluster/b.h"'),
         ("cluster/a.cc", '#  include "daemon/b.h"')],
        [("daemon/a.cc", '#include "core/b.h"'), ("core/a.cc", '// #include "remote/b.h"'),
         ("tests/a.cc", '#include "daemon/b.h"')]),
    rules.libraries_stay_in_cc_files: (
        [("remote/a.h", "#include <grpcpp/grpcpp.h>"), ("daemon/a.h", "#include <yaml-cpp/yaml.h>"),
         ("remote/b.h", '#include "nexus/v1/types.pb.h"'), ("core/a.h", "#include <spdlog/spdlog.h>"),
         ("daemon/b.h", "#include <openssl/x509.h>"),
         ("core/b.h", "#include <boost/asio.hpp>"), ("daemon/c.h", "#include <CLI/CLI.hpp>"),
         ("remote/c.h", "#include <google/protobuf/message.h>"), ("remote/d.h", '#include "x.grpc.pb.h"')],
        [("remote/a.cc", "#include <grpcpp/grpcpp.h>"), ("remote/a.h", '#include "remote/grpc_stream.h"')]),
    rules.core_knows_no_network: (
        [("core/a.cc", "#include <grpcpp/grpcpp.h>"), ("core/b.cc", '#include "protoactor/actor.pb.h"'),
         ("core/c.cc", "#include <yaml-cpp/yaml.h>")],
        [("core/a.cc", "#include <spdlog/spdlog.h>"), ("remote/a.cc", "#include <grpcpp/grpcpp.h>")]),
    rules.boost_stays_in_one_file_of_core_and_in_daemon: (
        [("remote/a.cc", "#include <boost/asio.hpp>"), ("core/b.cc", "#include <boost/asio.hpp>")],
        [("core/a.cc", "#include <boost/asio.hpp>"), ("daemon/a.cc", "#include <boost/asio.hpp>")]),
    rules.cli11_stays_in_one_file_a_program: (
        [("daemon/cli/b.cc", "#include <CLI/CLI.hpp>"), ("remote/a.cc", "#include <CLI/CLI.hpp>")],
        [("daemon/cli/a.cc", "#include <CLI/CLI.hpp>"), ("daemon/flags.cc", "#include <CLI/CLI.hpp>")]),
    rules.extras_stay_in_core: (
        [("remote/a.cc", '#include "core/actor/context_extras.h"')],
        [("core/a.cc", '#include "core/actor/context_extras.h"')]),
    rules.no_banned_calls: (
        [("core/a.cc", "std::this_thread::sleep_for(1ms);"), ("tests/a.cc", "usleep(1);"),
         ("core/b.cc", "out << std::endl;"), ("daemon/a.cc", "thread.detach();"), ("core/c.cc", "int x = rand();"),
         ("core/d.cc", "std::srand(1);")],
        [("tests/stress/a.cc", "std::this_thread::sleep_for(1ms);"), ("core/a.cc", "// never usleep(1)"),
         ("core/b.cc", 'log("thread.detach()");'), ("core/c.cc", "grand(1); engine.rand(2);")]),
    rules.exceptions_end_at_the_borders: (
        [("core/a.cc", "} catch (...) {"), ("remote/grpc_b.cc", "} catch(const std::exception&) {"),
         ("core/base/log.cc", "} catch (...) {")],
        [("core/base/user_code.h", "} catch (...) {"), ("daemon/main.cc", "} catch (...) {"),
         ("core/base/log.cc", "} catch (const std::exception&) {"), ("core/b.cc", "// a catch (it said)")]),
    rules.headers_open_no_namespace: (
        [("core/a.h", "using namespace std::chrono;")],
        [("core/a.cc", "using namespace std::chrono_literals;"), ("core/a.h", "namespace fs = std::filesystem;")]),
    rules.nobody_allocates_by_hand: (
        [("core/a.cc", "auto* p = new Thing(1);"), ("core/b.cc", "delete p;"), ("core/c.cc", "delete[] p;"),
         ("core/d.cc", "p = ::operator new(8);"), ("core/e.cc", "return new std::string;")],
        [("core/a.h", "A(const A&) = delete;"), ("core/b.cc", "::new (place) Thing(1);"), ("core/c.h", "#include <new>"),
         ("core/d.cc", "// a new thing"), ("tests/a.cc", "auto* p = new Thing;"),
         ("core/memory/node_cache.cc", "::operator delete(p);"), ("core/e.cc", "new_count += 1; is_new = renew(x);")]),
    rules.nothing_is_left_to_do: (
        [("core/a.cc", "// TO" "DO: more"), ("daemon/a.cc", "int x; // FIX" "ME")],
        [("core/a.cc", "auto mastodon = 1;")]),
    rules.locks_are_ours: (
        [("core/a.h", "std::mutex mutex_;"), ("remote/a.cc", "std::shared_mutex m;"),
         ("cluster/a.cc", "pthread_mutex_t m;"), ("core/b.cc", "std::lock_guard lock(m);"),
         ("core/c.h", "std::condition_variable_any c;" .replace("_any", ""))],
        [("core/base/mutex.h", "std::mutex mutex_;"), ("core/a.h", "Mutex mutex_;"), ("core/b.h", "// not std::mutex")]),
    rules.nobody_spins: (
        [("core/a.h", "std::atomic_flag flag_;"), ("core/a.cc", "while (taken_.exchange(true)) {"),
         ("remote/a.cc", "std::this_thread::yield();"), ("core/b.cc", "while (busy_.load(std::memory_order_acquire)) {"),
         ("cluster/a.cc", "if (state_.compare_exchange_strong(free, true)) {"), ("core/c.cc", "__builtin_ia32_pause();")],
        [("core/d.cc", "while (!head_.compare_exchange_weak(node->next, node)) {"), ("core/e.cc", "if (told_.exchange(true)) return;"),
         ("core/f.cc", "while (!stopping_.load()) {"), ("tests/a.cc", "while (busy.load()) {"),
         ("core/dispatch/worker.cc", "std::this_thread::yield();")]),
    rules.headers_say_what_they_are: (
        [("core/a.h", "#pragma once\nint x;"), ("core/b.h", "// Says what it is.\nint x;")],
        [("core/a.h", "// Says what it is.\n#pragma once\nint x;"), ("core/a.cc", "int x;")]),
}


class RulesCatchWhatTheyAreFor(unittest.TestCase):
    def test_every_rule_has_examples(self):
        self.assertEqual(set(BAD_AND_GOOD), set(rules.SOURCE_RULES))

    def test_each_rule_finds_bad_files_and_passes_good_ones(self):
        for rule, (bad, good) in BAD_AND_GOOD.items():
            with self.subTest(rule.__name__):
                # Good files come first: some rules allow a thing once.
                found = list(rule([Source(*file) for file in good + bad]))
                self.assertEqual(sorted(finding[0] for finding in found if finding[0] not in dict(bad)), [])
                for path, text in bad:
                    with self.subTest(text):
                        self.assertIn(path, [finding[0] for finding in found])

    def test_private_places_are_found_in_any_text(self):
        bad = [("docs/a.md", "see ." + "library/x"), ("deploy/b", "cat .." + "/shared/DESIGN.md")]
        good = [("docs/c.md", "a library, shared by all")]
        self.assertEqual([path for path, _, _ in rules.no_private_places(good + bad)], ["docs/a.md", "deploy/b"])

    def test_findings_name_the_line(self):
        source = Source("core/a.cc", 'int a;\n/* two\nlines */ auto s = R"x(\n)x";\nusleep(1);\n')
        self.assertEqual([line for _, line, _ in rules.no_banned_calls([source])], [5])

    def test_long_functions_are_measured(self):
        body = "  int x = 0;\n" * 80
        source = Source("core/a.cc", "namespace a {\nvoid f() {\n" + body + "}\nvoid g() {\n}\n}\n")
        self.assertEqual(list(rules.long_functions(source, FUNCTION_LINES_MAX)), [(2, 82)])


class TheTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sources = load_sources()

    def assert_no_findings(self, findings):
        lines = [f"{path}:{line}: {what}" for path, line, what in findings]
        self.assertFalse(lines, "\n" + "\n".join(lines))

    def test_there_are_sources(self):
        self.assertGreater(len(self.sources), 20)

    def test_keeps_every_rule(self):
        for rule in rules.SOURCE_RULES:
            with self.subTest(rule.__name__):
                self.assert_no_findings(rule(self.sources))

    def test_exceptions_are_files_that_exist(self):
        for path in list(rules.MAY_ALLOCATE) + list(rules.MAY_USE_STD_MUTEX) + list(rules.MAY_SPIN) + list(
                rules.MAY_CATCH_ALL):
            self.assertIsNotNone(read(path), f"{path} is excepted from a rule but is not there")

    def test_names_no_private_places(self):
        texts = ((path, read(path)) for path in paths_below("."))
        self.assert_no_findings(rules.no_private_places((path, text) for path, text in texts if text is not None))

    def test_reports_what_is_long(self):
        """Long is not wrong: this only tells."""
        for source in self.sources:
            line_count = source.text.count("\n")
            if line_count > FILE_LINES_MAX:
                print(f"note: {source.path} has {line_count} lines", file=sys.stderr)
            for line, length in rules.long_functions(source, FUNCTION_LINES_MAX):
                print(f"note: {source.path}:{line}: {length} lines in one function", file=sys.stderr)


class Format(unittest.TestCase):
    def test_clang_format_would_change_nothing(self):
        clang_format = shutil.which("clang-format")
        if clang_format is None:
            print("\n*** clang-format is not installed: the layout of the code was NOT checked ***", file=sys.stderr)
            self.skipTest("clang-format is not installed")
        done = subprocess.run([clang_format, "--dry-run", "-Werror", "--style=file", *code_paths()], cwd=ROOT,
                              capture_output=True, text=True, check=False)
        files = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line})
        self.assertEqual(done.returncode, 0, "run clang-format -i on:\n" + "\n".join(files))


if __name__ == "__main__":
    unittest.main(verbosity=2)
