"""Measures a row of the table on cases, one row of an evaluation each, and keeps what was measured.

A file beside the training holds the rows with the digest of what read them, so that an interrupted table goes on, and
another training is measured anew. Must not know what reads a block, nor how figures are summed up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from triaged.lab.evaluation.overlap import dice
from triaged.lab.evaluation.reference import worse_share
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.table.blocks import Block
from triaged.lab.table.readers import Read

KEPT: Final = (
    "case",
    "patient",
    "group",
    "lesion_dice",
    "lesion_both_empty",
    "severity",
    "severity_reference",
    "identification",
)
CHUNK: Final = 1 << 20


def measured(block: Block, read: Read) -> Row:
    """Return what is measured of one case."""
    reading = read(block)
    figures: dict[str, Any] = {"identification": reading.probability}
    lung = block.lung
    if block.lesion is not None:
        truth = block.lesion & lung
        figures["severity_reference"] = worse_share(truth, lung, block.right, block.left)
        if reading.lesion is not None:
            found = reading.lesion & lung
            figures["lesion_dice"] = dice(found, truth)
            figures["lesion_both_empty"] = not found.any() and not truth.any()
    if reading.lesion is not None:
        figures["severity"] = worse_share(reading.lesion, lung, block.right, block.left)
    return Row(block.case, block.patient, block.group, Outcome.MEASURED, **figures)


def kept_rows(blocks: Iterable[Block], read: Read, by: str, path: Path) -> Iterator[Row]:
    """Yield the row of each case, in order; those that `path` has already, read by the same, are not measured again.

    `by` is the digest of what reads.
    """
    kept = _read(path, by)
    for block in blocks:
        name = f"{block.group}/{block.case}"
        if name not in kept:
            row = asdict(measured(block, read))
            kept[name] = {key: row[key] for key in KEPT}
            _write(path, by, kept)
        yield Row(outcome=Outcome.MEASURED, **kept[name])


def digest(*paths: Path) -> str:
    """Return one digest of files."""
    told = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                told.update(chunk)
    return told.hexdigest()


def _read(path: Path, by: str) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))
    return dict(told["cases"]) if told["by"] == by else {}


def _write(path: Path, by: str, cases: dict[str, dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"by": by, "cases": cases}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
