"""What is known of one case after it was measured; a row of the report and of the JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from triaged.lab.evaluation.cases import BadCase, Case, is_positive, is_unknown


class Outcome(StrEnum):
    """How far a case came.

    FAILED: the pipeline could not read images that it was given; such a case counts with a Dice of 0. NOT_READ: the
    list, a file or the daemon's own gates kept it from the pipeline; it counts nowhere and stands in the list.
    """

    MEASURED = "measured"
    FAILED = "failed"
    NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one case; None where it has none.

    Dice, shares and probabilities are in [0, 1], volumes in mL (errors: found minus reference). `severity` is what the
    pipeline found. `severity_reference` is the list's, else that of the reference masks (`severity_source` says which);
    `severity_in_found_lungs` refers the reference lesions to the lungs that the pipeline found, as in the paper.
    `reference_right` and `reference_left` are the reference lesion's shares of each reference lung. `follows` is the
    case of the earlier scan. `others` is whatever else was measured.
    """

    case: str
    patient: str
    group: str
    outcome: Outcome
    reason: str = ""
    notes: tuple[str, ...] = ()
    slices: int | None = None
    matrix: str | None = None
    spacing_mm: tuple[float, ...] | None = None
    lung_dice: float | None = None
    lung_dice_right: float | None = None
    lung_dice_left: float | None = None
    lungs_swapped: bool | None = None
    lung_error_ml: float | None = None
    lung_reference_ml: float | None = None
    lesion_dice: float | None = None
    lesion_both_empty: bool | None = None
    lesion_surface_dice: float | None = None
    lesion_recall: float | None = None
    lesions_reference: int | None = None
    lesions_false: int | None = None
    lesion_error_ml: float | None = None
    lesion_reference_ml: float | None = None
    severity: float | None = None
    severity_right: float | None = None
    severity_left: float | None = None
    severity_total: float | None = None
    severity_reference: float | None = None
    severity_source: str | None = None
    severity_in_found_lungs: float | None = None
    reference_right: float | None = None
    reference_left: float | None = None
    follows: str | None = None
    grade: int | None = None
    grade_reference: int | None = None
    identification: float | None = None
    identification_threshold: float | None = None
    quality: tuple[str, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict)
    seconds_reading: float | None = None
    seconds_pipeline: float | None = None
    peak_mib: float | None = None

    @property
    def is_positive(self) -> bool:
        """Tell whether the case belongs to the group with the disease."""
        return is_positive(self.group)

    @property
    def has_truth(self) -> bool:
        """Tell whether it is known if the case has the disease."""
        return not is_unknown(self.group)

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values, floats with six digits; `others` stand beside the rest by their own names."""
        values = dataclasses.asdict(self)
        others = values.pop("others")
        return {key: _rounded(value) for key, value in (values | others).items()}


def not_read(case: Case | BadCase, reason: str) -> Row:
    """Return the row of a case that did not reach the pipeline."""
    return Row(case.case, case.patient, case.group, Outcome.NOT_READ, reason)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value
