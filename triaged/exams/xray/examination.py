"""A frontal chest X-ray as an examination: one exposure chosen by declared rules, decoded, read, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset

from triaged.exams.exam import Choice, Earlier, Examination, Refusals, Results, StillAlive
from triaged.exams.xray.chest import Chest, chest_of
from triaged.exams.xray.choice import choose, choose_again, is_whole
from triaged.exams.xray.decoding.radiograph import Radiograph, decode_radiograph
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.objects import EXAMINED, reason_objects, result_objects
from triaged.exams.xray.pictures.kept import KeptXray, decode_xray
from triaged.exams.xray.pictures.wording import found_lines
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.results.source import single_frames
from triaged.results.sr import second_report
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.ranking import Ranking
from triaged.study.records import Series


class Pipeline(Protocol):
    """Reads one X-ray."""

    def read(self, chest: Chest) -> XrayReading:
        """Return scores and masks on the grid of the picture; raise UnreadableStudy where no score means anything."""


@dataclass(frozen=True, slots=True, eq=False)
class XrayAnalysis:
    """The `Analysis` of a chest X-ray."""

    radiograph: Radiograph
    reading: XrayReading

    @property
    def finding(self) -> Finding:
        """What was found; see `Analysis`."""
        return self.reading.finding

    def draw(self, ranking: Ranking, provenance: Provenance, earlier: Earlier | None) -> Results:
        """Return regions, reports and pictures; see `Analysis`."""
        return result_objects(self.radiograph, self.reading, ranking, provenance, earlier)

    def overlap(self, segmentation: Path | None) -> float | None:  # noqa: ARG002
        """Return None: outlines of two engines are not compared; see `Analysis`."""
        return None

    def draw_second(self, agreement: Agreement, first: str, provenance: Provenance) -> tuple[ResultObject, ...]:
        """Return the report of a second engine; see `Analysis`."""
        source = single_frames([self.radiograph.header])
        lines = found_lines(self.radiograph, self.finding, provenance)
        return (second_report(source, self.finding, agreement, first, EXAMINED, lines, provenance),)


@dataclass(frozen=True, slots=True)
class ChestXray(Examination):
    """The `Examination` of frontal chest X-rays."""

    engine: Engine = field()  # else the protocol's property would count as its default
    pipeline: Pipeline

    def choose(self, series: Sequence[Series]) -> Choice:
        """Return the exposure to score; see `Examination`."""
        return choose(series)

    def choose_again(self, series: Sequence[Series], refused: Refusals) -> Choice | None:
        """Return the next exposure where no view is said and what was read is no frontal chest; see `Examination`."""
        return choose_again(series, refused)

    def is_whole(self, series: Sequence[Series]) -> bool:
        """Tell whether a frontal exposure has arrived; see `Examination`."""
        return is_whole(series)

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> XrayAnalysis:
        """Decode the exposure and score it; see `Examination`."""
        radiograph = decode_radiograph(instances[0])
        still_alive()
        return XrayAnalysis(radiograph, self.pipeline.read(chest_of(radiograph)))

    def recall(self, view: bytes) -> KeptXray:
        """Return an earlier X-ray with its outlines; see `Examination`."""
        return decode_xray(view)

    def explain(
        self, header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
    ) -> tuple[ResultObject, ...]:
        """Return the page with the reason, and the reason as text; see `Examination`."""
        return reason_objects(header, reason, ranking, provenance)
