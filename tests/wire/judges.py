"""Judges of a DICOM object that share no code with us: dciodvfy, and DCMTK's converters and dumps.

Nothing here asks pydicom or highdicom, which made the objects.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.wire.peers import dcmtk
from triaged.results.instance import ResultObject

DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"

needs_dciodvfy = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
needs_dcmtk = pytest.mark.skipif(shutil.which("dsrdump") is None, reason="DCMTK is not installed")


def complaints(objects: Iterable[ResultObject], folder: Path) -> list[str]:
    """Return dciodvfy's error lines over all objects."""
    found = []
    for one in objects:
        path = folder / f"{one.name}.dcm"
        path.write_bytes(one.part10)
        found += [f"{one.name}: {line}" for line in verdict(path)]
    return found


def verdict(path: Path, starting: tuple[str, ...] = ("Error", "Abort")) -> list[str]:
    """Return dciodvfy's lines of these kinds on one object; it cannot inflate, so DCMTK does it first."""
    if dcmdump_value(path, "TransferSyntaxUID") == DEFLATED:
        path = inflated(path)
    ran = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=120, check=False)
    lines = (ran.stderr + ran.stdout).splitlines()
    assert lines, "dciodvfy names the object's definition at least"
    assert not any("dataset read failed" in line for line in lines), lines
    return [line for line in lines if line.startswith(starting)]


def inflated(path: Path) -> Path:
    """Return the object in Explicit VR Little Endian, as DCMTK writes it."""
    plain = path.with_name(f"{path.stem}-inflated.dcm")
    clean("dcmconv", "+te", path, plain)
    return plain


def clean(tool: str, *arguments: object) -> str:
    """Run one of DCMTK's tools and return what it wrote; it has to succeed and have nothing to remark."""
    ran = dcmtk(tool, *arguments)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def dcmdump_value(path: Path, keyword: str) -> str:
    """Return the value of one attribute as DCMTK reads it; UIDs as numbers."""
    printed = clean("dcmdump", "-Un", "+P", keyword, path)
    return printed.split("[", 1)[1].split("]", 1)[0]


def as_json(path: Path) -> dict[str, Any]:
    """Return an object's attributes without its pixels in the DICOM JSON model (PS3.18 F), as DCMTK writes it."""
    short = path.with_name(f"{path.stem}-header.dcm")
    clean("dcmconv", "+te", path, short)
    clean("dcmodify", "-nb", "-q", "-ea", "PixelData", short)
    found = json.loads(clean("dcm2json", short))
    assert isinstance(found, dict)
    return found
