"""Sends spoiled images of every kind and has them scored: `python -m tests.breaking.inputs --seed 7 --minutes 10`.

What was answered with Success has its digest in the store and its bytes in the spool; every study ends on the list with
a score or a reason, or the instance in quarantine with one; no answer takes longer than 10 s; memory stays under its
number; and nothing raises that is not foreseen. Receiver and worker are driven in this process, as their roles do it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import text

from tests.breaking.spoilt_studies import spoilt_study
from tests.breaking.trial import Trial, run_alone
from triaged.errors import TryLater, UnreadableStudy
from triaged.exams.ct.choice import is_whole
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.viewing import view
from triaged.spool.files import Spool
from triaged.steps.analyse import Analyst
from triaged.steps.assemble import Assembler
from triaged.steps.intake import Intake, Offer
from triaged.steps.options import AnalyseOptions
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.store.studies.reception import Reception
from triaged.store.tables.database import migrate, open_database
from triaged.study.completeness import CompletionOptions
from triaged.study.records import Admission
from triaged.triage.scheme import TriageOptions

LONGEST_ANSWER_S = 10.0
MOST_MEMORY_MIB = 1024


class House:
    """Receiver, clock and worker over one folder; only the trial moves the time."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
        self.root = folder / "spool"
        self.database = open_database(f"sqlite:///{folder / 'triaged.db'}")
        migrate(self.database)
        spool, triage, options = Spool(self.root, reserve_mb=0), TriageOptions(), CtOptions()
        placing = ranking_policy(triage)
        self.intake = Intake(
            Reception(self.database), Arrivals(self.database), spool, ranking_policy=placing, receiver="receiver"
        )
        self.assembler = Assembler(
            Completion(self.database),
            Claims(self.database),
            is_whole=is_whole,
            options=CompletionOptions(),
            ranking_policy=placing,
        )
        engine, pipeline = load_engine("threshold", folder, options, "0" * 12, device="cpu", threads=1)
        self.analyst = Analyst(
            Claims(self.database),
            Outcomes(self.database),
            Publications(self.database),
            spool,
            (ChestCt(engine, pipeline),),
            worker="worker",
            triage=triage,
            options=AnalyseOptions(),
            destinations={},
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the database by plain SQL."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


def inputs(trial: Trial, folder: Path) -> None:
    """Send and score studies until the time is over; then look for each acknowledged digest."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    house = House(folder)
    sent: dict[str, bytes] = {}
    number = 0
    before_mib = _peak_mib(restart=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while trial.left_s:
            number += 1
            sent.update(_send_study(trial, house, number))
            house.now += timedelta(seconds=31)
            _score(trial, house)
    trial.count("studies sent", number)
    trial.highest("memory MiB", _peak_mib() - before_mib)
    trial.expect(_peak_mib() - before_mib < MOST_MEMORY_MIB, f"expected less than {MOST_MEMORY_MIB} MiB")
    _all_there(trial, house, sent)
    house.database.close()


def _send_study(trial: Trial, house: House, number: int) -> Iterator[tuple[str, bytes]]:
    """Send one study with some instances spoiled, and yield the digest of what was acknowledged, with what it was."""
    sender = house.intake.open_association(peer="192.0.2.1", calling_ae_title="CT", now=house.now)
    for content, syntax in spoilt_study(number, trial.random, trial.count):
        offer = Offer("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}.{trial.random.randrange(10**9)}", syntax)
        begun, computed = time.monotonic(), time.thread_time()
        try:
            pieces = (content[at : at + 16384] for at in range(0, len(content), 16384))
            admission = house.intake.receive(offer, pieces, sender, clock=lambda: house.now)
        except Exception as error:  # noqa: BLE001 whatever it is, it is what the trial looks for
            _keep(trial, house, content, f"receiving raised {error!r}")
            continue
        trial.count(f"answered {admission.value}")
        trial.highest("longest answer s", time.monotonic() - begun)
        trial.highest("longest answer, of computing s", time.thread_time() - computed)
        trial.expect(time.monotonic() - begun < LONGEST_ANSWER_S, f"expected an answer in 10 s for study {number}")
        if admission is not Admission.OWN:
            yield hashlib.sha256(content).hexdigest(), b""
    house.intake.close_association(sender, now=house.now)


def _score(trial: Trial, house: House) -> None:
    """Complete what waits, score it, and look at its slices as a reader does."""
    house.assembler.tick(now=house.now)
    while (claim := house.analyst.claim(clock=lambda: house.now)) is not None:
        begun = time.monotonic()
        try:
            house.analyst.analyse(claim, clock=lambda: house.now)
        except Exception as error:  # noqa: BLE001
            trial.expect(False, f"expected a score or a reason, found {error!r} for {claim.study_uid}")
            _keep(trial, house, b"", f"analysing raised {error!r}")
            house.analyst.put_back(claim, "trial", clock=lambda: house.now)
        trial.highest("longest analysis s", time.monotonic() - begun)
        for series in claim.series:
            try:
                shown = view([house.root / instance.path for instance in series.instances], None)
                shown.described(), shown.jpeg(0), shown.tile(0)
            except (UnreadableStudy, TryLater):
                trial.count("series not shown, with a reason")
            except Exception as error:  # noqa: BLE001
                trial.expect(False, f"expected slices or a reason, found {error!r} for {claim.study_uid}")
    waiting = house.rows("SELECT study_uid, state FROM study WHERE state IN ('READY', 'ANALYSING', 'RECEIVING')")
    trial.expect(not waiting, f"expected every study to end, found {waiting[:3]}")


def _keep(trial: Trial, house: House, content: bytes, what: str) -> None:
    path = house.root.parent / f"broken-{hashlib.sha256(content).hexdigest()[:12]}"
    path.write_bytes(content)
    trial.expect(False, f"{what}; the input is in {path}")


def _all_there(trial: Trial, house: House, sent: dict[str, bytes]) -> None:
    """Expect the digest of everything that was acknowledged, and a file with that content."""
    known = {
        str(sha256): str(path)
        for table in ("instance", "quarantine", "conflict")
        for sha256, path in house.rows(f"SELECT sha256, path FROM {table}")
    }
    lost = [digest for digest in sent if digest not in known or not (house.root / known[digest]).is_file()]
    trial.note("acknowledged digests", float(len(sent)))
    trial.expect(not lost, f"expected every acknowledged digest in the store, found {len(lost)} without: {lost[:3]}")
    states = house.rows("SELECT state, count(*) FROM study GROUP BY state")
    for state, count in states:
        trial.note(f"studies {state}", float(str(count)))
    unsaid = house.rows(
        "SELECT study_uid FROM study WHERE state IN ('FAILED', 'OUT_OF_SCOPE') AND reason NOT LIKE '%:%'"
    )
    trial.expect(not unsaid, f"expected a reason for each study without a score, found none for {unsaid[:3]}")


def _peak_mib(*, restart: bool = False) -> float:
    if restart:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _main(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
    inputs(trial, folder)


if __name__ == "__main__":
    sys.exit(run_alone("inputs", _main))
