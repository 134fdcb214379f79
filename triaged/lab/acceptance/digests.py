"""Digests of what a report is about, so that nobody can mistake one set of cases or one package for another.

Must not know what the files hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from triaged.lab.evaluation.cases import BadCase, Case


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file directly in a folder, by name."""
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}


def case_digests(cases: Sequence[Case | BadCase]) -> dict[str, str]:
    """Return for each readable case one digest over the files of its images and masks, which names do not change.

    Files count in the order of their own digests, so that a case that is copied or renamed stays the same case.
    """
    return {case.case: _together(_files(case)) for case in cases if isinstance(case, Case)}


def _files(case: Case) -> Iterable[Path]:
    for path in (case.images, case.lungs, case.lesions):
        if path is not None and path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file())
        elif path is not None:
            yield path


def _together(paths: Iterable[Path]) -> str:
    return hashlib.sha256("\n".join(sorted(map(file_sha256, paths))).encode("ascii")).hexdigest()
