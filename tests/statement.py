"""The tables of the conformance statement, read from its Markdown by their numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

STATEMENT = Path(__file__).parents[1] / "docs" / "conformance.md"

Row = dict[str, str]


def table(number: str) -> list[Row]:
    """Return the rows of a table by their column headings.

    Raises:
        LookupError: there is no such table, or it is none.
    """
    return parsed(_text(), number)


def parsed(text: str, number: str) -> list[Row]:
    """Return the rows of the table that stands under `**Table NUMBER ...**` in a text."""
    parts = text.split(f"**Table {number} ")
    if len(parts) != 2:
        raise LookupError(f"expected one table {number}, found {len(parts) - 1}")
    lines = parts[1].splitlines()[1:]
    start = next(index for index, line in enumerate(lines) if line)
    rows = [_cells(line) for line in _leading(lines[start:])]
    if len(rows) < 3 or any(len(row) != len(rows[0]) for row in rows):
        raise LookupError(f"expected a heading, a rule and rows of equal length in table {number}")
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def literals(cell: str) -> set[str]:
    """Return the values that a cell gives literally, where it gives nothing else; none where it describes."""
    pieces = cell.split(" or ")
    if all(len(piece) > 2 and piece[0] == piece[-1] == "`" and "`" not in piece[1:-1] for piece in pieces):
        return {piece[1:-1] for piece in pieces}
    return set()


def _leading(lines: list[str]) -> list[str]:
    end = next((index for index, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return lines[:end]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


@cache
def _text() -> str:
    return STATEMENT.read_text(encoding="utf-8")
