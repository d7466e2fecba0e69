"""clang-tidy over core, with the checks of .clang-tidy and the flags of the build."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from concurrent import futures

ROOT = os.environ["NEXUS_SOURCE_DIR"]
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

    @staticmethod
    def check(path):
        # Flags for g++ that clang does not know are no finding.
        command = ["clang-tidy", "--quiet", "-p", os.path.dirname(COMMANDS),
                   "--extra-arg=-Wno-unknown-warning-option", path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr) if done.returncode != 0 else ""


if __name__ == "__main__":
    unittest.main(verbosity=2)
