"""Reads the list of cases that an evaluation runs over; knows neither images nor metrics.

A list is a CSV file in UTF-8 with a header line; commas, semicolons or tabs part the columns. `case`, `group` and
`images` must be there; `patient`, `lungs`, `lesions`, `severity` and `follows` may be left out or empty. Relative paths
are relative to the list.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triaged.errors import ConfigError

REQUIRED: Final = ("case", "group", "images")
OPTIONAL: Final = ("patient", "lungs", "lesions", "severity", "follows")
POSITIVE: Final = frozenset({"covid", "covid19", "sarscov2"})
"""Groups, without punctuation and in small letters, whose cases have the disease; every other group has not."""
UNKNOWN: Final = "unknown"
"""The group of cases of which nobody knows who is ill: they are measured, and count in no figure that asks for that."""
NOTHING: Final = frozenset({"", "-", "na", "n/a", "nan", "none", "null"})


@dataclass(frozen=True, slots=True)
class Case:
    """One CT with what is known of it.

    `images` is a folder of DICOM files, a DICOM file or a NIfTI file; `lungs` and `lesions` are NIfTI masks on its
    grid; `severity` is the share of the worse lung that is affected, in [0, 1]; `follows` is the case of the same
    patient's earlier scan, which stands above it.
    """

    case: str
    patient: str
    group: str
    images: Path
    lungs: Path | None
    lesions: Path | None
    severity: float | None
    follows: str | None = None

    @property
    def is_positive(self) -> bool:
        """Tell whether the case belongs to the group with the disease."""
        return is_positive(self.group)


@dataclass(frozen=True, slots=True)
class BadCase:
    """A line of the list that cannot be measured; `reason` names line and column."""

    case: str
    patient: str
    group: str
    reason: str


def is_positive(group: str) -> bool:
    """Tell whether a group is that of the disease: covid, COVID-19."""
    return re.sub(r"[^a-z0-9]", "", group.lower()) in POSITIVE


def is_unknown(group: str) -> bool:
    """Tell whether nobody knows to which group a case belongs."""
    return group.strip().lower() == UNKNOWN


def read_cases(path: Path) -> tuple[Case | BadCase, ...]:
    """Return the cases of a list in its order; a line with a mistake becomes a `BadCase`.

    Raises:
        ConfigError: the file cannot be read, lacks a column or has no line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: expected a list of cases, found: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, found another byte at offset {error.start}") from None
    cases = tuple(_unique(_rows(path, text), path.resolve().parent))
    if not cases:
        raise ConfigError(f"{path}: expected at least one case below the header, found none")
    return cases


def with_truth(cases: Iterable[Case | BadCase]) -> tuple[Case | BadCase, ...]:
    """Return cases for what asks who is ill: one of which nobody knows that cannot be used."""
    reason = "group: expected what the patient has, found unknown"
    return tuple(
        BadCase(each.case, each.patient, each.group, reason)
        if isinstance(each, Case) and is_unknown(each.group)
        else each
        for each in cases
    )


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        known = ", ".join((*REQUIRED, *OPTIONAL))
        raise ConfigError(f"{path}:1: expected the columns {known}, found no {', '.join(missing)}")
    for values in reader:
        cells = [value.strip() for value in values]
        if any(cells):
            cells += [""] * (len(columns) - len(cells))
            yield reader.line_num, dict(zip(columns, cells, strict=False))


def _unique(rows: Iterator[tuple[int, Mapping[str, str]]], folder: Path) -> Iterator[Case | BadCase]:
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["case"]
        if name in lines:
            reason = f"line {line}, case: expected a name of its own, found that of line {lines[name]}"
            yield BadCase(name, row.get("patient") or name, row["group"], reason)
            continue
        yield _case(line, row, folder, lines)
        lines[name] = line


def _case(line: int, row: Mapping[str, str], folder: Path, above: Collection[str]) -> Case | BadCase:
    try:
        images, lungs, lesions = (_path(line, column, row, folder) for column in ("images", "lungs", "lesions"))
        return Case(
            case=_text(line, "case", row),
            patient=row.get("patient") or row["case"],
            group=_text(line, "group", row),
            images=images or folder / _text(line, "images", row),
            lungs=lungs,
            lesions=lesions,
            severity=_share(line, "severity", row),
            follows=_earlier(line, row, above),
        )
    except ValueError as error:
        return BadCase(row["case"] or f"line {line}", row.get("patient") or row["case"], row["group"], str(error))


def _text(line: int, column: str, row: Mapping[str, str]) -> str:
    if not row[column]:
        raise ValueError(f"line {line}, {column}: expected a value, found none")
    return row[column]


def _earlier(line: int, row: Mapping[str, str], above: Collection[str]) -> str | None:
    value = row.get("follows", "")
    if value.lower() in NOTHING:
        return None
    if value not in above:
        raise ValueError(f"line {line}, follows: expected the name of a case above, found {value}")
    return value


def _path(line: int, column: str, row: Mapping[str, str], folder: Path) -> Path | None:
    value = row.get(column, "")
    if value.lower() in NOTHING:
        return None
    path = folder / Path(value).expanduser()
    if not path.exists():
        raise ValueError(f"line {line}, {column}: expected a file or a folder, found nothing at {path}")
    return path


def _share(line: int, column: str, row: Mapping[str, str]) -> float | None:
    value = row.get(column, "")
    if value.lower() in NOTHING:
        return None
    try:
        share = float(value.replace(",", "."))
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"line {line}, {column}: expected a share from 0 to 1, found {value}")
    return share
