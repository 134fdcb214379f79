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
    columns = ("#", "Class", "Why here", "Waiting", "Patient", "Modality", "Right", "Left", "Grade", "State")
    table = Table(*columns, title=title)
    table.title_justify = "left"
    for entry in entries:
        row = as_row(entry, now=now)
        place = (row.triage_class, row.why, row.waiting, row.person, ", ".join(entry.modalities))
        cells = (*place, row.right, row.left, row.grade, row.state)
        add_row(table, str(row.position), *cells)
    return table


def overview_table(counts: Overview) -> Table:
    """Return the counts, one line each."""
    table = Table("What", "How many")
    table.columns[1].justify = "right"
    for state, number in counts["studies"].items():
        add_row(table, f"studies {state}", str(number))
    for what, receivers in (("objects", counts["deliveries"]), ("changes", counts["pushes"])):
        for name, states in receivers.items():
            for state, number in states.items():
                add_row(table, f"{what} for {name} {state}", str(number))
    for name, number in counts["uncommitted"].items():
        add_row(table, f"objects for {name} not yet committed", str(number))
    for key in ("dead_letters", "refused", "withdrawn", "quarantined", "conflicts"):
        add_row(table, key.replace("_", " "), str(counts[key]))
    return table


def destinations_table(counts: Overview) -> Table:
    """Return what each destination accepts and refuses, as it answered when it was last asked."""
    table = Table("Destination", "SOP class", "Answer", "Transfer syntaxes", "Asked at")
    for name, answer in counts["destinations"].items():
        for sop_class, syntaxes in answer["accepted"].items():
            add_row(table, name, sop_class, "accepted", ", ".join(syntaxes), answer["asked_at"])
        for sop_class in answer["refused"]:
            add_row(table, name, sop_class, "refused", "", answer["asked_at"])
    return table


def second_engines_table(counts: Overview) -> Table:
    """Return how often each version of a second engine read, disagreed and failed, by scanner."""
    table = Table("Second engine", "Scanner", "Read", "Disagreed", "Could not read")
    for each in counts["second_engines"]:
        numbers = (str(number) for number in (each["read"], each["disagreed"], each["failed"]))
        add_row(table, each["algorithm"], each["device"], *numbers)
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row of texts that cannot steer the terminal it is printed on."""
    printable = (
        "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cell) for cell in cells
    )
    table.add_row(*map(escape, printable))
