"""Builds the runtime without NEXUS_LOCK_TIMING: it works, and nothing of the measuring is left in it."""

import json
import os
import subprocess
import tempfile
import unittest

SOURCE = os.environ["NEXUS_SOURCE_DIR"]
PROGRAMS = {"core_bench": "bin", "core_telemetry_lock_report_test": "tests", "core_telemetry_zero_locks_test": "tests"}


class LockTimingOff(unittest.TestCase):
    def run_ok(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_it_builds_and_works(self):
        with tempfile.TemporaryDirectory(prefix="nexus-lock-timing-") as build:
            self.run_ok("cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                        "-DNEXUS_TESTS=ON", "-DNEXUS_LOCK_TIMING=OFF")
            self.run_ok("ninja", "-C", build, *PROGRAMS)
            for name, folder in PROGRAMS.items():
                if name.endswith("_test"):
                    self.run_ok(os.path.join(build, folder, name))
            line = self.run_ok(os.path.join(build, "bin", "core_bench"), "--workload", "pingpong", "--runs", "1",
                               "--scale", "0.01", "--json").splitlines()[-1]
            self.assertGreater(json.loads(line)["median"], 0)
            library = self.run_ok("find", build, "-name", "libnexus_core.a").strip()
            wanted = self.run_ok("nm", "-C", "--undefined-only", library)
            self.assertIn("pthread_mutex_lock", wanted)
            # What reads the counts is there, and finds none.
            self.assertNotRegex(wanted, "LockSites::(lock_contended|count_first|index_of)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
