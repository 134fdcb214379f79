"""What a rule asks of one fact: texts, numbers, dates, networks, yes or no. Data only: no code, no regular expression.

A fact that is missing meets no condition. A condition can tell whether it `covers` another, so that everything that
meets the other meets it too, and whether nothing can meet it. Must not know which facts there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

Network = IPv4Network | IPv6Network


class Condition(Protocol):
    """One question about one fact; a fact of several values meets it where one of them does."""

    def is_met(self, value: object) -> bool:
        """Tell whether a fact meets the condition; None, empty texts and tuples are missing."""
        ...

    def covers(self, other: object) -> bool:
        """Tell whether whatever meets `other` certainly meets this one; False where that cannot be proved."""
        ...

    def is_impossible(self) -> bool:
        """Tell whether certainly nothing meets it."""
        ...


@dataclass(frozen=True, slots=True)
class TextCondition:
    """Asks a text, whatever its case: every group that is given must be met by one of its entries.

    `any_of` are shell patterns where they have `*` or `?`, else equal texts; `equals`, `contains` and `matches` are
    what they are called. None is a group that is not given.
    """

    any_of: tuple[str, ...] | None = None
    equals: tuple[str, ...] | None = None
    contains: tuple[str, ...] | None = None
    matches: tuple[str, ...] | None = None

    def is_met(self, value: object) -> bool:
        """Tell whether one of the texts meets every group."""
        return any(all(any(one.fits(text) for one in group) for group in self._groups()) for text in _texts(value))

    def covers(self, other: object) -> bool:
        """Tell it of two texts, group by group, by what their entries are."""
        if not isinstance(other, TextCondition):
            return False
        return all(
            any(all(any(mine.covers(theirs) for mine in group) for theirs in narrower) for narrower in other._groups())
            for group in self._groups()
        )

    def is_impossible(self) -> bool:
        """Tell whether no entry of a group of equal texts meets the other groups."""
        groups = self._groups()
        literal = [group for group in groups if all(one.is_literal for one in group)]
        return any(not any(self.is_met(one.text) for one in group) for group in literal)

    def _groups(self) -> list[tuple[_Entry, ...]]:
        makers: list[tuple[tuple[str, ...] | None, Callable[[str], _Entry]]] = [
            (self.any_of, _Entry.either),
            (self.equals, _Entry.literal),
            (self.contains, _Entry.part),
            (self.matches, _Entry.pattern),
        ]
        return [tuple(map(make, texts)) for texts, make in makers if texts is not None]


@dataclass(frozen=True, slots=True)
class NumberCondition:
    """Asks a number, or a date as its ordinal: one of `equals`, and within all bounds that are given.

    `lowest` and `highest` are the ends of what the fact can be at all.
    """

    equals: tuple[float, ...] | None = None
    below: float | None = None
    above: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    lowest: float = 0.0
    highest: float = float("inf")

    def is_met(self, value: object) -> bool:
        """Tell whether a number, or the ordinal of a date, is one that is asked for."""
        if isinstance(value, date):
            value = value.toordinal()
        return isinstance(value, int | float) and not isinstance(value, bool) and self._has(float(value))

    def covers(self, other: object) -> bool:
        """Tell whether the numbers of `other` are among these."""
        if not isinstance(other, NumberCondition):
            return False
        if other.equals is not None:
            return all(self._has(each) for each in other.equals if other._has(each))
        (low, closed_low), (high, closed_high) = self._lower(), self._upper()
        (their_low, their_closed_low), (their_high, their_closed_high) = other._lower(), other._upper()
        from_below = low < their_low or (low == their_low and (closed_low or not their_closed_low))
        from_above = high > their_high or (high == their_high and (closed_high or not their_closed_high))
        return self.equals is None and from_below and from_above

    def is_impossible(self) -> bool:
        """Tell whether no number is left that the fact can be."""
        if self.equals is not None:
            return not any(self._has(each) for each in self.equals)
        (low, closed_low), (high, closed_high) = self._lower(), self._upper()
        return low > high or (low == high and not (closed_low and closed_high))

    def _has(self, value: float) -> bool:
        (low, closed_low), (high, closed_high) = self._lower(), self._upper()
        above = value >= low if closed_low else value > low
        under = value <= high if closed_high else value < high
        return above and under and (self.equals is None or value in self.equals)

    def _lower(self) -> tuple[float, bool]:
        """Return the lower end and whether it belongs to what is asked for."""
        ends = [(self.lowest, True)]
        ends += [(end, closed) for end, closed in ((self.above, False), (self.at_least, True)) if end is not None]
        return max(ends, key=lambda end: (end[0], not end[1]))

    def _upper(self) -> tuple[float, bool]:
        ends = [(self.highest, True)]
        ends += [(end, closed) for end, closed in ((self.below, False), (self.at_most, True)) if end is not None]
        return min(ends, key=lambda end: (end[0], end[1]))


@dataclass(frozen=True, slots=True)
class NetworkCondition:
    """Asks an address: it lies in one of the networks."""

    networks: tuple[Network, ...]

    def is_met(self, value: object) -> bool:
        """Tell whether the text is an address within; IPv4 written as IPv6 counts as IPv4."""
        try:
            address = ip_address(str(value))
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.networks if network.version == plain.version)

    def covers(self, other: object) -> bool:
        """Tell whether every network of `other` lies within one of these."""
        return isinstance(other, NetworkCondition) and all(
            any(_lies_in(inner, outer) for outer in self.networks) for inner in other.networks
        )

    def is_impossible(self) -> bool:
        """Tell that there are no networks."""
        return not self.networks


@dataclass(frozen=True, slots=True)
class FlagCondition:
    """Asks whether something is so."""

    expected: bool

    def is_met(self, value: object) -> bool:
        """Tell whether it is as asked for."""
        return value is self.expected

    def covers(self, other: object) -> bool:
        """Tell whether the same is asked for."""
        return self == other

    def is_impossible(self) -> bool:
        """Return False: either can be so."""
        return False


@dataclass(frozen=True, slots=True)
class _Entry:
    """One text of a group, folded: a literal, or a pattern of the shell."""

    text: str
    is_literal: bool

    @classmethod
    def literal(cls, text: str) -> _Entry:
        return cls(_folded(text), True)

    @classmethod
    def pattern(cls, text: str) -> _Entry:
        return cls(_folded(text), False)

    @classmethod
    def part(cls, text: str) -> _Entry:
        escaped = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in _folded(text))
        return cls(f"*{escaped}*", False)

    @classmethod
    def either(cls, text: str) -> _Entry:
        return cls.pattern(text) if set("*?").intersection(text) else cls.literal(text)

    def fits(self, text: str) -> bool:
        return text == self.text if self.is_literal else fnmatchcase(text, self.text)

    def covers(self, other: _Entry) -> bool:
        if other.is_literal:
            return self.fits(other.text)
        if self == other:
            return True
        # A star of the other stands for any text, which only a star of this one takes; other marks prove nothing.
        has_stars_alone = not set("?[").intersection(self.text + other.text)
        return not self.is_literal and has_stars_alone and fnmatchcase(other.text, self.text)


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, tuple) else (value,)
    return tuple(folded for each in values if isinstance(each, str) and (folded := _folded(each)))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _lies_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)
