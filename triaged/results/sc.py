"""Writes pages as Secondary Capture images, which every archive shows; knows nothing of how a page is drawn.

The pictures of a result are there twice, one object for each page and one for all: a destination gets the one or the
others, by what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.capture import (
    TRANSFER_SYNTAX,
    Frame,
    derived_by,
    describe_capture,
    describe_making,
    encoded,
    put_pixels,
    shown_by,
)
from triaged.results.instance import PICTURE_SERIES, ResultObject, begin, finish
from triaged.results.layout import NOTICE
from triaged.results.multiframe import multiframe_picture
from triaged.results.page import Page
from triaged.results.provenance import Provenance, decimal
from triaged.results.references import key_instances, source_item
from triaged.results.source import SourceFrame, SourceSeries

SECONDARY_CAPTURE_STORAGE = "1.2.840.10008.5.1.4.1.1.7"

# Laterality is to be absent for an unpaired part of the body and empty where the part is not known (C.7.3.1).
_CHEST: Mapping[str, str | None] = {"BodyPartExamined": "CHEST"}
_UNKNOWN_PART: Mapping[str, str | None] = {"Laterality": None}


def pictures(
    header: Dataset,
    source: SourceSeries,
    reorientation: Reorientation,
    pages: Sequence[Page],
    provenance: Provenance,
) -> tuple[ResultObject, ...]:
    """Return the pages of a scored study, one object each, and then the object that holds them all.

    `reorientation` is what made the canonical volume, on which a page counts its slices, of the source's.

    Raises:
        ValueError: the pages differ in size.
    """
    frames = encoded(pages)
    return (
        *(
            _capture(frame, number, header, source, shown_by(frame.page, source, reorientation), provenance, _CHEST)
            for number, frame in enumerate(frames, 1)
        ),
        multiframe_picture(header, source, reorientation, frames, provenance),
    )


def reason_pictures(
    header: Dataset, source: SourceSeries, pages: Sequence[Page], provenance: Provenance
) -> tuple[ResultObject, ...]:
    """Return the pages of a study that has no score, one object each."""
    return tuple(
        _capture(frame, number, header, source, key_instances(source), provenance, _UNKNOWN_PART)
        for number, frame in enumerate(encoded(pages), 1)
    )


def _capture(
    frame: Frame,
    number: int,
    header: Dataset,
    source: SourceSeries,
    shown: Sequence[SourceFrame],
    provenance: Provenance,
    part: Mapping[str, str | None],
) -> ResultObject:
    page = frame.page
    dataset = Dataset()
    dataset.SOPClassUID = SECONDARY_CAPTURE_STORAGE
    dataset.SOPInstanceUID = provenance.uid(PICTURE_SERIES.kind.value, page.name, page.key)
    begin(dataset, header, source, PICTURE_SERIES, provenance)
    describe_capture(dataset, header)
    dataset.InstanceNumber = number
    for keyword, value in part.items():
        setattr(dataset, keyword, value)
    dataset.PatientOrientation = list(page.orientation) if page.orientation else None
    dataset.ImageComments = f"{NOTICE}. {page.title}."
    dataset.DerivationDescription = describe_making(f"View of a CT, {page.title}", provenance)
    dataset.DerivationCodeSequence = codes.sequence(derived_by(page))
    dataset.SourceImageSequence = codes.items(source_item(image) for image in shown)
    _describe_scale(dataset, page)
    put_pixels(dataset, [frame])
    return finish(dataset, PICTURE_SERIES.kind, f"sc-{number}-{page.name}", TRANSFER_SYNTAX)


def _describe_scale(dataset: Dataset, page: Page) -> None:
    if page.pixel_mm is None:
        return
    dataset.PixelSpacing = [decimal(page.pixel_mm)] * 2
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    described = "A slice of the CT" if page.slices else "Parallel projection on the CT grid"
    dataset.PixelSpacingCalibrationDescription = described
