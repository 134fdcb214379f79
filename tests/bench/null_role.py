"""A worker whose examination finds without looking: `python -m tests.bench.null_role serve --role worker ...`.

Everything else is the daemon's own: claims, tickets, leases, rules, headers, places and commits. What it "finds" is a
share made of the name of the first file, so that studies spread over all classes. It draws nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from unittest import mock

from pydicom.dataset import Dataset

from triaged.cli.program import main
from triaged.config.settings import Config
from triaged.daemon import examinations
from triaged.exams.exam import Choice, Earlier, Examination, Results, StillAlive
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.study.agreement import Agreement
from triaged.study.assessment import Reason
from triaged.study.finding import Finding
from triaged.study.modalities import Stratum
from triaged.study.ranking import Ranking
from triaged.study.records import Series


class NullAnalysis:
    """A finding and nothing to draw."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    @property
    def finding(self) -> Finding:
        """See `Analysis`."""
        return self._finding

    def draw(self, ranking: Ranking, provenance: Provenance, earlier: Earlier | None) -> Results:
        """See `Analysis`."""
        return Results((), None)

    def overlap(self, segmentation: Path | None) -> float | None:
        """See `Analysis`."""
        return None

    def draw_second(
        self,
        agreement: Agreement,
        first: str,
        provenance: Provenance,
    ) -> tuple[ResultObject, ...]:
        """See `Analysis`."""
        return ()


class Null(Examination):
    """Chooses as another examination does, and reads no image."""

    def __init__(self, real: Examination) -> None:
        self._real = real

    @property
    def engine(self) -> Engine:
        """See `Examination`."""
        return self._real.engine

    def choose(self, series: Sequence[Series]) -> Choice:
        """See `Examination`."""
        return self._real.choose(series)

    def is_whole(self, series: Sequence[Series]) -> bool:
        """See `Examination`."""
        return self._real.is_whole(series)

    def read(self, instances: Sequence[Path], still_alive: StillAlive) -> NullAnalysis:
        """See `Examination`."""
        share = hashlib.sha256(instances[0].name.encode()).digest()[0] / 255
        return NullAnalysis(Finding(share, None, (), None, self.engine.algorithm))

    def explain(
        self, header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
    ) -> tuple[ResultObject, ...]:
        """See `Examination`."""
        return self._real.explain(header, reason, ranking, provenance)


def _nulls(config: Config, strata: Collection[Stratum]) -> tuple[Examination, ...]:
    return tuple(Null(each) for each in examinations.examinations(config, strata))


if __name__ == "__main__":
    with mock.patch("triaged.daemon.working.examinations", _nulls):
        main()
