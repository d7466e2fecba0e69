"""Free TCP ports of loopback."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections, so that no client of ours sits on one.
_FIRST, _LAST = 20000, 30000
_given = set()


def free_port():
    """A port that nobody listens on and that this process has not given out before."""
    while True:
        port = random.randrange(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
