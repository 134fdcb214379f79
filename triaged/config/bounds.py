"""How much YAML is taken at all, found out before anything is built of it.

A few hundred bytes can name a billion nodes by aliases of aliases, and a parser that nests as deep as the text asks for
runs out of stack. Knows no settings.
"""

from __future__ import annotations

from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

MOST_BYTES: Final = 256 * 1024
MOST_DEPTH: Final = 20
MOST_NODES: Final = 20_000


class TooMuch(Exception):
    """The text is YAML, but no configuration is like this; `line` is where it goes too far."""

    def __init__(self, expected: str, line: int) -> None:
        super().__init__(expected)
        self.line = line


def demand_small(text: str) -> None:
    """Read the text as events alone, which costs a time in proportion to its length, and stop where it is too much.

    Raises:
        TooMuch: it has aliases, nests too deep, or has too many values.
        MarkedYAMLError: it is not YAML.
    """
    depth = nodes = 0
    for event in YAML(typ="rt").parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            raise TooMuch("expected values written out, found an alias (*name)", line)
        nodes += isinstance(event, NodeEvent)
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise TooMuch(f"expected at most {MOST_DEPTH} levels of sections and lists, found more", line)
        if nodes > MOST_NODES:
            raise TooMuch(f"expected at most {MOST_NODES} values, found more", line)
