"""Compares files with those that are expected, and shows shortly where they differ."""

from __future__ import annotations

from difflib import unified_diff
from itertools import islice
from pathlib import Path

from tests.golden.outputs import EXPECTED, Files

MOST_LINES = 14
MOST_CHARACTERS = 240


def differences(made: Files, first: Path = EXPECTED) -> str:
    """Return a short unified diff for every file that differs; empty where none does.

    What is expected lies in the folder `first`, and what is not there in `EXPECTED`.
    """
    return "\n".join(filter(None, (_difference(name, text, first) for name, text in sorted(made.items()))))


def _difference(name: str, made: str, first: Path) -> str:
    paths = (folder / name for folder in (first, EXPECTED))
    expected = next((path.read_text(encoding="utf-8") for path in paths if path.exists()), "")
    if made == expected:
        return ""
    lines = unified_diff(expected.splitlines(), made.splitlines(), f"expected/{name}", f"made/{name}", "", "", 0, "")
    shown = [line[:MOST_CHARACTERS] for line in islice(lines, MOST_LINES + 1)]
    return "\n".join([*shown[:MOST_LINES], *(["..."] if len(shown) > MOST_LINES else [])])
