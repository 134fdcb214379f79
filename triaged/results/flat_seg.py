"""Writes regions of one image that has no place in the patient, such as a radiograph, as a DICOM Segmentation.

A projection has no Frame of Reference: its segments lie on the image's own pixels, which the Derivation Image group of
each frame says (PS3.3 A.51.3 and C.7.6.16.2.6). Knows nothing of scores or of order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from triaged.results import codes
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.provenance import Provenance
from triaged.results.seg import Region, describe_bits, packed, referenced_series, segment_item
from triaged.results.source import SourceSeries, derivation_item, describe_loss, patient_orientation

_SEGMENT_NUMBER: Final = (0x0062000B, 0x0062000A)
"""Referenced Segment Number, in the Segment Identification Sequence."""


@dataclass(frozen=True, slots=True, eq=False)
class FlatSegment:
    """One region that has pixels (row, column) on the stored image; `number` counts from 1 without gaps."""

    number: int
    region: Region
    tracking_uid: str
    pixels: NDArray[np.bool_]


def flat_segmentation(
    source: SourceSeries, described: tuple[FlatSegment, ...], provenance: Provenance, series: ResultSeries
) -> ResultObject:
    """Return the Segmentation of `described` on the one image of `source`, a frame for each segment.

    Raises:
        ValueError: there is no segment, or the source has several images.
    """
    if not described or len(source.frames) != 1:
        raise ValueError(f"expected segments of one image, found {len(described)} of {len(source.frames)}")
    dataset = begin(provenance.uid("seg"), source, series, provenance)
    rows, columns = described[0].pixels.shape
    describe_bits(dataset, (rows, columns), len(described), series, provenance)
    describe_loss(dataset, source.header)
    dataset.ReferencedSeriesSequence = referenced_series(source)
    dataset.SegmentSequence = codes.items(
        segment_item(each.number, each.region, each.tracking_uid, provenance) for each in described
    )
    dataset.PatientOrientation = patient_orientation(source.header) or None
    dataset.SharedFunctionalGroupsSequence = codes.items([Dataset()])
    organization = provenance.uid("seg", "dimensions")
    dataset.DimensionOrganizationSequence = codes.items([codes.dataset(DimensionOrganizationUID=organization)])
    pointer, group = _SEGMENT_NUMBER
    dimension = codes.dataset(
        DimensionOrganizationUID=organization,
        DimensionIndexPointer=pointer,
        FunctionalGroupPointer=group,
        DimensionDescriptionLabel="Segment",
    )
    dataset.DimensionIndexSequence = codes.items([dimension])
    dataset.PerFrameFunctionalGroupsSequence = codes.items(_frame(each.number, source) for each in described)
    dataset.PixelData = packed([each.pixels for each in described])
    dataset["PixelData"].VR = "OB"
    return finish(dataset, series.kind)


def _frame(number: int, source: SourceSeries) -> Dataset:
    return codes.dataset(
        FrameContentSequence=codes.items([codes.dataset(DimensionIndexValues=[number])]),
        SegmentIdentificationSequence=codes.items([codes.dataset(ReferencedSegmentNumber=number)]),
        DerivationImageSequence=codes.items([derivation_item(codes.SEGMENTATION, source.frames[0])]),
    )
