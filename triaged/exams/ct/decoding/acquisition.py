"""How a series was made, as far as its header says."""

from __future__ import annotations

import re

from pydicom import Dataset

from triaged.dicom.age import age_years
from triaged.dicom.attributes import Groups, attribute, functional, items, number, text
from triaged.exams.ct.finding import Acquisition

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
        age_years=age_years(header),
    )


def _contrast(header: Dataset, groups: Groups) -> bool | None:
    administered = text(functional(groups, "ContrastBolusUsageSequence", "ContrastBolusAgentAdministered"))
    if administered in ("YES", "NO"):
        return administered == "YES"
    agent = text(attribute(header, "ContrastBolusAgent"))
    if agent is not None:
        return _NO_AGENT.match(agent) is None
    return True if items(header, "ContrastBolusAgentSequence") else None
