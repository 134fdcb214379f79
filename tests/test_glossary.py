"""The glossary names things that exist, each once."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
CELLS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
ROWS = [cells for cells in CELLS if cells[0] != "term"]
NAMES = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[2])]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_glossary_names_is_in_the_code(name: str) -> None:
    assert resolve_name(f"triaged.{name}")


def test_one_word_means_one_thing_and_one_thing_has_one_word() -> None:
    terms = [row[0] for row in ROWS]
    assert len(terms) > 30
    assert len(set(terms)) == len(terms)
    assert len(set(NAMES)) == len(NAMES)
