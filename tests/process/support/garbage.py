"""What hostile clients send: bytes that are not HTTP/2, HTTP/2 that is not gRPC, gRPC that is not the node's protocol."""

import struct

from nexus.internal.v1 import link_pb2 as link
from protoactor import actor_pb2 as actor
from protoactor import remote_pb2 as remote

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TLS_HELLO = (b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(32) +
             b"\x00\x00\x04\x13\x01\x13\x02\x01\x00\x00\x00")
OTHER_PROTOCOLS = (TLS_HELLO, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 1000, bytes(100_000))

DATA, HEADERS, CONTINUATION = 0, 1, 9
END_HEADERS = 4
RECEIVE = "/remote.Remoting/Receive"
# Nobody listens there.
NOWHERE = "127.0.0.1:1"


def http2_frame(kind, flags, stream, payload, length=None):
    """With another length in its head than it has, where one is given."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


SETTINGS = http2_frame(4, 0, 0, b"")


def _hpack_text(text):
    data = text.encode()
    assert len(data) < 127
    return bytes([len(data)]) + data


def hpack_literal(name, value):
    return b"\x00" + _hpack_text(name) + _hpack_text(value)


def call_headers(path=RECEIVE):
    """The header block of a gRPC call. POST and http are in HPACK's table, as are the names of path and authority."""
    return (b"\x83\x86" + b"\x04" + _hpack_text(path) + b"\x01" + _hpack_text("localhost") +
            hpack_literal("content-type", "application/grpc") + hpack_literal("te", "trailers"))


def call_start(path=RECEIVE):
    return PREFACE + SETTINGS + http2_frame(HEADERS, END_HEADERS, 1, call_headers(path))


def grpc_message(data, length=None):
    return b"\x00" + struct.pack(">I", len(data) if length is None else length) + data


def handshake(dice, member_id=None):
    return remote.RemoteMessage(connect_request=remote.ConnectRequest(server_connection=remote.ServerConnection(
        member_id=member_id or f"{dice.randrange(1 << 64):022x}", address=NOWHERE,
        nexus_link=link.LinkOffer(version=1, link=dice.randrange(1, 100), session=dice.randrange(1, 100)))))


def _batch(target, message, sender="w"):
    return remote.MessageBatch(
        type_names=[message.DESCRIPTOR.full_name], targets=[target.encode()],
        senders=[actor.PID(Address=NOWHERE, Id=sender)],
        envelopes=[remote.MessageEnvelope(message_data=message.SerializeToString(), sender=1, sender_request_id=7)])


def real_frames(dice, target):
    """One of each sort that a peer sends, serialised."""
    watcher = actor.PID(Address=NOWHERE, Id="w")
    messages = [actor.Touch(), actor.Watch(Watcher=watcher), actor.Unwatch(Watcher=watcher),
                actor.Terminated(who=watcher), remote.ActorPidRequest(kind="no-such-kind", name="x")]
    frames = [remote.RemoteMessage(message_batch=_batch(target, message)) for message in messages]
    numbered = remote.RemoteMessage(message_batch=_batch(target, actor.Touch()), nexus_sequence=1)
    many = _batch(target, actor.Touch())
    for _ in range(20):
        many.envelopes.add(message_data=dice.randbytes(16), target=0, sender=1)
    with_headers = _batch(target, actor.Touch())
    with_headers.envelopes[0].message_header.header_data.update({"a": "b", "traceparent": "00-" + "0" * 40})
    frames += [numbered, remote.RemoteMessage(message_batch=many), remote.RemoteMessage(message_batch=with_headers),
               handshake(dice), remote.RemoteMessage(disconnect_request=remote.DisconnectRequest()),
               remote.RemoteMessage(connect_response=remote.ConnectResponse(member_id="x")),
               remote.RemoteMessage(connect_request=remote.ConnectRequest(
                   client_connection=remote.ClientConnection(member_id="x"))),
               remote.RemoteMessage(nexus_ack=link.LinkAck(received=1 << 40, credit_bytes=1)),
               remote.RemoteMessage(nexus_ping=link.LinkPing())]
    return [frame.SerializeToString() for frame in frames]


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def mutate(dice, data):
    """Wrong in one to four places."""
    data = bytearray(data)
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.randrange(1, 20))
        way = dice.randrange(6)
        if way == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif way == 1:
            del data[at:]
        elif way == 2:
            del data[at:end]
        elif way == 3:
            data[at:at] = dice.randbytes(dice.randrange(1, 50))
        elif way == 4:
            data[at:at] = data[at:end] * dice.randrange(1, 50)
        else:
            data[at:at + 1] = _varint(dice.choice([0x7f, 0xffff, 1 << 31, 1 << 32, (1 << 63) - 1, (1 << 64) - 1]))
    return bytes(data)
