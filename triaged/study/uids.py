"""Unique identifiers that a peer sent, made safe once, at the edge.

Real senders send invalid UIDs. Such an object is kept: it is filed under a valid UID derived from the text that was
sent, so that a peer's string can become neither a path nor a key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_VALID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+\Z")


def is_valid_uid(text: str) -> bool:
    """Tell whether `text` is a UID by PS3.5 9.1: dotted numbers without leading zeros, at most 64 characters."""
    return len(text) <= 64 and _VALID.match(text) is not None


def derived_uid(*parts: str) -> str:
    """Return a UUID-derived UID (PS3.5 B.2) that is a function of `parts` alone."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big') | 1}"


@dataclass(frozen=True, slots=True)
class _UID:
    """`value` is a valid UID, used as key, in paths and in what we write; `sent` is the text exactly as received."""

    value: str
    sent: str

    @classmethod
    def parse(cls, sent: str) -> Self:
        """Return the identifier of a text from outside, derived where it is invalid; `ValueError` where it is empty."""
        text = sent.strip(" \0")
        if not text:
            raise ValueError(f"{cls.__name__}: expected a UID, found an empty value")
        return cls(text if is_valid_uid(text) else derived_uid(cls.__name__, text), sent)

    @property
    def was_valid(self) -> bool:
        """Tell whether the sender's text was a valid UID."""
        return self.value == self.sent.strip(" \0")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class StudyUID(_UID):
    """Study Instance UID (0020,000D)."""


@dataclass(frozen=True, slots=True)
class SeriesUID(_UID):
    """Series Instance UID (0020,000E)."""


@dataclass(frozen=True, slots=True)
class SOPInstanceUID(_UID):
    """SOP Instance UID (0008,0018)."""
