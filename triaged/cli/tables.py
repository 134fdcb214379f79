"""The worklist and the counts as tables for a terminal; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.markup import escape
from rich.table import Table

from triaged.study.records import WorklistEntry
from triaged.web.entries import as_row
from triaged.web.overview import Overview


def worklist_table(entries: Sequence[WorklistEntry], *, now: datetime, title: str | None = None) -> Table:
    """Return the rows in reading order, as they read at `now`."""
    table = Table("#", "Class", "Why here", "Waiting", "Patient", "Right", "Left", "Grade", "State", title=title)
    table.title_justify = "left"
    for entry in entries:
        row = as_row(entry, now=now)
        cells = (row.triage_class, row.why, row.waiting, row.person, row.right, row.left, row.grade, row.state)
        table.add_row(str(row.position), *(escape(_printable(cell)) for cell in cells))
    return table


def overview_table(counts: Overview) -> Table:
    """Return the counts, one line each."""
    table = Table("What", "How many")
    table.columns[1].justify = "right"
    for state, number in counts["studies"].items():
        table.add_row(f"studies {state}", str(number))
    for name, states in counts["deliveries"].items():
        for state, number in states.items():
            table.add_row(escape(_printable(f"objects for {name} {state}")), str(number))
    for name, states in counts["pushes"].items():
        for state, number in states.items():
            table.add_row(escape(_printable(f"changes for {name} {state}")), str(number))
    for name, number in counts["uncommitted"].items():
        table.add_row(escape(_printable(f"objects for {name} not yet committed")), str(number))
    for what in ("dead_letters", "refused", "withdrawn", "quarantined", "conflicts"):
        table.add_row(what.replace("_", " "), str(counts[what]))
    return table


def destinations_table(counts: Overview) -> Table:
    """Return what each destination accepts and refuses, as it answered when it was last asked."""
    table = Table("Destination", "SOP class", "Answer", "Transfer syntaxes", "Asked at")
    for name, answer in counts["destinations"].items():
        for sop_class, syntaxes in answer["accepted"].items():
            cells = (name, sop_class, "accepted", ", ".join(syntaxes), answer["asked_at"])
            table.add_row(*(escape(_printable(cell)) for cell in cells))
        for sop_class in answer["refused"]:
            cells = (name, sop_class, "refused", "", answer["asked_at"])
            table.add_row(*(escape(_printable(cell)) for cell in cells))
    return table


def _printable(text: str) -> str:
    """Return a text that cannot steer the terminal it is printed on."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
