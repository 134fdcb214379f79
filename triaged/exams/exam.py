"""Says what the flow may ask of an examination, whatever it looks at.

An examination is a folder beside this module: it chooses among a study's series, tells whether they are whole, reads
and finds, and draws what it found. The flow knows none of them; it gets them as an argument. Must not know storage,
the order of the list, or when anything happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import TypedDict

from triaged.errors import UnreadableStudy
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.ranking import Ranking
from triaged.study.records import Prior, Series
from triaged.study.uids import SeriesUID

if TYPE_CHECKING:  # the clock and the pages import this and write no objects
    from pydicom.dataset import Dataset

    from triaged.inference.identity import Engine
    from triaged.results.instance import ResultObject
    from triaged.results.provenance import Provenance

StillAlive = Callable[[], None]
"""To be called between the long parts of a reading, so that the study is not given to another worker."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The series to score, with only those of its instances that are images of it; or the reason why there is none.

    `declined` names every other series of the study with a reason in words. `passed` counts the conditions that the
    best series met: of several examinations, the one that came furthest says why a study is out of scope.
    """

    chosen: Series | None
    declined: tuple[tuple[SeriesUID, str], ...]
    reason: Reason | None
    passed: int = 0


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last scored study of the same patient, and its view as the examination's `recall` gave it."""

    prior: Prior
    view: Any


@dataclass(frozen=True, slots=True)
class Results:
    """The objects of a scored study, and the view that a later study of the patient is compared with, if any.

    `draft`: what the examination makes further objects of once the result is committed, if any; see `complete`.
    """

    objects: tuple[ResultObject, ...]
    view: bytes | None
    draft: bytes | None = None


class Analysis(Protocol):
    """What was found in one study, with all that is needed to draw it."""

    @property
    def finding(self) -> Finding:
        """What was found."""

    def draw(self, ranking: Ranking, provenance: Provenance, earlier: Earlier | None) -> Results:
        """Return the result objects; equal arguments give equal bytes."""

    def overlap(self, segmentation: Path | None) -> float | None:
        """Return the Dice coefficient of what was outlined here and in the Segmentation of another engine's result.

        None where there is nothing to compare: neither outlined anything (no Segmentation: the other did not), the
        examination has no outlines, or the Segmentation cannot be read.
        """

    def draw_second(self, agreement: Agreement, first: str, provenance: Provenance) -> tuple[ResultObject, ...]:
        """Return the objects of a second engine's result; `first` is the algorithm that it is compared with."""


class Examination(Protocol):
    """One kind of examination, with the engine that reads it."""

    @property
    def engine(self) -> Engine:
        """What reads the images."""

    def choose(self, series: Sequence[Series]) -> Choice:
        """Return the series to score, from headers alone, or why there is none."""

    def is_whole(self, series: Sequence[Series]) -> bool:
        """Tell whether the series to score has arrived in full, as far as headers say."""

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> Analysis:
        """Decode the chosen instances and find what is in them; nothing is guessed.

        Raises:
            UnreadableStudy: with the reason.
            TryLater: a file could not be read from the disk.
        """

    def recall(self, view: bytes) -> Any:
        """Return a view that `draw` gave for an earlier study; raise ValueError where the bytes are something else.

        An examination that inherits this gives no views.
        """
        raise ValueError(f"expected no view, found {len(view)} bytes")

    def complete(self, draft: bytes) -> tuple[ResultObject, ...]:
        """Return the objects that a draft is of; equal drafts give equal bytes, whatever reads the images by then.

        An examination that inherits this gives no drafts.

        Raises:
            ValueError: the bytes are something else.
        """
        raise ValueError(f"expected no draft, found {len(draft)} bytes")

    def explain(
        self, header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
    ) -> tuple[ResultObject, ...]:
        """Return the objects that say in the archive why a study has no score; `header` is of any of its instances."""


class Slice(TypedDict):
    """One slice: what viewers call it, its table position, and how many pixels of it are lesion.

    `share` is the affected share of what was examined on this slice; None where none of that is on it, or not known.
    """

    number: int | None
    position_mm: float
    lesion: int
    share: float | None


class SliceList(TypedDict):
    """The slices from head to feet; sizes are of a picture in pixels and millimetres, the window in HU.

    `affected` says in words which slices are affected, empty where none is.
    """

    rows: int
    columns: int
    row_mm: float
    column_mm: float
    window_hu: tuple[float, float]
    has_contour: bool
    affected: str
    slices: list[Slice]


class View(Protocol):
    """The images of one study as pictures. Methods raise `IndexError` where there is no such image."""

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""

    def jpeg(self, index: int) -> bytes:
        """Return one image, 0 being the first."""

    def contour(self, index: int) -> bytes | None:
        """Return the contour of what was found as a transparent PNG of the image's size; None where there is none."""


Viewer = Callable[[Sequence[Path], Path | None], View]
"""Opens the instances of a series that was read, with the Segmentation of what was found where there is one.

Raises `UnreadableStudy` where they are not of its examination, or cannot be shown.
"""


def open_view(viewers: Sequence[Viewer], instances: Sequence[Path], segmentation: Path | None) -> View:
    """Return the images as the first examination shows them that can; raise the first refusal where none can."""
    refusals = []
    for each in viewers:
        try:
            return each(instances, segmentation)
        except UnreadableStudy as refusal:
            refusals.append(refusal)
    raise refusals[0]


def first_that_accepts(examinations: Sequence[Examination], series: Sequence[Series]) -> tuple[Examination, Choice]:
    """Return the first examination that has a series to score, else the one that came furthest, with its choice."""
    choices = [(each, each.choose(series)) for each in examinations]
    accepted = next((each for each in choices if each[1].chosen is not None), None)
    return accepted or max(choices, key=lambda each: each[1].passed)
