"""Names the frames that a volume was read from, with valid UIDs whatever was sent; knows nothing of findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydicom.dataset import Dataset

from triaged.imaging.geometry import Geometry
from triaged.results.identity import sent_text
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
    """The series a volume came from; `frames` in the stack's order, `sent_uids` maps our UIDs to invalid ones sent."""

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
    return SourceSeries(study, series, frames, tuple(invalid.items()))


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
        return SourceSeries(series.study_uid, series.series_uid, frames, series.sent_uids)
    if len(sources) != slices:
        raise ValueError(f"sources: expected {slices} single-frame images, one per slice, found {len(sources)}")
    return series


def _frame_numbers(source: Dataset, geometry: Geometry) -> list[int]:
    """Return the frame number (from 1) that lies at each slice's place, in whatever order the frames are stored."""
    groups = source.PerFrameFunctionalGroupsSequence
    positions = np.array(
        [[float(x) for x in group.PlanePositionSequence[0].ImagePositionPatient] for group in groups], dtype=np.float64
    )
    places = (geometry.position_mm((float(index), 0.0, 0.0)) for index in range(geometry.shape[0]))
    return [int(np.argmin(np.linalg.norm(positions - place, axis=1))) + 1 for place in places]


def _instance(source: Dataset) -> SOPInstanceUID:
    return _uid(SOPInstanceUID, source, "SOPInstanceUID")


def _uid(kind: type[_AnyUID], source: Dataset, keyword: str) -> _AnyUID:
    sent = sent_text(source, keyword)
    return kind.parse(sent or derived_uid("absent", keyword))


def _sop_class(source: Dataset) -> str:
    sent = sent_text(source, "SOPClassUID")
    return sent if is_valid_uid(sent) else CT_IMAGE_STORAGE
