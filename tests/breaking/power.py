"""Cuts the power at every sync and every answer: `python -m tests.breaking.power --seed 7 --minutes 5`.

One life of a study, on SQLite, is recorded by `strace`. At each of these moments the disk is made anew as it would be
after a cut: with what was synced and nothing else, with everything, and with any part of the rest, in any order and
torn. On each the database must be whole, everything acknowledged by then be there, and no row be without its file.
Some of them are lived on to the end, which must be that of an undisturbed life.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.one_process import acknowledged_book, taken_book
from tests.breaking.plain_store import PlainStore
from tests.breaking.small_scans import SmallStudy, small_study
from tests.breaking.steps import Outcome, arrived, lived
from tests.breaking.traced_disk import STRACE, Call, Survival, TracedDisk, calls_of
from tests.breaking.trial import Trial, run_alone

SURVIVALS: tuple[Survival, ...] = ("synced", "random", "random", "everything")
TABLES = ("instance", "derived", "quarantine")
"""Those with a path and the digest of the data set behind it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the power is cut: after how many calls, and why then."""

    calls: int
    after: str


def power(trial: Trial, folder: Path, most: int | None = None, lived_on: int = 5) -> None:
    """Try every moment, or as many as are wanted and fit into the time, in random order; live on from some of them."""
    study = small_study(1, folder, triage_class="D")
    calls = recorded(folder, study)
    undisturbed = arrived(_store(folder / "home"))
    moments = list(_moments(calls, folder / "home"))
    chosen = moments if most is None else trial.random.sample(moments, min(most, len(moments)))
    trial.note("calls recorded", len(calls))
    trial.note("moments that can be tried", len(moments))
    trial.begin()
    disk, done = TracedDisk(folder / "home"), 0
    lives = set(trial.random.sample(range(len(chosen)), min(lived_on, len(chosen))))
    for number, moment in enumerate(sorted(chosen, key=lambda each: each.calls)):
        for call in calls[done : moment.calls]:
            disk.apply(call)
        done = moment.calls
        if number and not trial.left_s:
            break
        for survival in dict.fromkeys(SURVIVALS) if most is not None else SURVIVALS:
            place = folder / "after"
            disk.after_cut(place, survival, trial.random)
            _keep_books(place, disk)
            _compare(trial, place, f"{survival}, cut after {moment.after} (call {moment.calls})", disk)
            if number in lives and survival != "everything":
                _live_on(trial, place, study, undisturbed, f"{survival}, cut after {moment.after}")
            shutil.rmtree(place)
            trial.count("cuts")


def recorded(folder: Path, study: SmallStudy) -> list[Call]:
    """Return the calls of a life in `home`, below a folder that the study is in."""
    home = folder / "home"
    home.mkdir()
    program = (
        "from pathlib import Path; from tests.breaking.one_process import live; "
        "from tests.breaking.power import study_in; "
        f"live(Path({str(home)!r}), 'sqlite:///{home}/triaged.db', study_in(Path({str(folder)!r})), 0, None)"
    )
    trace = folder / "trace"
    run = subprocess.run(
        [*STRACE, "-o", str(trace), sys.executable, "-c", program], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:] + (home / "life.log").read_text()[-2000:]
    assert len(acknowledged_book(home).lines()) == len(study.instances), "expected a life to its end under strace"
    return [call for call in calls_of(trace) if call.name != "openat" or str(home) in " ".join(call.paths())]


def study_in(folder: Path) -> SmallStudy:
    """Return the study of this trial as the recorded process sees it: written once more, into another folder."""
    return small_study(1, folder / "again", triage_class="D")


def _moments(calls: list[Call], home: Path) -> Iterator[Moment]:
    """Yield every sync, and every answer to the sender, which is a line in its book."""
    disk, answers = TracedDisk(home), 0
    for number, call in enumerate(calls, start=1):
        synced = disk.apply(call)
        if synced:
            yield Moment(number, call.name)
        if call.name == "write" and (now := disk.content("acknowledged.jsonl").count(b"\n")) > answers:
            answers = now
            yield Moment(number, f"answer {answers}")


def _keep_books(place: Path, disk: TracedDisk) -> None:
    """Let the books of the other ends be whole: they are on other machines, whose power was not cut."""
    for book in (acknowledged_book(place), taken_book(place)):
        book.path.write_bytes(disk.content(book.path.name))


def _compare(trial: Trial, place: Path, when: str, disk: TracedDisk) -> None:
    told = [json.loads(line) for line in disk.content("acknowledged.jsonl").splitlines()]
    store = _store(place)
    if not _is_whole(trial, place, when) and not told:
        return  # a cut before the first table was durable
    try:
        rows = {table: store.rows(f"SELECT sop_instance_uid, sha256, path FROM {table}") for table in TABLES}
    except OSError as error:
        trial.expect(not told, f"expected a database with {len(told)} instances, found {error}: {when}")
        return
    known = {(uid, digest) for uid, digest, _ in rows["instance"]}
    for uid, digest in told:
        trial.expect((uid, digest) in known, f"expected acknowledged instance {uid}, found no row: {when}")
        trial.count("acknowledged instances compared")
    for table, found in rows.items():
        for uid, digest, path in found:
            kept = store.whole_digest(path) if table == "derived" else store.digest(path)
            trial.expect(kept == digest, f"expected the file of {table} {uid}, found {kept}: {when}")


def _is_whole(trial: Trial, place: Path, when: str) -> bool:
    """Let SQLite recover, and tell whether there is a schema; expect no page to be damaged."""
    path = place / "triaged.db"
    (place / "triaged.db-shm").unlink(missing_ok=True)  # shared memory, which SQLite makes anew
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as connection:
        try:
            said = connection.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError as error:
            said = [(str(error),)]
        trial.expect(said == [("ok",)], f"expected a whole database, found {said[:3]}: {when}")
        return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'instance'").fetchone()[0])


def _live_on(trial: Trial, place: Path, study: SmallStudy, undisturbed: Outcome, when: str) -> None:
    """Live once more on what the cut left, and expect the end of an undisturbed life."""
    code = lived(place, f"sqlite:///{place}/triaged.db", study, 1, None)
    if code != 0:
        said = (place / "life.log").read_text(errors="replace")[-600:]
        trial.expect(False, f"expected a life to go on, found exit code {code}: {when}\n{said}")
        return
    found = arrived(_store(place))
    trial.expect(found == undisturbed, f"expected {undisturbed}, found {found}: {when}")
    trial.count("cuts after which the life went on")


def _store(home: Path) -> PlainStore:
    return PlainStore(f"sqlite:///{home / 'triaged.db'}", home / "spool")


if __name__ == "__main__":
    if shutil.which("strace") is None:
        sys.exit("expected strace (Debian package strace), found none")
    sys.exit(run_alone("power", lambda trial, folder, _: power(trial, folder, lived_on=20)))
