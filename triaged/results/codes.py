"""Coded concepts that result objects use: standard codes where they exist, else codes of a declared private scheme.

Knows nothing of findings or of data sets. Private codes never change their meaning: a new meaning is a new code.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as ItemSequence
from pydicom.sr.coding import Code

from triaged.study import coding

PRIVATE_SCHEME_NAME = "triaged measurements and triage classes"

ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")

ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
MORPHOLOGICAL_OPERATIONS = Code("123104", "DCM", "Morphological Operations")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
SEGMENTATION = Code("113076", "DCM", "Segmentation")
EXTRACTED_FRAMES = Code("113091", "DCM", "Spatially-related frames extracted from the volume")
RESAMPLED = Code("113085", "DCM", "Spatial resampling")
PIXEL_SUM = Code("113042", "DCM", "Pixel by pixel addition")
SOURCE = Code("260753009", "SCT", "Source")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")

ENGLISH = Code("en-US", "RFC5646", "English (United States)")
ACR_CATEGORY_2 = Code("RID49481", "RADLEX", "ACR Category 2 Actionable Finding")
ACR_CATEGORY_3 = Code("RID49482", "RADLEX", "ACR Category 3 Actionable Finding")
VOLUME = Code("118565006", "SCT", "Volume")
QUALITY_ASSESSMENT = Code("111050", "DCM", "Quality Assessment")
AREA = Code("42798000", "SCT", "Area")
SQUARE_MILLIMETRE = Code("mm2", "UCUM", "square millimeter")
MILLILITRE = Code("mL", "UCUM", "mL")
NO_UNITS = Code("1", "UCUM", "no units")
PERCENT = Code("%", "UCUM", "percent")


def of(concept: coding.Code) -> Code:
    """Return a code of the vocabulary as pydicom has it."""
    return Code(concept.value, concept.scheme, concept.meaning)


def private(value: str, meaning: str) -> Code:
    """Return a code of the project's own scheme; see `coding.private`."""
    return of(coding.private(value, meaning))


AGREEMENT = private("AGREEMENT", "Agreement with the first engine")
AGREES = private("AGREES", "agrees")
DIFFERENCE = private("DIFFERENCE", "Largest difference from the first engine's affected share")
ENGINE_ROLE = private("ENGINE_ROLE", "Role of the engine in triage")
GRADE = private("GRADE", "Computed CT grade")
ACTIONABLE = private("ACTIONABLE", "Actionable finding classification suggested by software")
IN_WORDS = private("IN_WORDS", "Finding in words")
INTENDED_USE = private("INTENDED_USE", "Intended use of what software found")
NOT_SOUGHT = private("NOT_SOUGHT", "What was not looked for")
OVERLAP = private("OVERLAP", "Dice coefficient with what the first engine outlined")
SOUGHT = private("SOUGHT", "What was looked for")
WHY = private("WHY", "Why the study has its triage class")
SECOND_ENGINE = private("SECOND_ENGINE", "Second engine: advises, does not order")
TEXT_TITLE = private("TRIAGE_TEXT", "Triage statement of software, no diagnostic report")
TRIAGE_CLASS = private("TRIAGE_CLASS", "Triage class of the reading order")


def item(code: Code) -> Dataset:
    """Return a Code Sequence item (PS3.3 8.8)."""
    return dataset(CodeValue=code.value, CodingSchemeDesignator=code.scheme_designator, CodeMeaning=code.meaning)


def sequence(*codes: Code) -> ItemSequence:
    """Return a Code Sequence."""
    return ItemSequence(item(code) for code in codes)


def dataset(**attributes: object) -> Dataset:
    """Return a data set of these attributes, by keyword; for the items of sequences."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def items(datasets: Iterable[Dataset]) -> ItemSequence:
    """Return a sequence of items."""
    return ItemSequence(datasets)
