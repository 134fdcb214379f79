"""Names the frames that a volume was read from, with valid UIDs whatever was sent; knows no findings and no pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from triaged.imaging.geometry import Geometry, Reorientation
from triaged.results import codes
from triaged.results.identity import sent_text
from triaged.results.provenance import Referenced
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID, derived_uid, is_valid_uid

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"

_AnyUID = TypeVar("_AnyUID", StudyUID, SeriesUID, SOPInstanceUID)


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One slice of the stack as a reference; `frame_number` (from 1) only for multi-frame images."""

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """The series a volume came from; `frames` in the stack's order, `sent_uids` maps our UIDs to invalid ones sent.

    Patient and study are copied from `header`, that of one of its instances.
    """

    header: Dataset = field(compare=False, repr=False)
    study_uid: StudyUID
    series_uid: SeriesUID
    frames: tuple[SourceFrame, ...]
    sent_uids: tuple[tuple[str, str], ...]

    @property
    def instances(self) -> tuple[SourceFrame, ...]:
        """Return each referenced instance once, in order."""
        return tuple({frame.sop_instance_uid: frame for frame in self.frames}.values())


def single_frames(sources: Sequence[Dataset]) -> SourceSeries:
    """Name instances of one series without regard to where their frames lie."""
    frames = tuple(SourceFrame(_sop_class(one), _instance(one).value, None) for one in sources)
    study, series = _uid(StudyUID, sources[0], "StudyInstanceUID"), _uid(SeriesUID, sources[0], "SeriesInstanceUID")
    instances = (_instance(one) for one in sources)
    invalid = {uid.value: uid.sent.strip(" \0") for uid in (study, series, *instances) if not uid.was_valid}
    return SourceSeries(sources[0], study, series, frames, tuple(invalid.items()))


def source_series(sources: Sequence[Dataset], geometry: Geometry) -> SourceSeries:
    """Name the frame behind each slice of `geometry`, which is in source order.

    Raises:
        ValueError: there are neither as many single-frame sources as slices nor one multi-frame source.
    """
    series = single_frames(sources)
    slices = geometry.shape[0]
    if len(sources) == 1 and "PerFrameFunctionalGroupsSequence" in sources[0]:
        image = series.frames[0]
        numbers = _frame_numbers(sources[0], geometry)
        frames = tuple(SourceFrame(image.sop_class_uid, image.sop_instance_uid, number) for number in numbers)
        return replace(series, frames=frames)
    if len(sources) != slices:
        raise ValueError(f"sources: expected {slices} single-frame images, one per slice, found {len(sources)}")
    return series


def _frame_numbers(source: Dataset, geometry: Geometry) -> list[int]:
    """Return the frame number (from 1) that lies at each slice's place, in whatever order the frames are stored."""
    groups = source.PerFrameFunctionalGroupsSequence
    positions = np.array(
        [[float(x) for x in group.PlanePositionSequence[0].ImagePositionPatient] for group in groups], dtype=np.float64
    )
    places = (geometry.position_mm((index, 0, 0)) for index in range(geometry.shape[0]))
    return [int(np.argmin(np.linalg.norm(positions - place, axis=1))) + 1 for place in places]


def _instance(source: Dataset) -> SOPInstanceUID:
    return _uid(SOPInstanceUID, source, "SOPInstanceUID")


def _uid(kind: type[_AnyUID], source: Dataset, keyword: str) -> _AnyUID:
    sent = sent_text(source, keyword)
    return kind.parse(sent or derived_uid("absent", keyword))


def _sop_class(source: Dataset) -> str:
    sent = sent_text(source, "SOPClassUID")
    return sent if is_valid_uid(sent) else CT_IMAGE_STORAGE


_LONGEST_REFERENCE_LIST = 3
_DIRECTIONS = re.compile(r"[LRAPHF]{1,3}")
_LOSS = {
    "LossyImageCompressionRatio": re.compile(r"[0-9. ]{1,16}(\\[0-9. ]{1,16})*"),
    "LossyImageCompressionMethod": re.compile(r"[A-Z0-9_ ]{1,16}(\\[A-Z0-9_ ]{1,16})*"),
}


def instance_item(one: SourceFrame | Referenced) -> Dataset:
    """Return an instance as SOP Class and SOP Instance UID (PS3.3 table 10-11)."""
    return codes.dataset(ReferencedSOPClassUID=one.sop_class_uid, ReferencedSOPInstanceUID=one.sop_instance_uid)


def source_item(image: SourceFrame) -> Dataset:
    """Return an item of a Source Image Sequence; it names the frame where the image has several and one is meant."""
    item = instance_item(image)
    if image.frame_number is not None:
        item.ReferencedFrameNumber = image.frame_number
    item.PurposeOfReferenceCodeSequence = codes.sequence(codes.SOURCE_IMAGE)
    return item


def derivation_item(derived_by: Code, image: SourceFrame) -> Dataset:
    """Return an item of a Derivation Image Sequence (PS3.3 C.7.6.16.2.6) for pixels that lie where the image's do."""
    origin = source_item(image)
    origin.SpatialLocationsPreserved = "YES"
    return codes.dataset(DerivationCodeSequence=codes.sequence(derived_by), SourceImageSequence=codes.items([origin]))


def describe_loss(dataset: Dataset, header: Dataset) -> None:
    """Write whether the source was ever compressed with loss, which applies to all that is made of it (C.7.6.1.1.5)."""
    lossy = sent_text(header, "LossyImageCompression") == "01"
    dataset.LossyImageCompression = "01" if lossy else "00"
    for keyword, values in _LOSS.items():
        sent = sent_text(header, keyword)
        if lossy and values.fullmatch(sent):
            setattr(dataset, keyword, [value.strip() for value in sent.split("\\")])


def patient_orientation(header: Dataset) -> list[str]:
    """Return where rows and columns of an image run to (C.7.6.1.1.1); empty where it does not say, or wrongly."""
    sent = [part.strip() for part in sent_text(header, "PatientOrientation").split("\\")]
    return sent if len(sent) == 2 and all(_DIRECTIONS.fullmatch(part) for part in sent) else []


def key_instances(source: SourceSeries) -> tuple[SourceFrame, ...]:
    """Return the first, middle and last instance: they name the series, and the report lists them all."""
    images = tuple(SourceFrame(one.sop_class_uid, one.sop_instance_uid, None) for one in source.instances)
    if len(images) <= _LONGEST_REFERENCE_LIST:
        return images
    return images[0], images[len(images) // 2], images[-1]


def frames_at(source: SourceSeries, reorientation: Reorientation, slices: Sequence[int]) -> tuple[SourceFrame, ...]:
    """Return the source's frames that are these slices of the canonical volume.

    None where the source's frames were not slices of that volume, as in a series of sagittal images.
    """
    if reorientation.axes[0] != 0:
        return ()
    count = len(source.frames)
    return tuple(source.frames[count - 1 - index if reorientation.reverse[0] else index] for index in slices)
