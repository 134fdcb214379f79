"""Who uses the list, and what their names and passwords may be; knows neither storage nor web."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

LEAST_PASSWORD = 12
MOST_PASSWORD = 256
_MOST_NAME = 64
_NAME = re.compile(r"\w(?:[\w .,@'+\\-]*[\w.])?")
"""Letters of any script, digits, and what addresses, domains and family names need; no control or direction marks."""


class AccessRole(StrEnum):
    """What somebody may do: a reader reads the list, an administrator also decides who does."""

    READER = "reader"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may see the list; histories have `name`; `sites` are whose studies they see, without any all."""

    name: str
    role: AccessRole
    sites: frozenset[str] = frozenset()


LOCAL = Person("local", AccessRole.ADMINISTRATOR)
"""Whoever sits at this machine, where the list is open to it."""
_RESERVED = frozenset({LOCAL.name, "triaged"})


def person_name(text: str) -> str:
    """Return a name as it is kept and shown: composed, without spaces around it.

    Raises:
        ValueError: it is empty, too long, reserved for the program, or holds what could not be told from another name.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"expected a name: 1 to {_MOST_NAME} letters, digits, spaces or .,@'+\\-_")
    if name_key(name) in _RESERVED:
        raise ValueError(f"expected another name than {' or '.join(sorted(_RESERVED))}: the program uses them itself")
    return name


def name_key(name: str) -> str:
    """Return what is equal for names that people take for the same: however capitals or accents were typed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def fit_password(text: str, name: str) -> str:
    """Return a new password that is fit for use.

    Length alone is asked for, no mixture of characters: rules on that make passwords that are guessed more easily
    (NIST SP 800-63B, 5.1.1.2).

    Raises:
        ValueError: it is too short or too long, one character again and again, or holds the name.
    """
    if not LEAST_PASSWORD <= len(text) <= MOST_PASSWORD:
        raise ValueError(f"expected a password of {LEAST_PASSWORD} to {MOST_PASSWORD} characters")
    if len(set(text)) < 4:
        raise ValueError("expected a password of at least four different characters")
    if len(name) > 2 and name_key(name) in name_key(text):
        raise ValueError("expected a password that does not hold the name")
    return text
