"""Writes pages as Secondary Capture images, which every archive shows; knows nothing of how a page is drawn.

The pictures of a result are there twice, one object for each page and one for all: a destination gets the one or the
others, by what it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.capture import Frame, derived_by, describe_capture, describe_making, encoded, put_pixels, shown_by
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.multiframe import multiframe_picture
from triaged.results.page import Page
from triaged.results.provenance import Provenance, decimal
from triaged.results.references import key_instances, source_item
from triaged.results.source import SourceFrame, SourceSeries
from triaged.study.kinds import ObjectKind


def pictures(
    header: Dataset,
    source: SourceSeries,
    reorientation: Reorientation | None,
    pages: Sequence[Page],
    provenance: Provenance,
    series: ResultSeries,
) -> tuple[ResultObject, ...]:
    """Return the pages of a scored study, one object each, and then the object that holds them all.

    `reorientation` is what made the canonical volume, on which a page counts its slices, of the source's; None where
    there is none.

    Raises:
        ValueError: the pages differ in size.
    """
    frames = encoded(pages)
    whole = replace(series, kind=ObjectKind.SC_MULTIFRAME)
    return (
        *(
            _capture(frame, number, header, source, shown_by(frame.page, source, reorientation), provenance, series)
            for number, frame in enumerate(frames, 1)
        ),
        multiframe_picture(header, source, reorientation, frames, provenance, whole),
    )


def reason_pictures(
    header: Dataset, source: SourceSeries, pages: Sequence[Page], provenance: Provenance, series: ResultSeries
) -> tuple[ResultObject, ...]:
    """Return the pages of a study that has no score, one object each."""
    return tuple(
        _capture(frame, number, header, source, key_instances(source), provenance, series)
        for number, frame in enumerate(encoded(pages), 1)
    )


def _capture(
    frame: Frame,
    number: int,
    header: Dataset,
    source: SourceSeries,
    shown: Sequence[SourceFrame],
    provenance: Provenance,
    series: ResultSeries,
) -> ResultObject:
    page = frame.page
    dataset = Dataset()
    dataset.SOPInstanceUID = provenance.uid(series.kind.name, page.name, page.key)
    begin(dataset, header, source, series, provenance)
    describe_capture(dataset, header)
    dataset.InstanceNumber = number
    if not series.body_part:
        dataset.Laterality = None  # absent for an unpaired part of the body, empty where it is not known (C.7.3.1)
    dataset.PatientOrientation = list(page.orientation) if page.orientation else None
    dataset.ImageComments = f"{series.notice}. {page.title}."
    dataset.DerivationDescription = describe_making(f"View of {series.of}, {page.title}", provenance, series)
    dataset.DerivationCodeSequence = codes.sequence(derived_by(page))
    dataset.SourceImageSequence = codes.items(source_item(image) for image in shown)
    _describe_scale(dataset, page)
    put_pixels(dataset, [frame])
    return finish(dataset, series.kind, f"sc-{number}-{page.name}")


def _describe_scale(dataset: Dataset, page: Page) -> None:
    if page.pixel_mm is None:
        return
    dataset.PixelSpacing = [decimal(page.pixel_mm)] * 2
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = page.scale
