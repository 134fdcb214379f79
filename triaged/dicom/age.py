"""How old a patient was when an image was made, as far as its header says; the number is never logged."""

from __future__ import annotations

import re
from datetime import date, datetime

from pydicom import Dataset

from triaged.dicom.attributes import attribute, text

_AGE = re.compile(r"(\d{3})([DWMY])\Z")
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}


def age_years(header: Dataset) -> float | None:
    """Return the age that a header says, or that follows from its dates; None where neither can be."""
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
