"""libFuzzer for a minute (NEXUS_FUZZ_S) on BatchDecoder, beginning with frames as peers write them."""

import unittest

from libfuzzer import FuzzCase


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, body):
    body = body.encode() if isinstance(body, str) else body
    return varint(field << 3 | 2) + varint(len(body)) + body


def pid(address, name):
    return text(1, address) + text(2, name)


def header(*entries):
    return text(6, b"".join(text(1, text(1, key) + text(2, value)) for key, value in entries))


def seeds():
    type_name = text(1, "shop.v1.Item")
    envelope = text(3, text(2, b"data") + number(4, 1) + number(7, 300) + number(8, 5))
    with_headers = text(3, number(5, 1) + header(("k", "v"), ("\u00e9", "")) + text(2, b"d") + header(("k", "w")))
    sender = text(4, pid("n:1", "s"))
    group = varint(9 << 3 | 3) + number(9, 1) + varint(9 << 3 | 4)
    yield text(1, type_name + text(2, "x") + sender + envelope + with_headers)
    yield text(1, envelope + envelope + sender + text(2, pid("p:1", "x")) + type_name)
    yield text(1, type_name + text(2, "x")) + group + text(1, with_headers) + text(9, b"unknown")
    yield text(1, type_name + text(2, "x") + text(3, number(1, 2**64 - 1)) + group + text(3, group))
    yield text(2, text(2, text(1, "m1") + text(2, "h:7")))
    yield text(3, text(2, "m2")) + text(4, b"")
    # Between nodes that number their frames.
    sequence = varint(1001 << 3 | 1) + (300).to_bytes(8, "little")
    ack = text(1002, number(1, 300) + number(2, 65536))
    yield text(1, type_name + text(2, "x") + envelope) + sequence
    yield sequence + ack + text(1, type_name + text(2, "x") + envelope) + text(1003, b"")


class BatchDecoderFuzz(FuzzCase):
    def test_agrees_with_protobuf_for_a_minute(self):
        self.fuzz("batch_decoder_fuzz", "the reader of batches", seeds())


if __name__ == "__main__":
    unittest.main(verbosity=2)
