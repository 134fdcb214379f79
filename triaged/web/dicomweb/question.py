"""What a search asks for (QIDO-RS, PS3.18 section 10.6): what has to match, what is returned, and which part of it.

Knows no store. A name that is no attribute is refused, a parameter that cannot be served is left out and said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from starlette.exceptions import HTTPException

from triaged.dicom.matching import Query, query_of
from triaged.dicom.moments import NotUnderstood
from triaged.dicom.quiet import without_warnings
from triaged.web.parameters import Parameters, add_key, demand_few, number, tags_of

MODALITIES_IN_STUDY: Final = 0x00080061
IGNORED: Final = "Some query parameters are not supported and were ignored"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
_OPTIONS: Final = frozenset({"limit", "offset", "fuzzymatching", "includefield", "accept"})
_LISTS: Final = frozenset({"UI"})


@dataclass(frozen=True, slots=True)
class Question:
    """A search: `query` has to match; `included` tags are returned beside the usual ones, or `everything`.

    `ignored` tells that something was asked for in vain. `sites` are those whose studies are looked at, by who asks and
    not by what is asked; without names all studies.
    """

    query: Query
    included: frozenset[int] = frozenset()
    everything: bool = False
    offset: int = 0
    limit: int | None = None
    ignored: bool = False
    sites: frozenset[str] = frozenset()

    def values(self, tag: int) -> tuple[str, ...]:
        """Return the plain values that an attribute has to have one of; empty where anything will do."""
        found = next((key.values for key in self.query.keys if key.tag == tag), ())
        return () if any(character in value for value in found for character in "*?") else found

    def parts(self, tags: Collection[int]) -> tuple[str, ...]:
        """Return texts that whatever matches has somewhere in attributes of these tags, in whichever case.

        Of each value the longest stretch of plain letters, digits, and what stands between them: of those nothing is
        left out or told otherwise where texts are compared. None of attributes that may have one of several values.
        """
        alone = (key.values[0] for key in self.query.keys if key.tag in tags and len(key.values) == 1)
        longest = (max(_PLAIN.findall(value), key=len, default="") for value in alone)
        return tuple(part for part in longest if part)


@without_warnings()
def question_of(parameters: Parameters) -> Question:
    """Return what the parameters of a search ask for; 400 where they are none."""
    demand_few(parameters)
    identifier, included, everything, ignored = Dataset(), set(), False, False
    try:
        for name, value in parameters:
            if name == "includefield":
                fields = [each for each in value.split(",") if each]
                everything = everything or "all" in fields
                included |= {tags_of(each)[0] for each in fields if each != "all"}
            elif name == "fuzzymatching":
                ignored = ignored or value.lower() == "true"
            elif name not in _OPTIONS:
                add_key(identifier, tags_of(name), _several(tags_of(name), value))
        query = query_of(identifier)
    except NotUnderstood as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
    offset, limit = number(parameters, "offset") or 0, number(parameters, "limit")
    return Question(query, frozenset(included), everything, offset, limit, ignored)


def _several(path: Sequence[int], value: str) -> str:
    """Return a value as an identifier has it: of modalities several may be named, with a comma or a backslash."""
    return value.replace(",", "\\") if path == [MODALITIES_IN_STUDY] and dictionary_VR(path[-1]) == "CS" else value
