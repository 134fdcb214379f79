"""Ways in which people break a configuration file, one line at a time; each is a mistake whatever the line says.

Works on lines `key: value` of any valid file. Knows no settings and no messages.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[a-z0-9_]+):(?: (?P<value>[^#\n]*[^#\s]))?\s*(?:#.*)?$")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Broken:
    """A file with one mistake; `line` is where it was made, and `is_yaml` whether only a value or a key is wrong."""

    kind: str
    line: int
    key: str
    content: bytes
    is_yaml: bool


Way = Callable[[str, str, str], str | None]
"""Makes another line of indent, key and value; None where this way needs another kind of line."""


def _value(new: str, only: str = r".+") -> Way:
    def change(indent: str, key: str, value: str) -> str | None:
        return f"{indent}{key}: {new.format(value)}" if re.fullmatch(only, value) else None

    return change


def _key(change: Callable[[str], str]) -> Way:
    return lambda indent, key, value: f"{indent}{change(key)}: {value}".rstrip()


_OF_VALUES: dict[str, Way] = {
    "unknown key": _key(lambda key: f"{key}x"),
    "two letters changed places": _key(lambda key: key[1] + key[0] + key[2:] if key[0] != key[1] else f"{key}q"),
    "capitals": _key(str.upper),
    "hyphen": _key(lambda key: f"{key}-{key}"),
    "list of sections": _value("[{{a: b}}, 7]"),
    "section": _value("{{a_key_of_its_own: {{b: c}}}}"),
    "with its unit": _value("{} seconds", _NUMBER.pattern),
    "in quotes": _value("'{}'", _NUMBER.pattern),
    "below everything": _value("-1", _NUMBER.pattern),
    "no number": _value(".nan", _NUMBER.pattern),
    "more than a number": _value("1e999", _NUMBER.pattern),
    "letter O": _value("1O0", _NUMBER.pattern),
    "neither true nor false": _value("maybe", "true|false"),
    "true as a number": _value("1", "true|false"),
    "variable that is not there": _value("${{NO_SUCH_VARIABLE_OF_TRIAGED}}"),
    "variable as a part": _value("a-${{HOME}}-b"),
    "file that is not there": _value("{{file: /no/such/file}}"),
}
_OF_LINES: dict[str, Way] = {
    "tab": lambda indent, key, value: f"{indent}\t{key}: {value}",
    "no colon": lambda indent, key, value: f"{indent}{key} {value}",
    "bracket left open": _value("[{}"),
    "quote left open": _value('"{}'),
    "brace left open": _value("{{{}"),
    "twice": lambda indent, key, value: f"{indent}{key}: {value}\n{indent}{key}: {value}",
    "alias": _value("*somewhere"),
    "control character": lambda indent, key, value: f"{indent}{key}: \x01{value}",
    "at sign": _value("@{}"),
}
_OF_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "Latin-1": lambda line: line + b" # \xe4\xf6\xfc",
    "half a character": lambda line: line + b" # \xe2\x82",
    "null byte": lambda line: line + b"\0",
}


def every_way(text: str) -> Iterator[Broken]:
    """Yield every way of breaking every line that has a key and a value; a few thousand of a long file."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        found = _LINE.match(line)
        if found is None or found["value"] is None:
            continue
        yield from _broken(lines, number, found["indent"], found["key"], found["value"])


def some_ways(text: str, chance: random.Random, most: int) -> list[Broken]:
    """Return so many of them, of each kind as many as of any other."""
    by_kind: dict[str, list[Broken]] = {}
    for each in every_way(text):
        by_kind.setdefault(each.kind, []).append(each)
    for found in by_kind.values():
        chance.shuffle(found)
    chosen: list[Broken] = []
    while len(chosen) < most and any(by_kind.values()):
        chosen += [found.pop() for found in by_kind.values() if found]
    return chosen[:most]


def _broken(lines: Sequence[str], number: int, indent: str, key: str, value: str) -> Iterator[Broken]:
    for ways, is_yaml in ((_OF_VALUES, True), (_OF_LINES, False)):
        for kind, way in ways.items():
            if (made := way(indent, key, value)) is not None:
                text = "\n".join([*lines[: number - 1], made, *lines[number:]]) + "\n"
                yield Broken(kind, number, key, text.encode(), is_yaml)
    for kind, spoil in _OF_BYTES.items():
        spoilt = [spoil(each.encode()) if at == number - 1 else each.encode() for at, each in enumerate(lines)]
        yield Broken(kind, number, key, b"\n".join(spoilt) + b"\n", is_yaml=False)
