"""Ends a process before and after each step that keeps something: `python -m tests.breaking.steps --minutes 5`.

The steps are functions of the product, by name: intake, spool, completion, analysis, publication, second engines,
delivery, migration. A life ends there by SIGKILL; a second one begins as the daemon does, and must arrive where an
undisturbed one does: each acknowledged instance kept, the same results in force, of second engines too, and each of
their objects at the destination under the same UID.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from tests.breaking.one_process import Death, Moment, acknowledged_book, live, taken_book
from tests.breaking.plain_store import PlainStore
from tests.breaking.postgres_server import postgres_server
from tests.breaking.small_scans import SmallStudy, small_study
from tests.breaking.trial import Trial, run_alone

STEPS: Mapping[str, Sequence[tuple[str, int]]] = {
    "migration": (
        ("triaged.daemon.upgrading:migrate", 1),
        ("alembic.runtime.migration:HeadMaintainer.update_to_step", 1),
        ("alembic.runtime.migration:HeadMaintainer.update_to_step", 5),
    ),
    "spool": (
        ("triaged.spool.files:PartFile.__enter__", 1),
        ("triaged.spool.files:PartFile.write_meta", 2),
        ("triaged.spool.files:PartFile.write", 3),
        ("triaged.spool.files:PartFile.commit", 1),
        ("triaged.spool.files:PartFile.commit", 12),
        ("triaged.spool.files:PartFile.__exit__", 7),
        ("triaged.spool.files:PartFile.quarantine", 1),
        ("triaged.spool.durable:Tree.ensure", 3),
        ("triaged.spool.durable:Tree.link", 2),
        ("triaged.spool.durable:Tree.sync", 4),
        ("triaged.spool.durable:Tree.unlink", 3),
        ("triaged.spool.files:Spool.keep_derived", 1),
        ("triaged.spool.files:Spool.keep_derived", 3),
    ),
    "intake": (
        ("triaged.steps.intake:Intake.open_association", 1),
        ("triaged.store.studies.arrivals:Arrivals.admit", 1),
        ("triaged.store.studies.arrivals:Arrivals.admit", 6),
        ("triaged.store.studies.arrivals:Arrivals.admit", 13),
        ("triaged.store.studies.admitting:record_event", 1),
        ("triaged.store.studies.reception:Reception.quarantine", 1),
        ("triaged.store.studies.reception:Reception.close_association", 1),
    ),
    "completion": (
        ("triaged.store.studies.completion:Completion.complete", 1),
        ("triaged.store.studies.completion:Completion.complete", 2),
    ),
    "analysis": (
        ("triaged.store.studies.claims:Claims.claim_next", 1),
        ("triaged.store.studies.claims:Claims.claim_next", 3),
        ("triaged.steps.analyse:Analyst.analyse", 1),
        ("triaged.steps.analyse:Analyst.analyse", 2),
    ),
    "publication": (
        ("triaged.steps.publish:Publisher.in_line", 2),
        ("triaged.steps.publish:Publisher.keep", 1),
        ("triaged.store.studies.outcomes:publish", 1),
        ("triaged.store.studies.outcomes:publish", 2),
        ("triaged.store.studies.outcomes:withdraw_superseded", 2),
        ("triaged.store.studies.outcomes:record_event", 1),
        ("triaged.store.studies.outcomes:record_event", 2),
        ("triaged.store.studies.outcomes:Outcomes.place", 1),
        ("triaged.store.studies.outcomes:Outcomes.place", 2),
        ("triaged.store.studies.outcomes:Outcomes.publish", 1),
        ("triaged.store.studies.outcomes:Outcomes.publish", 2),
    ),
    "second engines": (
        ("triaged.store.studies.outcomes:queue_seconds", 1),
        ("triaged.store.studies.outcomes:drop_superseded", 2),
        ("triaged.store.studies.seconds:Seconds.claim_next", 1),
        ("triaged.store.studies.seconds:Seconds.claim_next", 2),
        ("triaged.store.studies.seconds:Seconds.claim_next", 4),
        ("tests.breaking.one_process:advise", 1),
        ("tests.breaking.one_process:advise", 4),
        ("triaged.steps.advise:Adviser.settle", 1),
        ("triaged.steps.advise:kept_object", 1),
        ("triaged.steps.advise:kept_object", 3),
        ("triaged.store.studies.seconds:publish", 1),
        ("triaged.store.studies.seconds:record_event", 2),
        ("triaged.store.studies.seconds:Seconds.commit", 1),
        ("triaged.store.studies.seconds:Seconds.commit", 4),
    ),
    "delivery": (
        ("triaged.steps.negotiate:Negotiator.ask", 1),
        ("triaged.store.couriers.queue:Queue.claim_due", 1),
        ("triaged.store.couriers.queue:Queue.claim_due", 3),
        ("tests.breaking.one_process:KeepingPacs.send", 1),
        ("tests.breaking.one_process:KeepingPacs.send", 3),
        ("triaged.store.couriers.queue:Queue.sent", 1),
        ("triaged.store.couriers.queue:Queue.sent", 4),
    ),
}
"""By part of the flow: functions as they are looked up where they are called, and which of their calls is the last."""
MOMENTS: tuple[Moment, ...] = ("before", "after")
_LONGEST_LIFE_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a life arrived, as far as another must arrive at the same."""

    state: tuple[Any, ...]
    in_force: frozenset[str]
    """The SOP Instance UIDs of the result in force."""


def deaths() -> list[Death]:
    """Return every death that is tried."""
    return [Death(function, moment, call) for steps in STEPS.values() for function, call in steps for moment in MOMENTS]


def steps(trial: Trial, folder: Path, database: str, most: int | None = None) -> None:
    """Try every death in random order, or as many as are wanted and fit into the time, but one at least."""
    study = small_study(1, folder, triage_class="D")
    with _databases(database) as url_for:
        undisturbed = _outcome(trial, folder / "undisturbed", url_for, study, None)
        trial.begin()
        tried = deaths()
        trial.random.shuffle(tried)
        trial.note("deaths that can be tried", len(tried))
        for number, death in enumerate(tried[:most]):
            if number and not trial.left_s:
                break
            trial.say(f"{death.moment} call {death.call} of {death.function}")
            found = _outcome(trial, folder / f"{number}", url_for, study, death)
            trial.expect(found == undisturbed, f"expected {undisturbed} after {death}, found {found}")
            trial.count("deaths")


def _outcome(
    trial: Trial, folder: Path, url_for: Callable[[Path], str], study: SmallStudy, death: Death | None
) -> Outcome:
    """Live once, or die and live again, and compare what is kept with what was told."""
    folder.mkdir()
    url = url_for(folder)
    if death is not None:
        code = lived(folder, url, study, 0, death)
        trial.expect(code == -signal.SIGKILL, f"expected a life to end at {death}, found exit code {code}")
        _compare(trial, folder, url, death, is_over=False)
    code = lived(folder, url, study, 1, None)
    trial.expect(code == 0, f"expected a life to arrive after {death}, found exit code {code}")
    _compare(trial, folder, url, death, is_over=True)
    return arrived(PlainStore(url, folder / "spool"))


def lived(folder: Path, url: str, study: SmallStudy, attempt: int, death: Death | None) -> int | None:
    """Run one life in a process of its own; return its exit code."""
    process = _context().Process(target=live, args=(folder, url, study, attempt, death))
    process.start()
    process.join(_LONGEST_LIFE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.breaking.one_process"])
    return context


def _compare(trial: Trial, folder: Path, url: str, death: Death | None, *, is_over: bool) -> None:
    """Expect what the sender's book says in rows and files, and what was published in the destination's."""
    store = PlainStore(url, folder / "spool")
    told = acknowledged_book(folder).lines()
    paths = {} if not told else {(uid, digest): path for uid, digest, path in store.rows(_INSTANCES)}
    for uid, digest in told:
        path = paths.get((uid, digest))
        kept = path is not None and store.digest(path) == digest
        trial.expect(kept, f"expected acknowledged instance {uid} after {death}, found {path}")
        trial.count("acknowledged instances compared")
    taken = {(uid, digest) for uid, digest in taken_book(folder).lines()}
    trial.expect(
        len(taken) == len({uid for uid, _ in taken}),
        f"expected one content of each object at the destination after {death}, found several",
    )
    if is_over:
        missing = arrived(store).in_force - {uid for uid, _ in taken}
        trial.expect(not missing, f"expected every object in force at the destination after {death}, missing {missing}")


def arrived(store: PlainStore) -> Outcome:
    """Return where the life has arrived that left this store."""
    state = store.rows("SELECT state, triage_class, instances FROM study")
    state += store.rows(_SECOND_RESULTS)
    in_force = store.rows(
        "SELECT derived.sop_instance_uid FROM derived JOIN result ON result.id = derived.result_id "
        "JOIN outbox ON outbox.derived_id = derived.id "
        "WHERE result.superseded_by IS NULL AND outbox.destination = 'pacs'"
    )
    return Outcome(tuple(state), frozenset(uid for (uid,) in in_force))


_SECOND_RESULTS = (
    "SELECT second_result.name, second_result.state, second_result.urgency, second_result.disagreements FROM"
    " second_result JOIN study ON study.result_id = second_result.result_id ORDER BY second_result.name"
)
_INSTANCES = "SELECT sop_instance_uid, sha256, path FROM instance"


@contextmanager
def _databases(kind: str) -> Iterator[Callable[[Path], str]]:
    """Give what makes the URL of a fresh database for a folder."""
    if kind == "sqlite":
        yield lambda folder: f"sqlite:///{folder / 'triaged.db'}"
        return
    with postgres_server() as server:
        yield lambda folder: server.new_database(f"life_{folder.name}")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")


if __name__ == "__main__":
    sys.exit(
        run_alone("steps", lambda trial, folder, options: steps(trial, folder, options.database), more_options=_options)
    )
