"""What nodes wrote down about the messages between them; ../ledger_kinds.h says what."""

import collections
import os


class Book:
    """What one node wrote down, over all processes that were this node."""

    def __init__(self, path):
        self.path = path
        self._offset = 0
        # By (from, to): numbers in the order of their lines.
        self.sent = collections.defaultdict(list)
        self.posted = collections.defaultdict(list)
        self.handled = collections.defaultdict(list)
        self.damaged = collections.defaultdict(list)
        self.watched = collections.defaultdict(list)
        # By (from, to): pairs of a number and a reason, in the order of their lines.
        self.told = collections.defaultdict(list)
        # Addresses of peers that were given up, in the order of their lines.
        self.gone = []
        # By (from, to): number to reasons.
        self.dead = collections.defaultdict(lambda: collections.defaultdict(set))

    def read(self):
        if not os.path.exists(self.path):
            return self
        with open(self.path, encoding="utf-8", errors="replace") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[:text.rfind("\n") + 1]
        self._offset += len(whole.encode("utf-8", errors="replace"))
        for line in whole.splitlines():
            words = line.split(" ")
            number, pair = int(words[-1]), (words[-3], words[-2])
            if words[0] == "dead":
                self.dead[pair][number].add(words[1])
            elif words[0] == "told":
                self.told[pair].append((number, words[1]))
            elif words[0] == "gone":
                self.gone.append(words[-3])
            else:
                getattr(self, words[0])[pair].append(number)
        return self


def disorder(numbers):
    """The first places where a number does not go up."""
    return [(before, after) for before, after in zip(numbers, numbers[1:]) if after <= before][:5]
