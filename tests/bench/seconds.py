"""Seconds from the last slice to the order with 20 studies queued, without and with second engines.

`python -m tests.bench.seconds [ENGINE [SECOND ...]]`. A first study is scored and, where there are second engines,
one of them is reading it when 20 others come at once. The order must not wait for it. Other machines and loads move
the seconds; compare the two lines of one run.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.breaking.small_scans import SmallStudy, small_study
from tests.programs import Daemon, new_daemon, until

QUEUED = 20
_WITHIN_S = 900


@dataclass(frozen=True)
class Measured:
    """Seconds from the last slice of each queued study to its result, in the order of the results; `seconds_s` is when
    the last second engine had read the last study, after the last slice of all."""

    latencies_s: Sequence[float]
    seconds_s: float
    disagreed: int


def main() -> None:
    """Print both lines."""
    engine, *seconds = sys.argv[1:] or ["ct-open", "threshold", "ct-research"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studies = [small_study(number, folder, triage_class="NDA"[number % 3]) for number in range(QUEUED + 1)]
        for names in ((), tuple(seconds)):
            found = measured(folder / f"with-{len(names)}", engine, names, studies)
            sys.stdout.write(f"{engine}, second engines {', '.join(names) or 'none'}: {_said(found)}\n")
            sys.stdout.flush()


def measured(folder: Path, engine: str, seconds: Sequence[str], studies: Sequence[SmallStudy]) -> Measured:
    """Run a daemon over these studies, all but the first at once."""
    daemon = new_daemon(folder, models={"ct": engine, "second": list(seconds)}, triage={"guard": {"enabled": False}})
    daemon.start()
    database = folder / "var" / "triaged.db"
    try:
        until(lambda: "all roles serve" in daemon.log.read_text(), within_s=_WITHIN_S, what="all roles serve")
        _send(daemon, studies[:1])
        daemon.settled(studies=1, within_s=_WITHIN_S)
        if seconds:
            reading = "SELECT 1 FROM second_result WHERE state = 'RUNNING'"
            until(lambda: _rows(database, reading), within_s=_WITHIN_S, what="a second engine reads")
        _send(daemon, studies[1:])
        daemon.settled(studies=len(studies), within_s=_WITHIN_S)
        unread = "SELECT 1 FROM second_result WHERE state IN ('WAITING', 'RUNNING')"
        until(lambda: not _rows(database, unread), within_s=_WITHIN_S, what="second engines have read")
        times = _rows(database, _TIMES, studies[0].study_uid)
        last = max(_at(arrived) for arrived, _ in times)
        read = [_at(at) for (at,) in _rows(database, "SELECT at FROM second_result WHERE state = 'READ'")]
        disagreed = len(_rows(database, "SELECT 1 FROM second_result WHERE disagreements <> '[]'"))
    finally:
        daemon.stop()
    latencies = [_at(result) - _at(arrived) for arrived, result in times]
    return Measured(latencies, max(read, default=last) - last, disagreed)


def _send(daemon: Daemon, studies: Sequence[SmallStudy]) -> None:
    daemon.send(*(each.path for study in studies for each in study.instances))


def _rows(database: Path, query: str, *parameters: object) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, parameters).fetchall()


def _at(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _said(found: Measured) -> str:
    latencies = found.latencies_s
    order = f"order of {len(latencies)} studies {statistics.median(latencies):.1f} s after their last slice (median)"
    steps = [after - before for before, after in zip([0.0, *sorted(latencies)], sorted(latencies), strict=False)]
    each = f"the first {min(latencies):.1f}, the last {max(latencies):.1f}, {statistics.median(steps[1:]):.2f} s each"
    read = (
        f"; second engines done {found.seconds_s:.0f} s after, {found.disagreed} disagreed" if found.seconds_s else ""
    )
    return f"{order}, {each}{read}"


_TIMES = (
    "SELECT study.last_instance_at, result.at FROM study JOIN result ON result.id = study.result_id"
    " WHERE study.study_uid <> ? ORDER BY result.at"
)

if __name__ == "__main__":
    main()
