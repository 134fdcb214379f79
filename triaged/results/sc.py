"""Writes pages as Secondary Capture images, which every archive shows; knows nothing of how a page is drawn.

The pictures of a result are there twice, one object for each page and one for all: a destination gets the one or the
others, by what it takes (Multi-frame True Color, PS3.3 A.8.5), so that one is a series of its own. Vectors number and
label its frames (C.8.6.4). It has no scale, as that differs between frames, and no orientation; the page says both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.capture import Frame, derived_by, describe_capture, describe_making, encoded, put_pixels, shown_by
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.page import Page
from triaged.results.provenance import Provenance, decimal
from triaged.results.source import SourceFrame, SourceSeries, key_instances, source_item
from triaged.study.kinds import ObjectKind


def pictures(
    source: SourceSeries,
    reorientation: Reorientation | None,
    pages: Sequence[Page],
    provenance: Provenance,
    series: ResultSeries,
) -> tuple[ResultObject, ...]:
    """Return the pages of a scored study, one object each, and then one object of all of them.

    `reorientation` is what made the canonical volume, on which a page counts its slices, of the source's; None where
    there is none.

    Raises:
        ValueError: the pages differ in size.
    """
    frames = encoded(pages)
    whole = replace(series, kind=ObjectKind.SC_MULTIFRAME)
    single = (
        _capture(frame, number, source, shown_by(frame.page, source, reorientation), provenance, series)
        for number, frame in enumerate(frames, 1)
    )
    return (*single, multiframe_picture(source, reorientation, frames, provenance, whole))


def reason_pictures(
    source: SourceSeries, pages: Sequence[Page], provenance: Provenance, series: ResultSeries
) -> tuple[ResultObject, ...]:
    """Return the pages of a study that has no score, one object each."""
    return tuple(
        _capture(frame, number, source, key_instances(source), provenance, series)
        for number, frame in enumerate(encoded(pages), 1)
    )


def begun_pictures(
    source: SourceSeries, pages: Sequence[Page], provenance: Provenance, series: ResultSeries
) -> tuple[bytes, ...]:
    """Return objects of a page each, drawn of segments, without their pixels; `completed` adds these later."""
    begun = []
    for number, page in enumerate(pages, 1):
        dataset = _described(page, number, source, key_instances(source), provenance, series)
        dataset.DerivationCodeSequence = codes.sequence(codes.SEGMENTATION)
        begun.append(finish(dataset, series.kind).part10)
    return tuple(begun)


def begun_turning(
    source: SourceSeries, views: Sequence[Page], provenance: Provenance, series: ResultSeries, frame_ms: float
) -> bytes:
    """Return an object of views that play as a loop (Cine, C.7.6.5), without their pixels."""
    dataset = begin(provenance.uid(series.kind.name), source, series, provenance)
    describe_capture(dataset, source)
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = None
    dataset.ImageComments = f"{series.notice}. {len(views)} views, a turn from {views[0].title} on."
    dataset.DerivationDescription = describe_making(f"Views of {series.of} in 3-D", provenance, series)
    dataset.DerivationCodeSequence = codes.sequence(codes.SEGMENTATION)
    dataset.SourceImageSequence = codes.items(source_item(image) for image in key_instances(source))
    dataset.NumberOfFrames = len(views)
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = decimal(frame_ms)
    dataset.PreferredPlaybackSequencing = 0
    dataset.RepresentativeFrameNumber = 1
    return finish(dataset, series.kind).part10


def completed(begun: bytes, kind: ObjectKind, pages: Sequence[Page]) -> ResultObject:
    """Return an object that was begun with its pixels; `ValueError` where the pages differ in size."""
    dataset = dcmread(BytesIO(begun))
    put_pixels(dataset, encoded(pages))
    name = kind.name if len(pages) > 1 else f"{kind.name}-{pages[0].name}"
    return finish(dataset, kind, name)


def _capture(
    frame: Frame,
    number: int,
    source: SourceSeries,
    shown: Sequence[SourceFrame],
    provenance: Provenance,
    series: ResultSeries,
) -> ResultObject:
    dataset = _described(frame.page, number, source, shown, provenance, series)
    put_pixels(dataset, [frame])
    return finish(dataset, series.kind, f"sc-{number}-{frame.page.name}")


def _described(
    page: Page,
    number: int,
    source: SourceSeries,
    shown: Sequence[SourceFrame],
    provenance: Provenance,
    series: ResultSeries,
) -> Dataset:
    """Return all of a picture's object but its pixels."""
    dataset = begin(provenance.uid(series.kind.name, page.name, page.key), source, series, provenance)
    describe_capture(dataset, source)
    dataset.InstanceNumber = number
    if not series.body_part:
        dataset.Laterality = None  # absent for an unpaired part of the body, empty where it is not known (C.7.3.1)
    dataset.PatientOrientation = list(page.orientation) if page.orientation else None
    dataset.ImageComments = f"{series.notice}. {page.title}."
    dataset.DerivationDescription = describe_making(f"View of {series.of}, {page.title}", provenance, series)
    dataset.DerivationCodeSequence = codes.sequence(derived_by(page))
    dataset.SourceImageSequence = codes.items(source_item(image) for image in shown)
    _describe_scale(dataset, page)
    return dataset


def _describe_scale(dataset: Dataset, page: Page) -> None:
    if page.pixel_mm is None:
        return
    dataset.PixelSpacing = [decimal(page.pixel_mm)] * 2
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = page.scale


_LONGEST_LABEL = 16


def multiframe_picture(
    source: SourceSeries,
    reorientation: Reorientation | None,
    frames: Sequence[Frame],
    provenance: Provenance,
    series: ResultSeries,
) -> ResultObject:
    """Return the pages as one object, in their order; `reorientation` is as for the single pictures.

    Raises:
        ValueError: the pages differ in size.
    """
    pages = [frame.page for frame in frames]
    dataset = begin(provenance.uid(series.kind.name), source, series, provenance)
    describe_capture(dataset, source)
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = None
    dataset.ImageComments = f"{series.notice}. " + "; ".join(f"{n} {page.title}" for n, page in enumerate(pages, 1))
    dataset.DerivationDescription = describe_making(f"Views of {series.of}", provenance, series)
    dataset.DerivationCodeSequence = codes.sequence(*dict.fromkeys(derived_by(page) for page in pages))
    shown = dict.fromkeys(image for page in pages for image in shown_by(page, source, reorientation))
    dataset.SourceImageSequence = codes.items(source_item(image) for image in shown)
    dataset.NumberOfFrames = len(pages)
    dataset.FrameIncrementPointer = [Tag("PageNumberVector"), Tag("FrameLabelVector")]
    dataset.PageNumberVector = list(range(1, len(pages) + 1))
    dataset.FrameLabelVector = [_label(page) for page in pages]
    dataset.RepresentativeFrameNumber = 1
    put_pixels(dataset, frames)
    return finish(dataset, series.kind)


def _label(page: Page) -> str:
    """Return as many words of the title as a Short String, of 16 characters, holds."""
    words = page.title.replace(",", "").split()
    fitting = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((label for label in fitting if len(label) <= _LONGEST_LABEL), page.name[:_LONGEST_LABEL])
