"""One source file as the rules see it: whole, without comments, and without comments and strings."""

import os
import re

FLOORS = ["core", "remote", "cluster", "daemon"]

_TOKEN = re.compile(
    r"""
    (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
  | (?P<raw>R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<character>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')
    """,
    re.DOTALL | re.VERBOSE,
)


def _blank(text):
    """As many lines, no words."""
    return re.sub(r"[^\n]", " ", text)


def _without(text, kinds):
    return _TOKEN.sub(lambda match: _blank(match[0]) if match.lastgroup in kinds else match[0], text)


class Source:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        # The tag of a raw string is a group of its own, so `lastgroup` names the outer one.
        self.code = _without(text, {"comment"})
        self.bare = _without(text, {"comment", "raw", "string", "character"})

    @property
    def floor(self):
        first = self.path.split("/")[0]
        return first if first in FLOORS else None

    @property
    def name(self):
        return os.path.basename(self.path)

    @property
    def is_header(self):
        return self.path.endswith(".h")

    def includes(self):
        """(line number, what is between the quotes or brackets, whether it stood in brackets)."""
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', self.code, re.MULTILINE):
            yield line_of(self.code, match.start()), match[2], match[1] == "<"

    def find(self, pattern, where="bare"):
        """Line numbers where the pattern occurs."""
        text = getattr(self, where)
        for match in re.finditer(pattern, text):
            yield line_of(text, match.start())


def line_of(text, position):
    return text.count("\n", 0, position) + 1
