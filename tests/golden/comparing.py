"""Compares files with those that are expected, and shows shortly where they differ."""

from __future__ import annotations

from difflib import unified_diff
from itertools import islice

from tests.golden.outputs import EXPECTED, Files

MOST_LINES = 14
MOST_CHARACTERS = 240


def differences(made: Files) -> str:
    """Return a short unified diff for every file that differs; empty where none does."""
    return "\n".join(filter(None, (_difference(name, text) for name, text in sorted(made.items()))))


def _difference(name: str, made: str) -> str:
    path = EXPECTED / name
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if made == expected:
        return ""
    lines = unified_diff(expected.splitlines(), made.splitlines(), f"expected/{name}", f"made/{name}", "", "", 0, "")
    shown = [line[:MOST_CHARACTERS] for line in islice(lines, MOST_LINES + 1)]
    return "\n".join([*shown[:MOST_LINES], *(["..."] if len(shown) > MOST_LINES else [])])
