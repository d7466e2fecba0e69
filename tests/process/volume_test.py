"""Many messages between nodes: none is lost, and those of one sender keep their order."""

import threading
import time

from support.case import NodeTestCase, main
from support.node import TEST_NODE, TIME_FACTOR

MESSAGES = 100_000
BATCH = 1000
CLIENTS = 4


class Volume(NodeTestCase):
    def in_parallel(self, work):
        """Calls work(n) on CLIENTS threads, and raises what one of them raised."""
        errors = []

        def guarded(number):
            try:
                work(number)
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def test_none_of_100000_tells_through_another_node_is_lost(self):
        host, other = self.start_many(2)
        self.client(host).spawn("counter", "c")
        pid = host.pid_of("c")

        def send(_):
            client = self.client(other)
            for _ in range(MESSAGES // CLIENTS // BATCH):
                self.assertEqual(client.tell(pid, [{"add": 1}] * BATCH, timeout=60 * TIME_FACTOR), BATCH)

        begin = time.monotonic()
        self.in_parallel(send)
        took = time.monotonic() - begin
        # The acknowledgement means that every message is in the mailbox, so the answer counts all of them.
        self.assertEqual(self.client(host).ask("c", {}, timeout=60 * TIME_FACTOR), {"value": str(MESSAGES)})
        print(f"{MESSAGES / took:.0f} acknowledged tells a second through the other node")

    def test_messages_of_one_client_keep_their_order(self):
        host, other = self.start_many(2, program=TEST_NODE)
        self.client(host).spawn("recorder", "r")
        pid = host.pid_of("r")
        per_client = 10_000

        def send(number):
            client = self.client(other)
            for first in range(0, per_client, BATCH):
                client.tell(pid, [{"sender": f"client {number}", "sequence": first + n} for n in range(BATCH)],
                            timeout=60 * TIME_FACTOR)

        self.in_parallel(send)
        self.assertEqual(self.client(host).ask(pid, {}, timeout=30 * TIME_FACTOR),
                         {"received": CLIENTS * per_client, "out_of_order": 0, "senders": CLIENTS})

    def test_messages_from_actor_to_actor_between_nodes_keep_their_order_and_none_is_lost(self):
        host, other = self.start_many(2, program=TEST_NODE)
        self.client(host).spawn("recorder", "r")
        pid = host.pid_of("r")
        there = self.client(other)
        pingers = [there.spawn("pinger", f"p{n}").pid for n in range(CLIENTS)]
        per_pinger = MESSAGES // CLIENTS

        def ping(number):
            answer = self.client(other).ask(pingers[number], {"target": pid, "count": per_pinger},
                                            timeout=120 * TIME_FACTOR)
            self.assertEqual(answer, {"sent": per_pinger})

        begin = time.monotonic()
        self.in_parallel(ping)
        took = time.monotonic() - begin
        self.assertEqual(self.client(host).ask(pid, {}, timeout=30 * TIME_FACTOR),
                         {"received": MESSAGES, "out_of_order": 0, "senders": CLIENTS})
        print(f"{MESSAGES / took:.0f} messages a second from actor to actor")


if __name__ == "__main__":
    main()
