"""clang-tidy over core, with the checks of .clang-tidy and the flags of the build."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from concurrent import futures

ROOT = os.environ["NEXUS_SOURCE_DIR"]
# The flags are g++'s, of which clang does not know all; that is no finding.
ARGUMENTS = ["clang-tidy", "--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wthread-safety"]
COMMANDS = os.path.join(os.environ["NEXUS_BUILD_DIR"], "compile_commands.json")


class ClangTidy(unittest.TestCase):
    def test_has_nothing_to_say_about_core(self):
        if shutil.which("clang-tidy") is None:
            print("\n*** clang-tidy is not installed: core was NOT checked ***", file=sys.stderr)
            self.skipTest("clang-tidy is not installed")
        with open(COMMANDS, encoding="utf-8") as file:
            compiled = {entry["file"] for entry in json.load(file)}
        files = sorted(path for path in compiled if path.startswith(os.path.join(ROOT, "core") + "/"))
        self.assertTrue(files, f"{COMMANDS} names no file of core")
        with futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            findings = [text for text in pool.map(self.check, files) if text]
        self.assertFalse(findings, "\n" + "\n".join(findings))

    def test_finds_what_is_touched_without_its_mutex(self):
        if shutil.which("clang-tidy") is None:
            self.skipTest("clang-tidy is not installed")
        code = """#include "core/base/mutex.h"
            struct Account {
              nexus::core::Mutex mutex{"account"};
              int balance GUARDED_BY(mutex) = 0;
            };
            int checked(Account& account) { const nexus::core::MutexLock lock(account.mutex); return account.balance; }
            int unchecked(Account& account) { return account.balance; }
            """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "account.cc")
            with open(path, "w", encoding="utf-8") as file:
                file.write(code)
            command = [*ARGUMENTS, "--config-file=" + os.path.join(ROOT, ".clang-tidy"), path, "--",
                       "-std=c++20", "-DNEXUS_LOCK_TIMING=1", "-I", ROOT]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("clang-diagnostic-thread-safety"), 1, done.stdout + done.stderr)

    @staticmethod
    def check(path):
        command = [*ARGUMENTS, "-p", os.path.dirname(COMMANDS), path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr) if done.returncode != 0 else ""


if __name__ == "__main__":
    unittest.main(verbosity=2)
