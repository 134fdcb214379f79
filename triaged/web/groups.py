"""What groups of studies are called on the pages of figures, and how a page's period is asked for. Knows no figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Query

from triaged.steps.figures import Flag
from triaged.study.ranking import TriageClass
from triaged.web.view import CLASS_WORDS

UNNAMED_SCANNER: Final = "scanner not named"
FLAG_WORDS: Final[Mapping[Flag, str]] = {
    Flag.FLAGGED: "flagged by their images (A to D)",
    Flag.NOT_FLAGGED: "not flagged (C', N)",
    Flag.EMERGENCY: "emergency orders (E0)",
    Flag.UNSCORED: "without a score (U)",
}
PERIODS: Final[Mapping[int, str]] = {1: "24 hours", 7: "7 days", 30: "30 days", 90: "90 days"}
DAYS: Final = 30
MOST_DAYS: Final = 366

AskedDays = Annotated[int, Query(ge=1, le=MOST_DAYS, description="The last days.")]


def class_label(name: str) -> str:
    """Return the name of a class with the first of its words."""
    return f"{name}: {re.split('[:,]', CLASS_WORDS[TriageClass(name)])[0]}"


def days_of(text: str) -> int:
    """Return the days that an address asks for; what is no number of days is left out."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 4
    return int(text) if is_number and 1 <= int(text) <= MOST_DAYS else DAYS
