"""Writes what readers called wrong as a list of cases that `triaged model evaluate` reads; knows no store.

A case is named by a keyed hash, and nothing of a patient is written. What the truth is nobody said: the group is
"unknown" until a person writes the true one into the list, and masks are missing until somebody draws them.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triaged.lab.evaluation.cases import OPTIONAL, REQUIRED, UNKNOWN
from triaged.store.studies.marked import MarkedStudy
from triaged.study.modalities import MEMBERS, ShownModality, modality_of
from triaged.study.verdict import Said, Verdict

LIST: Final = "cases.csv"
KEY: Final = "key.csv"
IMAGES: Final = "images"
COLUMNS: Final = (*REQUIRED, *OPTIONAL, "verdict", "class", "model", "revision")
_DIGITS = 16
_FORMULA: Final = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write beside the list: readers' notes, links to the images, and which case is which study."""

    notes: bool = False
    images: bool = False
    key: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How many cases stand in the list, how many of these have images beside it, and how many X-rays were left out."""

    cases: int
    with_images: int
    xrays: int


def write_marked(
    studies: Sequence[MarkedStudy], folder: Path, wanted: Wanted, *, secret: str, kept: Callable[[str], Path]
) -> Written:
    """Write the list, and what is wanted beside it; `kept` says where the spool keeps a path.

    Cases are named by a hash with `secret`, so that one study is one case in every list of the site, and nobody finds
    a study by trying UIDs. X-rays are left out: `evaluate` takes them by another list.

    Raises:
        OSError: the folder cannot be written.
    """
    taken = [study for study in studies if not _is_xray(study)]
    folder.mkdir(parents=True, exist_ok=True)
    names = {study.study_uid: pseudonym(study.study_uid, secret) for study in taken}
    columns = (*COLUMNS, "note") if wanted.notes else COLUMNS
    rows = [_row(study, names[study.study_uid], secret) for study in taken]
    _write(folder / LIST, [columns, *([row[column] for column in columns] for row in rows)])
    if wanted.key:
        _write(folder / KEY, [("case", "study_instance_uid"), *((name, uid) for uid, name in names.items())])
    linked = 0
    if wanted.images:
        linked = sum(_link(study, folder / IMAGES / names[study.study_uid], kept) for study in taken)
    return Written(len(taken), linked, len(studies) - len(taken))


def pseudonym(text: str, secret: str) -> str:
    """Return a name that tells nothing without the secret, and is the same each time."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _row(study: MarkedStudy, name: str, secret: str) -> dict[str, str]:
    last = study.said[-1].judged
    values = {
        "case": name,
        "group": UNKNOWN,
        "images": f"{IMAGES}/{name}",
        "patient": "" if study.patient_key is None else pseudonym(study.patient_key, secret),
        "verdict": " ".join(dict.fromkeys(each.verdict.value for each in _wrong(study))),
        "class": last.triage_class.value,
        "model": last.model,
        "revision": str(last.revision),
        "note": "; ".join(each.note for each in _wrong(study) if each.note),
    }
    return {column: _cell(values.get(column, "")) for column in (*COLUMNS, "note")}


def _wrong(study: MarkedStudy) -> Iterator[Said]:
    return (each for each in study.said if each.verdict is not Verdict.AGREE)


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _is_xray(study: MarkedStudy) -> bool:
    read = {modality_of(each.image.sop_class_uid, each.image.modality) for each in study.read}
    return bool(read) and read <= set(MEMBERS[ShownModality.XRAY])


def _link(study: MarkedStudy, folder: Path, kept: Callable[[str], Path]) -> bool:
    """Link to the images that were read; tell whether they are all there."""
    paths = [kept(each.path) for each in study.read]
    if not paths or not all(path.is_file() for path in paths):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        link = folder / f"{number:05d}.dcm"
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    return True


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table whole or not at all; of people at this machine only its owner can read it."""
    part = path.with_name(f"{path.name}.part")
    part.touch(mode=0o600)
    with part.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows(rows)
    part.replace(path)
