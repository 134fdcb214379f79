"""Tells whether what two studies say of their patient contradicts each other; knows no store, no image and no order.

Equal Patient IDs of one issuer are of one patient as long as nothing else says otherwise. What is missing says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

_COMPONENTS: Final = 5
_SEXES: Final = frozenset({"M", "F"})
_NO_LETTER: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a study says of its patient beside the ID, as sent: any of it may be empty. Never logged."""

    issuer: str = ""
    birth_date: str = ""
    sex: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Contradicting:
    """An earlier study of the same Patient ID that is not compared, since `attribute` of its patient is another one."""

    study_uid: str
    study_date: str
    attribute: str


def is_other_issuer(one: Identity, other: Identity) -> bool:
    """Tell whether two equal IDs were issued by different places, so that they are not of one patient."""
    return _differ(one.issuer.strip().casefold(), other.issuer.strip().casefold())


def contradiction(one: Identity, other: Identity) -> str:
    """Return the first attribute in which two studies of one ID contradict each other, empty where none does.

    Names are compared without case, accents and punctuation, in any character group that both have (PS3.5 6.2.1): the
    family name has to be the same, and the given name the same or its beginning, such as an initial. Middle names,
    prefixes and suffixes do not count. A name without components agrees where its words are among those of the other.
    """
    if _differ(_digits(one.birth_date), _digits(other.birth_date)):
        return "birth date"
    sexes = {one.sex.strip().upper(), other.sex.strip().upper()}
    if sexes >= _SEXES:
        return "sex"
    return "" if _names_agree(one.name, other.name) else "name"


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _digits(date: str) -> str:
    return "".join(letter for letter in date if letter.isdigit())


def _names_agree(one: str, other: str) -> bool:
    groups = zip_longest(one.split("="), other.split("="), fillvalue="")
    shared = [(first, second) for first, second in groups if _words(first) and _words(second)]
    return not shared or any(_group_agrees(first, second) for first, second in shared)


def _group_agrees(one: str, other: str) -> bool:
    fewer, more = sorted((_words(one), _words(other)), key=len)
    if "^" not in one or "^" not in other:
        return fewer <= more
    family, given = zip(_parts(one)[:2], _parts(other)[:2], strict=True)
    same_given = not all(given) or given[0].startswith(given[1]) or given[1].startswith(given[0])
    return (not _differ(*family) and same_given) or fewer == more


def _parts(group: str) -> tuple[str, ...]:
    """Return the components of a name as letters alone."""
    components = [*group.split("^"), *[""] * _COMPONENTS][:_COMPONENTS]
    return tuple(_NO_LETTER.sub("", _folded(each)) for each in components)


def _words(group: str) -> frozenset[str]:
    return frozenset(word for word in _NO_LETTER.split(_folded(group)) if word)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in plain if not unicodedata.combining(each))
