"""Reads, of the elements of a header, what a site's rules may ask of its study; knows no rules."""

from __future__ import annotations

from collections.abc import Iterator

from triaged.dicom.elements import Elements
from triaged.study.facts import StudyFacts, age_in_years, plain_date

_MOST_CODES = 20


def study_facts(elements: Elements) -> StudyFacts:
    """Return what one header says of its study; what the sender got wrong is absent.

    The department is Requesting Service (0032,1033), which images carry at most in the request's item, else
    Institutional Department Name (0008,1040). Codes are those of the procedures that were performed and requested.
    """

    def text(keyword: str) -> str:
        return elements.text(keyword) or ""

    study_date = plain_date(text("StudyDate"))
    return StudyFacts(
        modality=text("Modality"),
        body_part=text("BodyPartExamined"),
        study_description=text("StudyDescription"),
        institution=text("InstitutionName"),
        station=text("StationName"),
        department=_department(elements),
        age_years=age_in_years(text("PatientAge"), plain_date(text("PatientBirthDate")), study_date),
        sex=text("PatientSex"),
        study_date=study_date,
        procedure_codes=tuple(dict.fromkeys(_codes(elements)))[:_MOST_CODES],
        accession_number=text("AccessionNumber"),
    )


def _department(elements: Elements) -> str:
    requests = (item.text("RequestingService") for item in elements.items("RequestAttributesSequence"))
    asked = elements.text("RequestingService") or next(filter(None, requests), None)
    return asked or elements.text("InstitutionalDepartmentName") or ""


def _codes(elements: Elements) -> Iterator[str]:
    places = [elements, *elements.items("RequestAttributesSequence")]
    for place in places:
        for keyword in ("ProcedureCodeSequence", "RequestedProcedureCodeSequence"):
            for item in place.items(keyword):
                code = item.text("CodeValue") or item.text("LongCodeValue")
                if code:
                    yield code
