"""How a series was made, as far as its header says."""

from __future__ import annotations

import re
from datetime import date, datetime

from pydicom import Dataset

from triaged.dicom.attributes import Groups, attribute, functional, items, number, text
from triaged.exams.ct.finding import Acquisition

_AGE = re.compile(r"(\d{3})([DWMY])\Z")
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_NO_AGENT = re.compile(r"(?:NO|NONE|WITHOUT|W/?O|NATIVE|NATIV|PLAIN|0)\b", re.IGNORECASE)


def acquisition_of(header: Dataset) -> Acquisition:
    """Return what an image's header says of slice thickness, kernel, contrast and age.

    Contrast is None where the header is silent: the attributes are required only of contrast images, and a scanner
    cannot know whether somebody injected by hand.
    """
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")[:1]
    groups = (*per_frame, *items(header, "SharedFunctionalGroupsSequence"), header)
    thickness = number(functional(groups, "PixelMeasuresSequence", "SliceThickness"))
    return Acquisition(
        slice_thickness_mm=thickness if thickness is not None and thickness > 0.0 else None,
        convolution_kernel=text(functional(groups, "CTReconstructionSequence", "ConvolutionKernel")),
        contrast=_contrast(header, groups),
        age_years=_age_years(header),
    )


def _contrast(header: Dataset, groups: Groups) -> bool | None:
    administered = text(functional(groups, "ContrastBolusUsageSequence", "ContrastBolusAgentAdministered"))
    if administered in ("YES", "NO"):
        return administered == "YES"
    agent = text(attribute(header, "ContrastBolusAgent"))
    if agent is not None:
        return _NO_AGENT.match(agent) is None
    return True if items(header, "ContrastBolusAgentSequence") else None


def _age_years(header: Dataset) -> float | None:
    age = _AGE.match(text(attribute(header, "PatientAge")) or "")
    if age is not None:
        return int(age[1]) * _DAYS[age[2]] / _DAYS["Y"]
    born, studied = _day(header, "PatientBirthDate"), _day(header, "StudyDate")
    if born is None or studied is None or studied < born:
        return None
    return (studied - born).days / _DAYS["Y"]


def _day(header: Dataset, keyword: str) -> date | None:
    try:
        return datetime.strptime(text(attribute(header, keyword)) or "", "%Y%m%d").date()  # noqa: DTZ007 a DA has no zone
    except ValueError:
        return None
