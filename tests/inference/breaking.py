"""Breaks a package in one place of its manifest, and asks that loading it names the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.errors import ModelRefused
from triaged.inference.package import load_package


def broken(folder: Path, found: str, replacement: str) -> int:
    """Replace what is found first in a manifest; return the line where it was."""
    path = folder / "manifest.yaml"
    text = path.read_text()
    before, _, after = text.partition(found)
    assert after, f"{found} is not in {path}"
    path.write_text(before + replacement + after)
    return before.count("\n") + 1


def demand_refusal(package: Path, found: str, replacement: str, lines_on: int | None, told: str) -> None:
    """Break a package and load it: it names the line that is so many `lines_on` from there, or none."""
    line = broken(package, found, replacement)
    with pytest.raises(ModelRefused) as refused:
        load_package(package, "cpu", 1)
    where = "" if lines_on is None else f"{package / 'manifest.yaml'}:{line + lines_on}: "
    assert f"{where}{told}" in str(refused.value)
