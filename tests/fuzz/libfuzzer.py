"""What the tests that fuzz have in common: libFuzzer for a minute (NEXUS_FUZZ_S) on one program."""

import os
import subprocess
import sys
import tempfile
import unittest

SECONDS = int(os.environ.get("NEXUS_FUZZ_S", "60"))


class FuzzCase(unittest.TestCase):
    def fuzz(self, name, what, seeds=()):
        """Begins with `seeds`, and with those that the program writes itself."""
        program = os.path.join(os.environ["NEXUS_TEST_BIN_DIR"], name)
        if not os.path.exists(program):
            print(f"\n*** clang++ or its libFuzzer is not installed: {what} was NOT fuzzed ***", file=sys.stderr)
            self.skipTest("no clang++ with libFuzzer")
        with tempfile.TemporaryDirectory() as folder:
            corpus = os.path.join(folder, "corpus")
            os.mkdir(corpus)
            for index, seed in enumerate(seeds):
                with open(os.path.join(corpus, str(index)), "wb") as file:
                    file.write(seed)
            command = [program, f"-max_total_time={SECONDS}", "-max_len=2048", "-timeout=10", "-rss_limit_mb=1024",
                       "-print_final_stats=1", corpus]
            done = subprocess.run(command, cwd=folder, env={**os.environ, "NEXUS_FUZZ_CORPUS": corpus}, capture_output=True,
                                  text=True, errors="replace", check=False)
            lines = done.stderr.splitlines()
            self.assertEqual(done.returncode, 0, "\n" + "\n".join(lines[-60:]))
            print("\n".join(line for line in lines if line.startswith(("Done", "stat::"))), file=sys.stderr)
