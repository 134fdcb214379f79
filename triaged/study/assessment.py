"""How the reading of a study ended: assessed, declined, or failed, always with a reason that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from triaged.study.finding import Finding
from triaged.study.modalities import Stratum


class ReasonCode(StrEnum):
    """Why a study has no score. The value is what the list, the API and the history show."""

    NO_CT = "no-ct"
    NO_AXIAL_SERIES = "no-axial-series"
    LOCALIZER_ONLY = "localizer-only"
    TOO_FEW_SLICES = "too-few-slices"
    NOT_CHEST = "not-chest"
    OTHER_PART = "other-part-of-body"
    NON_HU = "non-hu-pixels"
    SPACING_TOO_WIDE = "spacing-too-wide"
    MISSING_SLICES = "missing-slices"
    IRREGULAR_SPACING = "irregular-spacing"
    DUPLICATE_POSITIONS = "duplicate-positions"
    GANTRY_TILT = "gantry-tilt"
    MIXED_ORIENTATION = "mixed-orientation"
    MIXED_FRAMES = "mixed-frames"
    CORRUPT = "corrupt"
    UNDECODABLE = "undecodable-pixels"
    TOO_LARGE = "too-large"
    NO_LUNGS = "no-lungs"
    LUNG_NOT_SEGMENTED = "lung-not-segmented"
    NOT_A_RADIOGRAPH = "not-a-radiograph"
    NO_FRONTAL_CHEST = "no-frontal-chest"
    TOO_SMALL = "too-small"
    LUNGS_CUT_OFF = "lungs-cut-off"
    FILE_LOST = "file-lost"
    GAVE_UP = "gave-up"
    BY_RULE = "by-rule"


OUT_OF_SCOPE_CODES = frozenset(
    {
        ReasonCode.NO_CT,
        ReasonCode.NO_AXIAL_SERIES,
        ReasonCode.LOCALIZER_ONLY,
        ReasonCode.TOO_FEW_SLICES,
        ReasonCode.NOT_CHEST,
        ReasonCode.OTHER_PART,
        ReasonCode.NON_HU,
        ReasonCode.SPACING_TOO_WIDE,
        ReasonCode.NOT_A_RADIOGRAPH,
        ReasonCode.NO_FRONTAL_CHEST,
        ReasonCode.TOO_SMALL,
        ReasonCode.BY_RULE,
    }
)
"""Codes that mean "not what the models are for", or "not to be read, as a rule says".

Every other code is a failure to read what should be readable."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A machine-readable code and one sentence: what was expected, what was found, where; no patient attribute."""

    code: ReasonCode
    detail: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """The study was read and scored."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """The study is not what the models are for; it stays on the list, labelled."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Failed:
    """The study should be readable and was not; it stays on the list, labelled, and is never shown as 0 %."""

    reason: Reason


Assessment = Assessed | OutOfScope | Failed


def unreadable(reason: Reason) -> OutOfScope | Failed:
    """Return the assessment that a reason's code stands for."""
    return OutOfScope(reason) if reason.code in OUT_OF_SCOPE_CODES else Failed(reason)


@dataclass(frozen=True, slots=True)
class SourcedAssessment:
    """How the reading of one study ended, and where it came from: who sent it and what made it, empty where unknown.

    `stratum` is what was read, or was to be.
    """

    assessment: Assessment
    sender: str = ""
    device: str = ""
    stratum: Stratum = Stratum.VOLUME
