"""Pages, and how they are described and encoded as Secondary Capture pixels; knows nothing of what a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.sr.coding import Code

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.instance import ResultSeries
from triaged.results.page import Page
from triaged.results.provenance import Provenance
from triaged.results.source import SourceFrame, SourceSeries, describe_loss, frames_at, key_instances


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A page with its pixels encoded, which is done once for all objects that contain it."""

    page: Page
    encoded: bytes


def encoded(pages: Sequence[Page]) -> tuple[Frame, ...]:
    """Return the pages as frames in RLE (PS3.5 annex G)."""
    return tuple(Frame(page, _rle(page)) for page in pages)


def describe_capture(dataset: Dataset, source: SourceSeries) -> None:
    """Write what all our pictures have in common (General Image, SC Equipment): derived, not scanned, with text."""
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES"
    describe_loss(dataset, source.header)


def describe_making(what: str, provenance: Provenance, series: ResultSeries) -> str:
    """Return a Derivation Description."""
    return f"{what}, {provenance.algorithm}. {series.notice}."


def derived_by(page: Page) -> Code:
    """Return how the picture came out of the source: images are shown as they are, everything else is a projection."""
    if page.is_resampled:
        return codes.RESAMPLED
    return codes.EXTRACTED_FRAMES if page.slices else codes.PIXEL_SUM


def shown_by(page: Page, source: SourceSeries, reorientation: Reorientation | None) -> tuple[SourceFrame, ...]:
    """Return the frames that the page shows, else the images that name the series."""
    shown = () if reorientation is None else frames_at(source, reorientation, page.slices)
    return shown or key_instances(source)


def put_pixels(dataset: Dataset, frames: Sequence[Frame]) -> None:
    """Write frames of one size as RGB pixels, each of one fragment, with a Basic Offset Table (PS3.5 A.4).

    Raises:
        ValueError: the pages differ in size.
    """
    sizes = {frame.page.pixels.shape for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"pages: expected one size, found {sorted(sizes)}")
    ((dataset.Rows, dataset.Columns, dataset.SamplesPerPixel),) = sizes
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = encapsulate([frame.encoded for frame in frames])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def _rle(page: Page) -> bytes:
    rows, columns, samples = page.pixels.shape
    return RLELosslessEncoder.encode(
        np.ascontiguousarray(page.pixels),
        encoding_plugin="pylibjpeg",  # three times as fast as the one that pydicom takes first
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        number_of_frames=1,
        photometric_interpretation="RGB",
        planar_configuration=0,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
    )
