"""The command `triaged model grades`: from readers' grades to cut-offs for `config.yaml`.

Must not know how cut-offs are fitted. The list is a CSV file with the columns `case`, a share (`severity`, in [0, 1])
or `images`, and a column for each reader, whose name begins with `grade` or `reader`: 0 to 4, or CT-0 to CT-4.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from triaged.errors import ConfigError, TryLater, UnreadableStudy
from triaged.lab.evaluation.command import Measured
from triaged.lab.evaluation.grading import GRADES, Fit, Graded, fit
from triaged.lab.evaluation.images import read_images

GRADE: Final = re.compile(r"(?:CT-?)?([0-4])", re.IGNORECASE)
Share = Callable[[Path], float]


def grades(path: Path, measured: Callable[[], Measured], cut_offs: Sequence[float], console: Console) -> None:
    """Fit the cut-offs to the list's readers, one by one and together, and print them as lines of `config.yaml`.

    `measured` is asked for only where a case has images and no share.

    Raises:
        ConfigError: the list cannot be used, or has fewer than ten cases of a grade.
    """
    cases = read_graded(path, _Measuring(measured, console))
    readers = list(dict.fromkeys(name for case in cases for name, _ in case.grades))
    everybody = fit(cases, None, cut_offs)
    _print([*(fit(cases, reader, cut_offs) for reader in readers if len(readers) > 1), everybody], console)
    if everybody.cut_offs is None:
        raise ConfigError(f"{path}: {everybody.lacking}")
    shown = ", ".join(f"{cut:.4f}" for cut in everybody.cut_offs)
    console.print("\nOf all readers, for config.yaml:\n")
    console.print(f"triage:\n  grade_cut_offs: [{shown}]", markup=False)


def read_graded(path: Path, share_of: Share) -> tuple[Graded, ...]:
    """Return the cases of a list; `share_of` measures the images of those without a share.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or a line has a mistake; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a list of graded cases in UTF-8, found {type(error).__name__}") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    readers = [name for name in columns if name.startswith(("grade", "reader"))]
    if "case" not in columns or not readers or not {"severity", "images"} & set(columns):
        expected = "the columns case, severity or images, and one for each reader (grade…, reader…)"
        raise ConfigError(f"{path}:1: expected {expected}, found {', '.join(columns)}")
    cases = tuple(_cases(path, reader, readers, share_of))
    if not cases:
        raise ConfigError(f"{path}: expected at least one graded case below the header, found none")
    return cases


class _Measuring:
    """Measures images with an engine that is loaded when it is first asked for."""

    def __init__(self, measured: Callable[[], Measured], console: Console) -> None:
        self._prepare, self._console = measured, console
        self._measured: Measured | None = None

    def __call__(self, images: Path) -> float:
        self._measured = self._measured or self._prepare()
        found = read_images(images)
        share = self._measured.pipeline.read(found.volume, found.acquisition).finding.urgency
        self._console.print(f"{images.name}: {share:.4f}", markup=False)
        return share


def _cases(path: Path, lines: csv.DictReader[str], readers: Sequence[str], share_of: Share) -> Iterator[Graded]:
    for row in lines:
        cells = {name: (value or "").strip() for name, value in row.items() if name and not isinstance(value, list)}
        if not any(cells.values()):
            continue
        where = f"{path}:{lines.line_num}"
        given = tuple((name, _grade(where, name, cells[name])) for name in readers if cells.get(name))
        if given:
            share = _share(where, path.resolve().parent, cells, share_of)
            yield Graded(cells["case"], cells.get("patient") or cells["case"], share, given)


def _grade(where: str, column: str, value: str) -> int:
    found = GRADE.fullmatch(value)
    if found is None:
        raise ConfigError(f"{where}, {column}: expected a grade from 0 to {GRADES - 1}, found {value}")
    return int(found[1])


def _share(where: str, folder: Path, cells: Mapping[str, str], share_of: Share) -> float:
    value = cells.get("severity", "")
    if not value:
        images = folder / cells.get("images", "")
        if not cells.get("images") or not images.exists():
            raise ConfigError(f"{where}: expected a severity, or images that are there, found neither")
        try:
            return share_of(images)
        except (UnreadableStudy, TryLater) as error:
            raise ConfigError(f"{where}, images: {error}") from None
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{where}, severity: expected a share from 0 to 1, found {value}")
    return share


def _print(fits: Sequence[Fit], console: Console) -> None:
    titles = ("reader", "readings", "cut-offs CT-1 to CT-4", "agree", "on the other half", "agree with those in force")
    table = Table(*titles, title="Cut-offs fitted to readers")
    for each in fits:
        fitted = each.lacking if each.cut_offs is None else ", ".join(f"{cut:.3f}" for cut in each.cut_offs)
        figures = (each.agreement, each.on_other_half, each.in_force)
        table.add_row(each.reader, str(each.readings), fitted, *("–" if f is None else f"{f:.0%}" for f in figures))
    console.print(table)
