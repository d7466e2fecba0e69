"""libFuzzer for a minute (NEXUS_FUZZ_S) on the reader of control messages, beginning with one of each kind."""

import unittest

from libfuzzer import FuzzCase

# A join_offer of members without anything: two bytes each, and some two hundred in memory.
EMPTY_MEMBERS = b"\x92\x01\x80\x08" + b"\x0a\x00" * 512
# A snapshot whose member's address says that it is a megabyte, and ends after two bytes.
LONG_ADDRESS = b"\x62\x08\x1a\x06\x12\x80\x80\x40no"


class ControlCodecFuzz(FuzzCase):
    def test_keeps_its_promises_for_a_minute(self):
        self.fuzz("control_codec_fuzz", "the reader of control messages", (EMPTY_MEMBERS, LONG_ADDRESS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
