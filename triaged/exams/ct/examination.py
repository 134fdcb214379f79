"""Chest CT as an examination: one series chosen by declared rules, read as a volume, scored by an engine, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from triaged.errors import UnreadableStudy
from triaged.exams.ct.choice import ScopeOptions, choose, is_whole
from triaged.exams.ct.decoding.known import KnownHeaders
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.engines import Pipeline, Preparing
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.objects import (
    EXAMINED,
    WRITERS,
    Writer,
    completed_objects,
    reason_objects,
    result_objects,
)
from triaged.exams.ct.options import Palette
from triaged.exams.ct.overlap import overlap
from triaged.exams.ct.pictures.coronal import decode_coronal
from triaged.exams.ct.pictures.keyslices import slice_names
from triaged.exams.ct.pictures.projection import Projection
from triaged.exams.ct.pictures.sides import decode_draft
from triaged.exams.ct.pictures.wording import found_lines
from triaged.exams.exam import Choice, Earlier, Refusals, Results, StillAlive
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.results.source import source_series
from triaged.results.sr import second_report
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.ranking import Ranking
from triaged.study.records import Series


@dataclass(frozen=True, slots=True, eq=False)
class CtAnalysis:
    """The `Analysis` of a chest CT."""

    read: DecodedSeries
    reading: LungAnalysis
    palette: Palette
    writers: tuple[Writer, ...]

    @property
    def finding(self) -> Finding:
        """What was found; see `Analysis`."""
        return self.reading.finding

    def draw(self, ranking: Ranking, provenance: Provenance, earlier: Earlier | None) -> Results:
        """Return segmentation, reports and pictures; see `Analysis`."""
        return result_objects(
            self.read, self.reading, ranking, provenance, palette=self.palette, earlier=earlier, writers=self.writers
        )

    def overlap(self, segmentation: Path | None) -> float | None:
        """Return the Dice coefficient of the lesion here and in a Segmentation; see `Analysis`."""
        return overlap(self.read, self.reading.lesion, segmentation)

    def draw_second(self, agreement: Agreement, first: str, provenance: Provenance) -> tuple[ResultObject, ...]:
        """Return the report of a second engine; see `Analysis`."""
        read = self.read
        source = source_series(read.headers, read.source_geometry)
        names = slice_names(read.headers, source, read.reorientation, read.spread)
        lines = found_lines(source.header, self.reading, provenance, slice_names=names)
        return (second_report(source, self.finding, agreement, first, EXAMINED, lines, provenance),)


@dataclass(frozen=True, slots=True)
class ChestCt:
    """The `Examination` of chest CT; `palette` colours the pictures, `writers` put its words into objects.

    `known` is what it read of series that arrive.
    """

    engine: Engine
    pipeline: Pipeline
    scope: ScopeOptions = field(default_factory=ScopeOptions)
    palette: Palette = Palette.GREEN_RED
    writers: tuple[Writer, ...] = WRITERS
    known: KnownHeaders = field(default_factory=KnownHeaders, compare=False, repr=False)

    def choose(self, series: Sequence[Series]) -> Choice:
        """Return the series to score; see `Examination`."""
        return choose(series, self.scope)

    def choose_again(self, series: Sequence[Series], refused: Refusals) -> Choice | None:  # noqa: ARG002
        """Return None: a series that cannot be read is said, and no other one stands for it; see `Examination`."""
        return None

    def is_whole(self, series: Sequence[Series]) -> bool:
        """Tell whether the series to score is one volume; see `Examination`."""
        return is_whole(series, self.scope)

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> CtAnalysis:
        """Decode the slices and score the volume; see `Examination`."""
        read = decode_series(instances, header_of=self.known.take)
        self.known.forget()
        still_alive()
        reading = self.pipeline.read(read.volume, read.acquisition)
        still_alive()
        return CtAnalysis(read, reading, self.palette, self.writers)

    def prepare(self, instances: Sequence[Path]) -> None:
        """Look for lungs on the slices that are there; see `Examination`."""
        if isinstance(self.pipeline, Preparing):
            self.pipeline.prepare(self._arrived(instances).volume)

    def _arrived(self, instances: Sequence[Path]) -> DecodedSeries:
        """Return the slices that are new; all that are there where those are no volume by themselves."""
        new = self.known.unknown(instances)
        try:
            return decode_series(new, header_of=self.known.read)
        except UnreadableStudy:
            return decode_series(instances, header_of=self.known.read)

    def recall(self, view: bytes) -> Projection:
        """Return the coronal view of an earlier study; see `Examination`."""
        return decode_coronal(view)

    def complete(self, draft: bytes) -> tuple[ResultObject, ...]:
        """Return the views of the lungs in 3-D; see `Examination`."""
        return completed_objects(decode_draft(draft))

    def explain(
        self, header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
    ) -> tuple[ResultObject, ...]:
        """Return the page with the reason, and the reason as text; see `Examination`."""
        return reason_objects(header, reason, ranking, provenance)
