"""Base of the tests that run nexusctl against a fake service."""

import unittest

from support.nexusctl import nexusctl


class NexusctlTestCase(unittest.TestCase):
    """`service` is what `make_service` made, for the time of one test."""

    make_service = None

    def setUp(self):
        self.service = self.make_service().__enter__()
        self.addCleanup(self.service.__exit__, None, None, None)

    def run_ok(self, *arguments, **options):
        done = nexusctl(*arguments, node=self.service.address, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def run_failing(self, code, *arguments, **options):
        done = nexusctl(*arguments, node=self.service.address, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def only_request(self):
        self.assertEqual(len(self.service.requests), 1)
        return self.service.requests[0]
