"""An ask through a node that does not host the actor stays under two milliseconds, and ask_latency says what is in it."""

import json
import os
import subprocess

from support.case import NodeTestCase, main

ASK_LATENCY = os.path.join(os.environ["NEXUS_BIN_DIR"], "ask_latency")
MEDIAN_US_MAX = 2000
ROUND_COUNT_MAX = 30


class AskLatency(NodeTestCase):
    def measure(self, host, asked):
        done = subprocess.run([ASK_LATENCY, "--node", asked.address, "--pid", host.pid_of("c"), "--count", "100",
                               "--process", str(host.process.pid), "--process", str(asked.process.pid)],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_the_median_is_under_two_milliseconds(self):
        host, asked = self.start_many(2)
        self.client(host).spawn("counter", "c")
        # The best of some: other work on the machine lengthens a round, nothing shortens it.
        rounds = [self.measure(host, asked) for _ in range(3)]
        while min(one["median"] for one in rounds) >= MEDIAN_US_MAX and len(rounds) < ROUND_COUNT_MAX:
            rounds.append(self.measure(host, asked))
        self.assertLess(min(one["median"] for one in rounds), MEDIAN_US_MAX, rounds)
        for one in rounds:
            self.assertGreater(one["sleeps_per_ask"], 1)
            self.assertGreater(one["client_sleeps_per_ask"], 0)
            self.assertGreater(one["wake_up"], 0)
            share = (one["sleeps_per_ask"] + one["client_sleeps_per_ask"]) * one["wake_up"] / one["median"]
            self.assertAlmostEqual(one["wake_up_share"], share, delta=0.01 * share)


if __name__ == "__main__":
    main()
