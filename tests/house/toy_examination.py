"""An examination as somebody would add it: computed radiographs, of which it measures how bright they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset

from triaged.dicom.files import read_header_only
from triaged.dicom.pixels import stored_frames
from triaged.exams.exam import Choice, Earlier, Examination, Results, StillAlive
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject, ResultSeries
from triaged.results.layout import Heading, Sheet
from triaged.results.page import Page
from triaged.results.provenance import Provenance
from triaged.results.sc import pictures, reason_pictures
from triaged.results.source import single_frames
from triaged.results.sr import Examined, report, second_report
from triaged.results.wording import Lines
from triaged.study import records
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.coding import SHARE, Code, Concept, Site, private
from triaged.study.finding import Finding, Measurement
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

BRIGHTNESS = Concept("brightness", private("BRIGHTNESS", "Mean brightness"), SHARE, "mean brightness")
CHEST = Site("chest", Code("51185008", "SCT", "Thorax"), "chest", "the chest")
EXAMINED = Examined(Code("399208008", "SCT", "Plain chest X-ray"), CHEST, "Chest")
SAID = Lines("Toy", ("Looked for: brightness.", "Not looked for: anything else."))
ENGINE = Engine("toy", "1", "cd" * 32, "2.25.7", "0", "settings")
Objects = tuple[ResultObject, ...]
PICTURES = ResultSeries(ObjectKind.SC, "Radiograph", body_part="CHEST", of="a radiograph")


@dataclass(frozen=True)
class Toy(Examination):
    engine: Engine = ENGINE

    def choose(self, series: Sequence[records.Series]) -> Choice:
        chosen = next((one for one in series if one.instances[0].image.modality == "CR"), None)
        reason = None if chosen else Reason(ReasonCode.NO_CT, "expected a radiograph, found none")
        return Choice(chosen, tuple((one.series_uid, "no radiograph") for one in series if one != chosen), reason)

    def is_whole(self, series: Sequence[records.Series]) -> bool:
        return self.choose(series).chosen is not None

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> ToyAnalysis:
        header = read_header_only(instances[0])
        mean = float(next(stored_frames(instances[0], header)).mean()) / (2**header.BitsStored - 1)
        return ToyAnalysis(header, Finding(mean, None, (Measurement(BRIGHTNESS, mean),), None, self.engine.algorithm))

    def explain(self, header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance) -> Objects:
        return reason_pictures(single_frames([header]), [_page(reason.detail)], provenance, PICTURES)


@dataclass(frozen=True)
class ToyAnalysis:
    image: Dataset
    finding: Finding

    def draw(self, ranking: Ranking, provenance: Provenance, earlier: Earlier | None) -> Results:
        source, page = single_frames([self.image]), _page(self.finding.measurements[0].text)
        shown = pictures(source, None, [page], provenance, PICTURES)
        return Results((report(source, self.finding, ranking, EXAMINED, SAID, None, (), provenance), *shown), None)

    def overlap(self, segmentation: Path | None) -> float | None:
        return None

    def draw_second(self, agreement: Agreement, first: str, provenance: Provenance) -> Objects:
        return (second_report(single_frames([self.image]), self.finding, agreement, first, EXAMINED, SAID, provenance),)


def _page(words: str) -> Page:
    return Page("radiograph", "Radiograph", np.asarray(Sheet(Heading(words, PICTURES.notice)).pixels), None, None)
