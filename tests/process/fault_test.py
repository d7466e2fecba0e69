"""Two nodes that send to each other without a pause, and watch each other's actors, while the network between them fails and nodes are
killed: nothing comes twice or out of order, each message has a fate, and each watch is told of its end once. By what both nodes wrote down.

    fault_test.py [--rounds N] [--seed S]     or NEXUS_FAULT_ROUNDS, NEXUS_FAULT_SEED
"""

import argparse
import collections
import os
import random
import sys
import tempfile
import time

from support.books import Book, disorder
from support.case import NodeTestCase, main
from support.client import CallFailed
from support.fault_proxy import FaultNetwork
from support.node import TEST_NODE, TIME_FACTOR

ROUNDS = int(os.environ.get("NEXUS_FAULT_ROUNDS", "4"))
SEED = int(os.environ.get("NEXUS_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
UNREACHABLE_AFTER_S = 1.0 * TIME_FACTOR
# A peer that is silent for longer than the shorter faults is left.
SETTINGS = ("  reconnect_min: 20ms\n  reconnect_max: 300ms\n"
            f"  ping_interval: {250 * TIME_FACTOR}ms\n  ping_timeout: {750 * TIME_FACTOR}ms\n")
# To each of two targets, from each of two tellers of a node: 4,000 messages a second in each direction.
PER_BEAT, BEAT_MS = 5 if TIME_FACTOR == 1 else 1, 5
LANES = 2
# Of each node; each watches all ledgers of the other.
WATCHERS = 3


class Round:
    """What a seed wants: faults, in words for who reads a failure, and when they end."""

    def __init__(self, seed, number):
        self.dice = random.Random(f"{seed} {number}")
        self.steps = []
        # Nothing may be lost, dead or in doubt when the link only got slow.
        self.is_gentle = False
        self.has_wrong_bits = False
        self.kills = set()
        kind = self.dice.choices(["gentle", "breaking", "kill", "lost_and_killed"], [6, 10, 3, 2])[0]
        getattr(self, f"_{kind}")()

    def __str__(self):
        return "\n".join(f"  {what}{arguments} on {where}, for {seconds:.2f} s"
                         for what, where, arguments, seconds in self.steps)

    def _paths(self):
        return self.dice.choice([[(0, 1)], [(1, 0)], [(0, 1), (1, 0)]])

    def _add(self, what, where, *arguments, seconds):
        self.steps.append((what, where, arguments, seconds * TIME_FACTOR))

    def _gentle(self):
        self.is_gentle = True
        dice = self.dice
        for path in self._paths():
            what, arguments = dice.choice([
                ("delay", (round(dice.uniform(0.005, 0.1), 3), round(dice.uniform(0, 0.05), 3))),
                ("rate", (dice.randrange(100_000, 1_000_000),)), ("lose", (0.01,)), ("stall", ())])
            self._add(what, path, *arguments, seconds=dice.uniform(0.1, 0.3))

    def _breaking(self):
        dice = self.dice
        # Shorter, and longer, than it takes to give the peer up.
        seconds = dice.choice([dice.uniform(0.0, 0.3), dice.uniform(1.5, 2.0)])
        what = dice.choice(["reset", "reset", "cut", "stall", "black_hole", "refuse", "flip"])
        if what == "reset":
            for _ in range(dice.randrange(1, 4)):
                self._add("reset", dice.choice([(0,), (1,), (0, 1)]), seconds=dice.uniform(0.0, 0.2))
        elif what in ("cut", "stall", "flip"):
            self.has_wrong_bits = what == "flip"
            for path in self._paths():
                self._add(what, path, *([5_000] if what == "flip" else []), seconds=0)
            self._add("wait", (), seconds=seconds)
        elif what == "black_hole":
            self._add(what, dice.choice([(0,), (1,), (0, 1)]), seconds=seconds)
        else:
            where = dice.choice([(0,), (1,), (0, 1)])
            self._add("refuse", where, seconds=0)
            self._add("reset", where, seconds=seconds)

    def _kill(self):
        victim = self.dice.randrange(2)
        self.kills.add(victim)
        if self.dice.random() < 0.5:
            self._add("delay", (1 - victim, victim), 0.02, seconds=0.05)
        self._add("kill", (victim,), seconds=self.dice.choice([0.0, 0.3, 1.5]))


    def _lost_and_killed(self):
        """It vanishes from the network, and is another process when it is there again."""
        dice = self.dice
        victim = dice.randrange(2)
        self.kills.add(victim)
        # Shorter, and longer, than it takes to give it up.
        self._add("black_hole", dice.choice([(victim,), (0, 1)]), seconds=dice.choice([0.3, 1.5]))
        self._add("kill", (victim,), seconds=0)


class Faults(NodeTestCase):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory(prefix="nexus-books-")
        self.addCleanup(self.folder.cleanup)
        self.network = FaultNetwork(SEED)
        self.books = [Book(os.path.join(self.folder.name, f"book{n}")) for n in range(2)]
        self.nodes = [self.start_one(n) for n in range(2)]
        # What each pair had sent when the last fault ended.
        self.healed_after = {}
        # Peers that each node had given up before this round.
        self.gone_before = [0, 0]

    def start_one(self, place, **options):
        return self.network.node(self, f"n{place + 1}", program=TEST_NODE, settings=SETTINGS,
                                 unreachable_after=f"{int(UNREACHABLE_AFTER_S * 1000)}ms",
                                 env={"NEXUS_TEST_BOOK": self.books[place].path}, **options)

    def read_books(self):
        for book in self.books:
            book.read()

    # One round.

    def begin_load(self, number):
        """The ids of tellers and ledgers, by node."""
        self.pairs, self.watches = [], []
        self.read_books()
        self.gone_before = [len(book.gone) for book in self.books]
        for place, node in enumerate(self.nodes):
            self.spawn_ledgers(place, number)
        for place, node in enumerate(self.nodes):
            other = self.nodes[1 - place]
            for lane in range(LANES):
                teller = f"teller-{number}-{place}-{lane}"
                client = self.client(node)
                client.spawn("teller", teller)
                ledgers = [f"ledger-{number}-{1 - place}-{lane}" for lane in range(LANES)]
                client.ask(teller, {"targets": " ".join(other.pid_of(ledger) for ledger in ledgers),
                                    "per_beat": PER_BEAT, "beat_ms": BEAT_MS})
                self.pairs += [(place, teller, ledger) for ledger in ledgers]
            self.watch(place, number)

    def watch(self, place, number):
        other = self.nodes[1 - place]
        ledgers = [f"ledger-{number}-{1 - place}-{lane}" for lane in range(LANES)]
        for index in range(WATCHERS):
            watcher = f"watcher-{number}-{place}-{index}"
            client = self.client(self.nodes[place])
            client.spawn("witness", watcher)
            client.ask(watcher, {"targets": " ".join(other.pid_of(ledger) for ledger in ledgers)})
            self.watches += [(place, watcher, ledger) for ledger in ledgers]

    def spawn_ledgers(self, place, number):
        for lane in range(LANES):
            self.client(self.nodes[place]).spawn("ledger", f"ledger-{number}-{place}-{lane}")

    def end_load(self, round_):
        for place, node in enumerate(self.nodes):
            # A new process has no tellers of this round.
            for teller in {teller for at, teller, _ in self.pairs if at == place and place not in round_.kills}:
                self.client(node).ask(teller, {"stop": True}, timeout=20 * TIME_FACTOR)

    def stop_actors(self, actors):
        """Of this round, so that they do not fill the node."""
        for place, actor_id in sorted(set(actors)):
            try:
                self.client(self.nodes[place]).stop(actor_id)
            except CallFailed as failure:
                self.assertEqual(failure.reason, "ACTOR_NOT_FOUND", failure)

    def end_watches(self, round_):
        """By the end of all that is watched."""
        watchers = {(place, watcher) for place, watcher, _ in self.watches}
        for place, watcher in sorted(watchers):
            if place not in round_.kills:
                self.client(self.nodes[place]).ask(watcher, {"stop": True}, timeout=20 * TIME_FACTOR)
        self.stop_actors((1 - place, ledger) for place, _, ledger in self.pairs)
        if not round_.has_wrong_bits:
            self.await_true(lambda: self.all_told(round_), timeout_s=20)
            self.check_watches(round_)
        self.stop_actors(watchers | {(place, teller) for place, teller, _ in self.pairs})

    def suffer(self, round_, number):
        for what, where, arguments, seconds in round_.steps:
            if what == "kill":
                self.kill(where[0], number, seconds)
            elif what in ("reset", "refuse", "black_hole"):
                for place in where:
                    getattr(self.network.proxy(self.nodes[place]), what)()
                self.pass_time(seconds)
            else:
                if what != "wait":
                    sender, receiver = (self.nodes[place] for place in where)
                    getattr(self.network.path(sender, receiver), what)(*arguments)
                self.pass_time(seconds)
        self.network.heal()

    def kill(self, place, number, seconds):
        """And a new process at the same address, which nobody reaches before its ledgers write their books."""
        proxy = self.network.proxy(self.nodes[place])
        self.nodes[place].crash()
        proxy.refuse()
        self.pass_time(seconds)
        self.nodes[place] = self.start_one(place, instead_of=self.nodes[place])
        self.spawn_ledgers(place, number)

    def pass_time(self, seconds):
        end = time.monotonic() + seconds
        self.await_true(lambda: time.monotonic() >= end, timeout_s=seconds + 20)

    def flows(self, pair, beyond):
        place, teller, ledger = pair
        posted = self.books[1 - place].posted[teller, ledger]
        return bool(posted) and posted[-1] > beyond

    def await_flow(self, killed):
        """Until each teller that still lives is heard again."""
        self.read_books()
        beyond = {}
        for place, teller, ledger in self.pairs:
            if place not in killed:
                sent = self.books[place].sent[teller, ledger]
                beyond[place, teller, ledger] = sent[-1] if sent else 0
        self.healed_after = beyond

        def all_flow():
            self.read_books()
            return all(self.flows(pair, last) for pair, last in beyond.items())
        self.await_true(all_flow, timeout_s=30)

    def unfated(self, pair):
        """Numbers that were sent, and of which nobody knows anything."""
        place, teller, ledger = pair
        key = (teller, ledger)
        known = set(self.books[1 - place].posted[key])
        for book in self.books:
            known |= set(book.dead[key])
        return [number for number in self.books[place].sent[key] if number not in known]

    def check(self, round_):
        for pair in self.pairs:
            place, teller, ledger = pair
            key = (teller, ledger)
            sender, receiver = self.books[place], self.books[1 - place]
            posted, handled = receiver.posted[key], receiver.handled[key]
            told = f"from {teller} to {ledger}"
            # One number after the other, none twice.
            self.assertEqual(posted, sorted(set(posted)), f"{told}: posted out of order or twice: {disorder(posted)}")
            self.assertEqual(handled, sorted(set(handled)), f"{told}: handled out of order or twice: {disorder(handled)}")
            self.assertLessEqual(set(posted), set(sender.sent[key]), f"{told}: never sent")
            if 1 - place in round_.kills:
                self.assertLessEqual(set(handled), set(posted), told)
            else:
                self.assertEqual(handled, posted, told)
            dead = {number: reasons for book in self.books for number, reasons in book.dead[key].items()}
            # The number is the envelope's, and what made its message unreadable may have changed that, too.
            unsure = {"link_lost_in_doubt"} | ({"unreadable"} if round_.has_wrong_bits else set())
            both = {number: reasons for number, reasons in dead.items()
                    if number in set(posted) and not reasons <= unsure}
            self.assertFalse(both, f"{told}: delivered, and dead for sure")
            if round_.is_gentle:
                self.assertEqual((dead, receiver.damaged[key]), ({}, []), told)
            if not round_.has_wrong_bits:
                self.assertEqual(receiver.damaged[key], [], told)

    def open_watches(self, watch):
        place, *key = watch
        book = self.books[place]
        return set(book.watched[tuple(key)]) - {number for number, _ in book.told[tuple(key)]}

    def all_told(self, round_):
        self.read_books()
        return not any(self.open_watches(watch) for watch in self.watches if watch[0] not in round_.kills)

    def check_watches(self, round_):
        for watch in self.watches:
            place, watcher, ledger = watch
            # Its process is no more.
            if place in round_.kills:
                continue
            watched, told = self.books[place].watched[watcher, ledger], self.books[place].told[watcher, ledger]
            what = f"{watcher} watches {ledger}: told {told} of {watched}"
            numbers = [number for number, _ in told]
            self.assertEqual(numbers, sorted(set(numbers)), f"{what}, twice")
            self.assertLessEqual(set(numbers), set(watched), f"{what}, for nothing")
            # At most the last one is open, if that.
            self.assertLessEqual(self.open_watches(watch), {watched[-1]}, what)
            reasons = [reason for _, reason in told]
            if 1 - place in round_.kills:
                self.assertIn("address_terminated", reasons, what)
            if round_.is_gentle:
                self.assertEqual(reasons, ["stopped"], what)

    def settled(self, round_):
        self.read_books()
        for pair in self.pairs:
            if pair[0] in round_.kills:
                continue
            unfated = self.unfated(pair)
            if round_.has_wrong_bits:
                # Some arrived as another message, or for nobody that there is. Those after it must not.
                unfated = [number for number in unfated if number > self.healed_after[pair]]
            if unfated:
                return False
        # What has entered a mailbox leaves it.
        return all(1 - place in round_.kills or len(self.books[1 - place].handled[teller, ledger])
                   == len(self.books[1 - place].posted[teller, ledger]) for place, teller, ledger in self.pairs)

    def play(self, number):
        round_ = Round(SEED, number)
        told = f"round {number} of seed {SEED}:\n{round_}"
        with self.subTest(told):
            try:
                self.begin_load(number)
                self.await_flow(frozenset())
                self.suffer(round_, number)
                self.await_flow(round_.kills)
                self.end_load(round_)
                self.await_true(lambda: self.settled(round_), timeout_s=20)
                self.check(round_)
                self.end_watches(round_)
            except Exception:
                print(f"*** failed: {told}\n{self.summary()}", file=sys.stderr)
                raise

    def summary(self):
        """Of all messages of this round."""
        self.read_books()
        lines = []
        for pair in self.pairs:
            place, teller, ledger = pair
            key = (teller, ledger)
            reasons = collections.Counter(" ".join(sorted(reasons)) for book in self.books
                                          for reasons in book.dead[key].values())
            unfated = self.unfated(pair)
            lines.append(f"  {teller} -> {ledger}: sent {len(self.books[place].sent[key])}, posted "
                         f"{len(self.books[1 - place].posted[key])}, handled {len(self.books[1 - place].handled[key])}, "
                         f"dead {dict(reasons)}, unknown {len(unfated)} {unfated[:5]}")
        for watch in self.watches:
            place, watcher, ledger = watch
            lines.append(f"  {watcher} watches {ledger}: watched {len(self.books[place].watched[watcher, ledger])}, "
                         f"told {self.books[place].told[watcher, ledger]}, open {self.open_watches(watch)}")
        lines.append(f"  given up: {[book.gone[before:] for book, before in zip(self.books, self.gone_before)]}")
        return "\n".join(lines)

    def test_nothing_is_lost_unseen_doubled_or_out_of_order(self):
        print(f"seed {SEED}, {ROUNDS} rounds", file=sys.stderr)
        for number in range(1, ROUNDS + 1):
            self.play(number)
            if self.has_failed():
                break
        sent = sum(len(numbers) for book in self.books for numbers in book.sent.values())
        posted = sum(len(numbers) for book in self.books for numbers in book.posted.values())
        dead = collections.Counter(reason for book in self.books for numbers in book.dead.values()
                                   for reasons in numbers.values() for reason in reasons)
        print(f"{sent} sent, {posted} delivered, dead letters {dict(dead)}", file=sys.stderr)
        told = collections.Counter(reason for book in self.books for numbers in book.told.values() for _, reason in numbers)
        watched = sum(len(numbers) for book in self.books for numbers in book.watched.values())
        print(f"{watched} watches, told {dict(told)}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=SEED)
    options, rest = parser.parse_known_args()
    ROUNDS, SEED = options.rounds, options.seed
    sys.argv[1:] = rest
    main()
