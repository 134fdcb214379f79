"""What the network and the first header say of a study, as far as a site's rules may ask for it.

Texts are as they came, empty where nothing is said; never logged. Knows no rules.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What is known of a study when its first instance has come.

    `sender` and `called_title` are the AE titles of the association, `peer` the address it came from. `modality`,
    `body_part` and `station` are those of the first instance. `department` is the one that asked for the study,
    `procedure_codes` are code values of what was requested and performed. `age_years` is Patient's Age, else the time
    from birth to the study; None where neither is said.
    """

    sender: str = ""
    called_title: str = ""
    peer: str = ""
    modality: str = ""
    body_part: str = ""
    study_description: str = ""
    institution: str = ""
    station: str = ""
    department: str = ""
    age_years: float | None = None
    sex: str = ""
    study_date: date | None = None
    procedure_codes: tuple[str, ...] = ()
    accession_number: str = ""

    def text(self) -> str:
        """Return the facts as JSON, without those that are not said."""
        said = {name: value for name, value in asdict(self).items() if value not in ("", None, ())}
        if self.study_date is not None:
            said["study_date"] = self.study_date.isoformat()
        return json.dumps(said)

    @classmethod
    def of_text(cls, text: str) -> StudyFacts:
        """Return the facts that `text` wrote, also where another version wrote less or more."""
        known = {each.name for each in fields(cls)}
        said: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        if "study_date" in said:
            said["study_date"] = date.fromisoformat(said["study_date"])
        if "procedure_codes" in said:
            said["procedure_codes"] = tuple(said["procedure_codes"])
        return cls(**said)


NOTHING_SAID = StudyFacts()


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What the headers of one series say; `slice_mm` is its thickest slice, `images` counts frames.

    `has_contrast` tells whether a contrast agent is named: a header without one says that none was given.
    """

    modality: str = ""
    body_part: str = ""
    description: str = ""
    kernel: str = ""
    slice_mm: float | None = None
    images: int = 0
    image_type: tuple[str, ...] = ()
    has_contrast: bool = False


def plain_date(text: str) -> date | None:
    """Return a date of a DICOM header (PS3.5, DA), or None where it is none."""
    digits = text.strip().replace(".", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None


def age_in_years(said: str, birth: date | None, study: date | None) -> float | None:
    """Return an age from Patient's Age (PS3.5, AS: three digits and D, W, M or Y), else from two dates."""
    digits, unit = said.strip()[:-1], said.strip()[-1:].upper()
    if unit in _PER_YEAR and digits.isascii() and digits.isdigit():
        return int(digits) / _PER_YEAR[unit]
    if birth is None or study is None or study < birth:
        return None
    had_birthday = (study.month, study.day) >= (birth.month, birth.day)
    whole = study.year - birth.year - (not had_birthday)
    return float(whole) if whole else (study - birth).days / _PER_YEAR["D"]


_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}
