"""The axial slices of a study as pictures, and the lesion's contour on them; the last few studies stay ready.

What is kept in memory has a bound, and nothing of it outlives the process. Knows no pages.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import TypedDict

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.slices import SliceStack, read_regions, read_slices
from triaged.exams.ct.pictures.colour import edge
from triaged.exams.ct.pictures.keyslices import LESION, LUNG_WINDOW_HU
from triaged.imaging.window import to_unit
from triaged.spool.files import Spool
from triaged.store.studies.ledger import Studies
from triaged.study.kinds import ObjectKind

MOST_STUDIES = 8
MOST_BYTES = 64 * 2**20
_JPEG_QUALITY = 90
_LESION_LABEL = "Lung opacity"


class Slice(TypedDict):
    """One slice: what viewers call it, its table position, and how many pixels of it are lesion."""

    number: int | None
    position_mm: float
    lesion: int


class SliceList(TypedDict):
    """The slices from head to feet; sizes are of a picture in pixels and millimetres, the window in HU."""

    rows: int
    columns: int
    row_mm: float
    column_mm: float
    window_hu: tuple[float, float]
    has_contour: bool
    slices: list[Slice]


class Ready:
    """One study that is being looked at: its slices, and the contours of its lesion as pictures by slice."""

    def __init__(self, stack: SliceStack, regions: Mapping[int, NDArray[np.bool_]], *, has_contour: bool) -> None:
        self.stack = stack
        self.contours = {index: _contour_png(region) for index, region in regions.items()}
        self._lesion = {index: int(region.sum()) for index, region in regions.items()}
        self._has_contour = has_contour

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""
        rows, columns = self.stack.shape
        row_mm, column_mm = self.stack.pixel_mm
        return {
            "rows": rows,
            "columns": columns,
            "row_mm": row_mm,
            "column_mm": column_mm,
            "window_hu": LUNG_WINDOW_HU,
            "has_contour": self._has_contour,
            "slices": [
                {"number": one.number, "position_mm": one.position_mm, "lesion": self._lesion.get(index, 0)}
                for index, one in enumerate(self.stack.slices)
            ],
        }


class Slices:
    """Slices of studies as pictures; safe to share between threads.

    Every method raises `UnreadableStudy` where the study has no result from a CT series, or its files cannot be shown,
    and `IndexError` where it has no such slice.
    """

    def __init__(self, studies: Studies, spool: Spool, most_bytes: int = MOST_BYTES) -> None:
        self._studies = studies
        self._spool = spool
        self._opened: OrderedDict[str, tuple[str, Ready]] = OrderedDict()
        self._pictures = Pictures(most_bytes)
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def described(self, study_uid: str) -> SliceList:
        """Return how many slices there are and what they are."""
        return self._ready(study_uid)[1].described()

    def jpeg(self, study_uid: str, index: int) -> bytes:
        """Return one slice in the lung window, 0 being nearest to the head."""
        basis, ready = self._ready(study_uid)
        kept = self._pictures.get((basis, index))
        if kept is None:
            if not 0 <= index < len(ready.stack.slices):
                raise IndexError(index)
            kept = _jpeg(ready.stack.hounsfield(index))
            self._pictures.keep((basis, index), kept)
        return kept

    def contour(self, study_uid: str, index: int) -> bytes | None:
        """Return the contour of the lesion as a transparent PNG of the slice's size; None where there is no lesion."""
        _, ready = self._ready(study_uid)
        if not 0 <= index < len(ready.stack.slices):
            raise IndexError(index)
        return ready.contours.get(index)

    def _ready(self, study_uid: str) -> tuple[str, Ready]:
        """Return the study, opened at the result in force: with a new result it is opened again."""
        derived = self._studies.derived(study_uid)
        if not derived:
            raise UnreadableStudy("no-result", "expected a result of this study, found none yet")
        basis = derived[0].sop_instance_uid
        found = self._kept(study_uid, basis)
        if found is None:
            with self._opening:  # a second browser waits for the first instead of doing the same
                found = self._kept(study_uid, basis)
                if found is None:
                    segmentation = next((one.path for one in derived if one.kind == ObjectKind.SEG), None)
                    found = self._open(study_uid, segmentation)
                    self._keep(study_uid, basis, found)
        return basis, found

    def _kept(self, study_uid: str, basis: str) -> Ready | None:
        with self._lock:
            found = self._opened.get(study_uid)
            if found is None or found[0] != basis:
                return None
            self._opened.move_to_end(study_uid)
            return found[1]

    def _keep(self, study_uid: str, basis: str, ready: Ready) -> None:
        with self._lock:
            self._opened[study_uid] = basis, ready
            self._opened.move_to_end(study_uid)
            while len(self._opened) > MOST_STUDIES:
                self._opened.popitem(last=False)

    def _open(self, study_uid: str, segmentation: str | None) -> Ready:
        chosen = {one.series_uid for one in self._studies.series_decisions(study_uid) if one.chosen}
        paths = [
            self._spool.absolute(one.path)
            for one in self._studies.instances(study_uid)
            if one.series_uid.value in chosen
        ]
        if not paths:
            raise UnreadableStudy("no-result", "expected a CT series that was read, found none")
        stack = read_slices(paths)
        regions = {} if segmentation is None else _regions(self._spool.absolute(segmentation), stack)
        return Ready(stack, regions, has_contour=segmentation is not None)


class Pictures:
    """Encoded pictures up to a number of bytes; the one that was not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size_bytes = 0

    def get(self, key: tuple[str, int]) -> bytes | None:
        """Return a picture that is still kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: tuple[str, int], picture: bytes) -> None:
        """Keep a picture, and let others go where there is no room."""
        with self._lock:
            self.size_bytes += len(picture) - len(self._kept.pop(key, b""))
            self._kept[key] = picture
            while self.size_bytes > self._most_bytes:
                self.size_bytes -= len(self._kept.popitem(last=False)[1])


def _regions(segmentation: Path, stack: SliceStack) -> dict[int, NDArray[np.bool_]]:
    found = read_regions(segmentation, _LESION_LABEL)
    shape = stack.slices[0].frame.rows, stack.slices[0].frame.columns
    return {
        index: stack.turned(found[one.key])
        for index, one in enumerate(stack.slices)
        if one.key in found and found[one.key].shape == shape
    }


def _jpeg(hu: NDArray[np.float32]) -> bytes:
    grey = np.round(to_unit(hu, *LUNG_WINDOW_HU) * 255.0).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def _contour_png(region: NDArray[np.bool_]) -> bytes:
    picture = Image.fromarray(edge(region).astype(np.uint8))
    picture.putpalette([0, 0, 0, *LESION])
    stream = io.BytesIO()
    picture.save(stream, "PNG", transparency=0, bits=1)
    return stream.getvalue()
