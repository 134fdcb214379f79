"""Says what the flow may ask of an examination, whatever it looks at.

An examination is a folder beside this module: it chooses among a study's series, tells whether they are whole, reads
and finds, and draws what it found. The flow knows none of them; it gets them as an argument. Must not know storage,
the order of the list, or when anything happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import TypedDict

from triaged.errors import UnreadableStudy
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.ranking import Ranking
from triaged.study.records import Prior, Series
from triaged.study.uids import SeriesUID, SOPInstanceUID

if TYPE_CHECKING:  # the clock and the pages import this and write no objects
    from pydicom.dataset import Dataset

    from triaged.inference.identity import Engine
    from triaged.results.instance import ResultObject
    from triaged.results.provenance import Provenance

Refusals = Mapping[SOPInstanceUID, Reason]
"""Images that were chosen and could not be read, each with its reason."""

StillAlive = Callable[[], None]
"""To be called between the long parts of a reading, so that the study is not given to another worker."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The series to score, with only those of its instances that are images of it; or the reason why there is none.

    `declined` names every other series of the study with a reason in words. `passed` counts the conditions that the
    best series met: of several examinations, the one that came furthest says why a study is out of scope. `words` are
    what the page says beside the chosen series: also of its other images, where they are more than a score needs.
    `foreign` are series without any image of the kind that the examination reads. `calls_itself_one`: a series that
    was declined says in its headers that it is what the examination is for, so that the archive is told why not.
    """

    chosen: Series | None
    declined: tuple[tuple[SeriesUID, str], ...]
    reason: Reason | None
    passed: int = 0
    words: str = "chosen"
    foreign: frozenset[SeriesUID] = frozenset()
    calls_itself_one: bool = False


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

    def choose_again(self, series: Sequence[Series], refused: Refusals) -> Choice | None:  # noqa: ARG002
        """Return what to score instead of what could not be read as this examination; None where nothing is tried.

        Equal arguments give an equal answer. An examination that inherits this tries nothing else.
        """
        return None

    def is_whole(self, series: Sequence[Series]) -> bool:
        """Tell whether the series to score has arrived in full, as far as headers say."""

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> Analysis:
        """Decode the chosen instances and find what is in them; nothing is guessed.

        Raises:
            UnreadableStudy: with the reason.
            TryLater: a file could not be read from the disk.
        """

    def prepare(self, instances: Sequence[Path]) -> None:  # noqa: ARG002
        """Work on instances that `read` will be given; what it returns stays the same. Raises as `read` does."""
        return

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
    `is_affected` tells whether there is enough lesion for the slice to count among the affected ones, `is_key` whether
    it is one of the few that show most.
    """

    number: int | None
    position_mm: float
    lesion: int
    share: float | None
    is_affected: bool
    is_key: bool


class Whole(TypedDict):
    """The size of an image as it was sent, upright, and the `side` of the square parts in which it can be had."""

    rows: int
    columns: int
    side: int


class SliceList(TypedDict):
    """The slices from head to feet; sizes are of a picture in pixels and millimetres, the window in HU.

    `modality` is CT, or CR for any X-ray. `regions` names the bits of the labels that a tile has for each pixel, the
    lowest first; none where tiles have no labels. `affected` says in words which slices are affected, empty where none
    is. `whole` is there where images have more pixels than a tile has.
    """

    modality: str
    rows: int
    columns: int
    row_mm: float
    column_mm: float
    window_hu: tuple[float, float]
    has_contour: bool
    regions: list[str]
    whole: Whole | None
    affected: str
    slices: list[Slice]


class View(Protocol):
    """The images of one study as pictures. Methods raise `IndexError` where there is no such image."""

    def described(self) -> SliceList:
        """Return what is known before any pixel is decoded."""

    def jpeg(self, index: int) -> bytes:
        """Return one image, 0 being the first."""

    def tile(self, index: int) -> bytes:
        """Return the values of one image as little-endian int16, row by row, then a byte of labels for each pixel.

        Values are HU of a CT, greys from 0 to 255 of an X-ray. A bit of a label says that the pixel belongs to the
        region of that bit; without `regions` there are no labels.
        """

    def contour(self, index: int) -> bytes | None:
        """Return the contour of what was found as a transparent PNG of the image's size; None where there is none."""

    def part(self, index: int, row: int, column: int) -> bytes:
        """Return a square part of an image as it was sent, a byte of grey for each pixel, row by row.

        `row` and `column` count parts, from the upper left one; the last ones may be smaller. `IndexError` where there
        is no such part, or where there is no `whole`.
        """

    @property
    def held_bytes(self) -> int:
        """Return about how much memory it takes to keep this open."""


Viewer = Callable[[Sequence[Path], Path | None], View]
"""Opens the instances of a series that was read, with the Segmentation of what was found where there is one.

Raises `UnreadableStudy` where they are not of its examination, or cannot be shown.
"""


Thumbnail = Callable[[bytes], bytes]
"""Draws the view that a result keeps of its images as a small PNG; `ValueError` where it is not of its examination."""


def open_view(viewers: Sequence[Viewer], instances: Sequence[Path], segmentation: Path | None) -> View:
    """Return the images as the first examination shows them that can; raise the first refusal where none can."""
    refusals = []
    for each in viewers:
        try:
            return each(instances, segmentation)
        except UnreadableStudy as refusal:
            refusals.append(refusal)
    raise refusals[0]


class Chooser(Protocol):
    """The part of an examination that needs no engine."""

    def choose(self, series: Sequence[Series]) -> Choice:
        """Return the series to score, from headers alone, or why there is none."""


Exam = TypeVar("Exam", bound=Chooser)


def first_that_accepts(examinations: Sequence[Exam], series: Sequence[Series]) -> tuple[Exam, Choice]:
    """Return the first examination that has a series to score, else the one that came furthest, with its choice.

    Of a series that only another examination could score it says what that one made of it.
    """
    choices = [each.choose(series) for each in examinations]
    accepted = [number for number, choice in enumerate(choices) if choice.chosen is not None]
    number = accepted[0] if accepted else max(range(len(choices)), key=lambda each: choices[each].passed)
    return examinations[number], _explained(choices[number], choices[:number] + choices[number + 1 :])


def next_after(
    examinations: Sequence[Examination], examination: Examination, series: Sequence[Series], refused: Refusals
) -> Choice | None:
    """Return what an examination reads instead of what was refused, None where it tries nothing else."""
    choice = examination.choose_again(series, refused)
    if choice is None or choice.chosen is None:
        return None
    return _explained(choice, [each.choose(series) for each in examinations if each is not examination])


def _explained(choice: Choice, others: Sequence[Choice]) -> Choice:
    """Return a choice that says of each foreign series why it is not read, as the examinations of its kind say it."""
    return replace(choice, declined=tuple((uid, _why(uid, why, choice, others)) for uid, why in choice.declined))


def _why(uid: SeriesUID, why: str, choice: Choice, others: Sequence[Choice]) -> str:
    own = [each for each in others if uid not in each.foreign] if uid in choice.foreign else []
    if not own:
        return why
    wanted = any(each.chosen is not None and each.chosen.series_uid == uid for each in own)
    said = dict(own[0].declined).get(uid, why)
    if choice.chosen is None:
        return said
    kind = choice.chosen.instances[0].image.modality or "another kind of image"
    if wanted:
        return f"the study is read as {kind}, which comes first where it can be read"
    return f"{said}; the study is read as {kind}"
