"""The columns of the list: what each shows, which order a click on its head gives, and which a person sees.

Knows values only: no store, no markup beyond names of columns.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from triaged.store.tables.views import ListOrder


class Width(StrEnum):
    """Whether a column is shown where nobody chose: always, on wide screens, or not."""

    ALWAYS = "always"
    WIDE = "wide"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `meaning` explains the head, `order` is None where nothing is sorted by it.

    `is_fixed` columns are always shown: without them a row could not be told or opened.
    """

    key: str
    head: str
    meaning: str = ""
    order: ListOrder | None = None
    shown: Width = Width.ALWAYS
    is_fixed: bool = False


COLUMNS: Final = (
    Column("place", "#", "Rank on the whole list", is_fixed=True),
    Column("class", "Class", is_fixed=True),
    Column("picture", "View", "The lungs from the front; colour is the affected share of the lung behind each point"),
    Column("patient", "Patient", order=ListOrder.NAME, is_fixed=True),
    Column("age", "Age", "Age and sex"),
    Column("modality", "Kind", "Modality of the images"),
    Column("lungs", "Affected", "Affected share of the right and the left lung", order=ListOrder.SHARE),
    Column("p", "P, experimental", "Probability of what is looked for", order=ListOrder.PROBABILITY),
    Column("change", "Change", "Since the earlier study, in percentage points", order=ListOrder.CHANGE),
    Column("waiting", "Waiting", "Since the study was complete, and when it is due", order=ListOrder.ARRIVAL),
    Column("site", "Site", "The site that the study is of"),
    Column("sender", "From", "Who sent it (calling AE title)"),
    Column("study", "Study", "Date, description and accession number", shown=Width.WIDE),
    Column("identity", "ID", "Patient ID and birth date", shown=Width.NEVER),
    Column("grade", "Grade", "Computed from the worse lung", shown=Width.NEVER),
    Column("images", "Images", "Images that came", shown=Width.NEVER),
    Column("state", "State", "Whether it is scored, and which revision of the result", shown=Width.NEVER),
    Column("notes", "Notes", "What the other columns do not say: why there is no score, what makes it uncertain"),
    Column("reader", "Reader", "Who reads it, or has read it, since when; and to whom it is assigned", is_fixed=True),
)
_OF_SITES: Final = "site"
_KEYS: Final = frozenset(column.key for column in COLUMNS)


def chosen(sent: Collection[str]) -> tuple[str, ...]:
    """Return the keys of a choice in the order of the list, without what is no column; empty where none is."""
    wanted = _KEYS.intersection(sent)
    return tuple(each.key for each in COLUMNS if each.key in wanted or each.is_fixed) if wanted else ()


def offered(sites: Collection[str]) -> tuple[Column, ...]:
    """Return the columns that there are: that of sites only where there are any."""
    return tuple(each for each in COLUMNS if sites or each.key != _OF_SITES)


def shown(wanted: tuple[str, ...], among: tuple[Column, ...] = COLUMNS) -> tuple[Column, ...]:
    """Return the columns of somebody's choice; where they made none, those that a screen has room for."""
    if not wanted:
        return tuple(each for each in among if each.shown is not Width.NEVER)
    return tuple(each for each in among if each.key in wanted)
