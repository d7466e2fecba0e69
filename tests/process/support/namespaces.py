"""Nodes on a network of their own: each in a network namespace, all of them and the test on one bridge.

    if __name__ == "__main__":
        run_in_namespace()          # before anything is tested; ends the program, with a word, where namespaces are not allowed

    network = NamespaceNetwork()
    node = network.node(self, "n1")             # of a NodeTestCase; not started
    network.cut(first, second)                  # what the first one sends to the second vanishes
    network.heal()

A cut makes the sender believe in a hardware address that nobody has: its packets leave and reach nobody. Connections stay, as with a real
loss; nothing is refused and nothing is reset.
"""

import itertools
import os
import subprocess
import sys
import time

from support.node import Node

PREFIX = "10.77.0"
BRIDGE = "nexus0"
MARK = "NEXUS_TEST_NAMESPACE"
NOBODY = "02:00:00:00:ff:ff"


def ip(*arguments, of=None):
    """`ip`, in the namespace of a process."""
    enter = ["nsenter", f"--net=/proc/{of}/ns/net"] if of else []
    done = subprocess.run([*enter, "ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def run_in_namespace():
    """Goes on in a network namespace of its own, as its root."""
    if os.environ.get(MARK):
        ip("link", "set", "lo", "up")
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{PREFIX}.254/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        return
    for unshare in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        tried = subprocess.run([*unshare, "ip", "link", "add", BRIDGE, "type", "bridge"], capture_output=True, text=True,
                               check=False)
        if tried.returncode == 0:
            os.environ[MARK] = "1"
            os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    print(f"\n*** network namespaces are not allowed here ({tried.stderr.strip()}): this was NOT tested in namespaces ***",
          file=sys.stderr)
    sys.exit(0)


class _NamespacedNode(Node):
    def __init__(self, network, number, *arguments, **options):
        super().__init__(*arguments, **options)
        self._network = network
        self.number = number

    def start_process(self, command, **options):
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", 'read -r _ && exec "$@"', "sh", *command],
                                   stdin=subprocess.PIPE, **options)
        own = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{process.pid}/ns/net") == own:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not get a network namespace")
            time.sleep(0.001)
        self._network.plug(process.pid, self.number)
        process.stdin.write(b"\n")
        process.stdin.close()
        return process


class NamespaceNetwork:
    # Of all networks of the process: the kernel takes its time to remove the wires of a namespace that has ended.
    _wires = itertools.count()

    def __init__(self):
        self._nodes = []

    def node(self, case, name, settings="", **options):
        number = len(self._nodes) + 1
        node = _NamespacedNode(self, number, name, host=f"{PREFIX}.{number}", port=7701,
                               settings=f"{settings}security:\n  insecure: true\n", **options)
        case.adopt(node)
        self._nodes.append(node)
        return node

    def plug(self, pid, number):
        wire = f"nexus-{next(self._wires)}"
        ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        ip("link", "set", wire, "master", BRIDGE, "up")
        ip("link", "set", "lo", "up", of=pid)
        ip("link", "set", "eth0", "address", f"02:00:00:00:00:{number:02x}", of=pid)
        ip("addr", "add", f"{PREFIX}.{number}/24", "dev", "eth0", of=pid)
        ip("link", "set", "eth0", "up", of=pid)

    def cut(self, sender, receiver):
        ip("neigh", "replace", receiver.host, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent", of=sender.process.pid)

    def heal(self):
        for node in self._nodes:
            if node.runs():
                ip("neigh", "flush", "dev", "eth0", "nud", "permanent", of=node.process.pid)
