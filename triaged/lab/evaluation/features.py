"""The command `triaged model features`: features of the lungs and lesions of each case, as a CSV.

`probability` is that of the engine that found the lungs, empty where it tells none.

Must not know how features are computed. A case that is in the file already is not computed again, so that a run that
was interrupted goes on. Nothing that one case does ends the run: it becomes a line with its reason.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console

from triaged.errors import ConfigError, TryLater, UnreadableStudy
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.finding import Acquisition
from triaged.exams.ct.radiomics.features import Features, NoFeatures, features_of_lungs
from triaged.exams.ct.radiomics.lesions import lesion_features
from triaged.imaging.volume import Volume
from triaged.lab.evaluation.cases import BadCase, Case
from triaged.lab.evaluation.families import Family
from triaged.lab.evaluation.images import UNSAID, read_images
from triaged.lab.evaluation.series import SeriesCase, volume_of

ABOUT: Final = ("case", "patient", "group", "probability", "reason")
Listed: TypeAlias = Case | BadCase | SeriesCase


@dataclass(frozen=True, slots=True)
class Line:
    """One case: its features, or why it has none; and the probability that the engine gives it."""

    case: str
    patient: str
    group: str
    probability: float | None
    found: Features | NoFeatures


def write_features(
    cases: Sequence[Listed], pipeline: Pipeline, out: Path, console: Console, family: Family = Family.ALL
) -> int:
    """Append a line for each case that the file does not have yet, and return how many have no features.

    A feature of lesions that are not there is left empty.

    Raises:
        ConfigError: the file is there and is not one of this command, or of other features.
    """
    known = _known(out, family.names)
    left = [case for case in cases if case.case not in known]
    out.parent.mkdir(parents=True, exist_ok=True)
    missing = 0
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*ABOUT, *family.names], lineterminator="\n")
        if not out.stat().st_size:
            writer.writeheader()
        for number, line in enumerate(_lines(left, pipeline, family), start=1):
            reason = line.found.reason if isinstance(line.found, NoFeatures) else ""
            values = {} if isinstance(line.found, NoFeatures) else {name: repr(v) for name, v in line.found.items()}
            told = "" if line.probability is None else repr(line.probability)
            about = (line.case, line.patient, line.group, told, reason)
            writer.writerow(dict(zip(ABOUT, about, strict=True)) | values)
            file.flush()
            missing += bool(reason)
            said = reason or f"{len(values)} features"
            console.print(f"{number} of {len(left)}: {line.case}: {said}", markup=False, soft_wrap=True)
    return missing


def _lines(cases: Sequence[Listed], pipeline: Pipeline, family: Family) -> Iterator[Line]:
    for case in cases:
        probability, found = _found(case, pipeline, family)
        yield Line(case.case, case.patient, case.group, probability, found)


def _found(case: Listed, pipeline: Pipeline, family: Family) -> tuple[float | None, Features | NoFeatures]:
    """Return what the engine says and the features of the lungs that it finds, or why there are none."""
    if isinstance(case, BadCase):
        return None, NoFeatures(case.reason)
    try:
        volume, acquisition = _images(case)
        analysis = pipeline.read(volume, acquisition)
    except (UnreadableStudy, TryLater) as error:
        return None, NoFeatures(str(error))
    probability = analysis.finding.probability
    of_lungs = {} if family is Family.LESIONS else features_of_lungs(volume, analysis.lungs)
    if isinstance(of_lungs, NoFeatures) or family is Family.LUNGS:
        return probability, of_lungs
    of_lesions = lesion_features(volume, analysis.right_lung, analysis.left_lung, analysis.lesion)
    return probability, {**of_lungs, **of_lesions}


def _images(case: Case | SeriesCase) -> tuple[Volume, Acquisition]:
    if isinstance(case, SeriesCase):
        return volume_of(case.path), UNSAID
    images = read_images(case.images)
    return images.volume, images.acquisition


def _known(out: Path, names: Sequence[str]) -> frozenset[str]:
    """Return the cases of a file that is there already; what follows its last whole line is cut off."""
    if not out.exists() or not out.stat().st_size:
        return frozenset()
    text = out.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(whole.splitlines())
    if tuple(reader.fieldnames or ()) != (*ABOUT, *names):
        raise ConfigError(f"{out}: expected a file that this command wrote, or none, found other columns")
    if whole != text:
        out.write_text(whole, encoding="utf-8")
    return frozenset(row["case"] for row in reader)
