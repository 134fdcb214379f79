"""Writes what is known of generated series as labels for COVID-MTL; must not know networks.

Nobody's clinical grade is in it: the affected share of the worse lung stands for it. No series has a nucleic acid test.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from triaged.errors import ConfigError
from triaged.lab.evaluation.series import COVID, series_cases

MILD_TO: Final = 0.5
"""Largest affected share of the worse lung that stands for mild or regular disease."""


def write_truth(folders: Sequence[Path], out: Path) -> int:
    """Write the labels of all generated series in the folders, and return their number.

    Viral pneumonia is positive by CT. Severity is `control` without it.

    Raises:
        ConfigError: a folder has no series, one cannot be read, or two have the same name or no severity.
    """
    rows: dict[str, tuple[str, int, str, str]] = {}
    for folder in folders:
        for case in series_cases(folder):
            if case.case in rows:
                raise ConfigError(f"{case.path}: expected each name once, found {case.case} again")
            is_ill = case.group == COVID
            rows[case.case] = (case.case, int(is_ill), "", _severity(case.path) if is_ill else "control")
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("series", "ct", "nat", "severity"))
        writer.writerows(rows.values())
    return len(rows)


def _severity(path: Path) -> str:
    with np.load(path) as archive:
        if "severity" not in archive:
            raise ConfigError(f"{path}: expected a generated series with its severity, found none")
        return "mild" if float(archive["severity"].max()) <= MILD_TO else "severe"
