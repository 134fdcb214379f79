"""Coded concepts that result objects use: standard codes where they exist, else codes of a declared private scheme.

Knows nothing of findings or of data sets. Private codes never change their meaning: a new meaning is a new code.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as ItemSequence
from pydicom.sr.coding import Code

PRIVATE_SCHEME = "99TRIAGED"
PRIVATE_SCHEME_NAME = "triaged measurements and triage classes"

RIGHT_LUNG = Code("3341006", "SCT", "Right lung")
LEFT_LUNG = Code("44029006", "SCT", "Left lung")
LUNG = Code("39607008", "SCT", "Lung")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LESION = Code("52988006", "SCT", "Lesion")
CONSOLIDATION = Code("9656002", "SCT", "Consolidation")

ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
MORPHOLOGICAL_OPERATIONS = Code("123104", "DCM", "Morphological Operations")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
SEGMENTATION = Code("113076", "DCM", "Segmentation")
EXTRACTED_FRAMES = Code("113091", "DCM", "Spatially-related frames extracted from the volume")
PIXEL_SUM = Code("113042", "DCM", "Pixel by pixel addition")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")

ENGLISH = Code("en-US", "RFC5646", "English (United States)")
ACR_CATEGORY_2 = Code("RID49481", "RADLEX", "ACR Category 2 Actionable Finding")
ACR_CATEGORY_3 = Code("RID49482", "RADLEX", "ACR Category 3 Actionable Finding")
VOLUME = Code("118565006", "SCT", "Volume")
CT_OF_CHEST = Code("169069000", "SCT", "CT of chest")
QUALITY_ASSESSMENT = Code("111050", "DCM", "Quality Assessment")
PERCENT = Code("%", "UCUM", "percent")
NO_UNITS = Code("1", "UCUM", "no units")
MILLILITRE = Code("mL", "UCUM", "mL")


def private(value: str, meaning: str) -> Code:
    """Return a code of the project's own scheme; `value` holds at most 16 characters, `meaning` at most 64."""
    if len(value) > 16 or len(meaning) > 64:
        raise ValueError(f"private code: expected at most 16 and 64 characters, found {value!r}, {meaning!r}")
    return Code(value, PRIVATE_SCHEME, meaning)


IDENTIFICATION = private("IDENTIFICATION", "Probability of COVID-19 pattern")
IDENTIFICATION_THRESHOLD = private("IDENT_THRESHOLD", "Decision threshold of the probability")
SEVERITY = private("SEVERITY", "Affected share of the worse lung")
SHARE = private("SHARE", "Affected share of lung volume")
DENSE_SHARE = private("DENSE_SHARE", "Share of affected volume above -300 HU")
AFFECTED_VOLUME = private("AFFECTED_VOLUME", "Affected volume inside the lungs")
LUNGS_VOLUME = private("LUNGS_VOLUME", "Volume of both lungs")
GRADE = private("GRADE", "Computed CT grade")
ACTIONABLE = private("ACTIONABLE", "Actionable finding classification suggested by software")
TEXT_TITLE = private("TRIAGE_TEXT", "Triage statement of software, no diagnostic report")
TRIAGE_CLASS = private("TRIAGE_CLASS", "Triage class of the reading order")


def item(code: Code) -> Dataset:
    """Return a Code Sequence item (PS3.3 8.8)."""
    coded = Dataset()
    coded.CodeValue = code.value
    coded.CodingSchemeDesignator = code.scheme_designator
    coded.CodeMeaning = code.meaning
    return coded


def sequence(*codes: Code) -> ItemSequence:
    """Return a Code Sequence."""
    return ItemSequence(item(code) for code in codes)


def items(datasets: Iterable[Dataset]) -> ItemSequence:
    """Return a sequence of items."""
    return ItemSequence(datasets)
