"""The spool goes away and comes back while studies are received, analysed and delivered: none of them suffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.analyse import Analyst
from triaged.steps.recover import Recovery
from triaged.store.studies.completion import Completion
from triaged.store.studies.failures import Failures
from triaged.store.studies.history import History
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


@pytest.fixture
def ready(house: House) -> House:
    """A house in which one study waits for analysis."""
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    return house


@contextmanager
def spool_away(house: House) -> Iterator[None]:
    root = house.folder / "spool"
    away = root.rename(house.folder / "away")
    try:
        yield
    finally:
        away.rename(root)


def recover(house: House) -> int:
    ledgers = Failures(house.database), History(house.database), Completion(house.database)
    return Recovery(*ledgers, house.spool, house.placing).tick(now=house.now)


def files_of(house: House, study: int) -> list[Path]:
    return [house.spool.absolute(each.path) for each in house.studies.instances(f"1.2.{study}")]


def test_nothing_is_claimed_while_the_spool_is_away(ready: House) -> None:
    analyst = ready.analyst()
    with spool_away(ready), pytest.raises(TryLater, match="expected the spool"):
        analyst.claim(clock=ready.clock)
    assert ready.entry(1).state is State.READY
    ready.score()
    assert ready.entry(1).state is State.TRIAGED


def test_a_spool_that_goes_away_during_analysis_costs_the_study_nothing(ready: House) -> None:
    for _ in range(10):
        analyst = ready.analyst()
        claim = ready.claim(analyst)
        with spool_away(ready):
            analyst.analyse(claim, clock=ready.clock)
        assert ready.entry(1).state is State.READY
        ready.later(60)
    assert ready.claim(ready.analyst()).strikes == ()


def test_want_of_memory_is_the_study_s_fault_only_where_a_fresh_worker_wants_it_too(
    ready: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object) -> None:
        raise MemoryError

    analyst = ready.analyst()
    claim = ready.claim(analyst)
    with monkeypatch.context() as patched:
        patched.setattr("triaged.exams.ct.examination.ChestCt.read", short)
        with pytest.raises(MemoryError):
            analyst.analyse(claim, clock=ready.clock)
        analyst.count_and_put_back(claim, "MemoryError in series.py, line 7", clock=ready.clock)
        ready.later(60)
        ready.score()
    assert ready.entry(1).state is State.FAILED
    assert "too large" in ready.entry(1).reason


def test_a_study_whose_workers_were_ended_for_want_of_memory_has_that_reason(ready: House) -> None:
    """A library that gets no memory may end the process without a word."""
    for why in ("its worker was restarted", "MemoryError in streams.py, line 99", "its worker was restarted"):
        analyst = ready.analyst()
        analyst.count_and_put_back(ready.claim(analyst), why, clock=ready.clock)
        ready.later(60)
    ready.score()
    assert ready.entry(1).state is State.FAILED
    assert "expected a study that fits into a worker's memory" in ready.entry(1).reason


def test_what_was_put_back_is_not_read_again_before_something_can_be_kept(
    ready: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyst = ready.analyst()
    claim = ready.claim(analyst)
    with spool_away(ready):
        analyst.analyse(claim, clock=ready.clock)
    ready.later(60)
    full = ready.spool.__class__(ready.folder / "spool", reserve_mb=10**9)
    monkeypatch.setattr(analyst._footing, "_spool", full)
    with pytest.raises(TryLater, match="MiB free"):
        analyst.claim(clock=ready.clock)
    monkeypatch.setattr(analyst._footing, "_spool", ready.spool)
    assert isinstance(analyst, Analyst)
    assert analyst.claim(clock=ready.clock) is not None


@contextmanager
def unseen(house: House, *studies: int) -> Iterator[None]:
    """Let this host see the spool, but not the folders of these studies."""
    away = [
        (house.spool.absolute(f"1.2.{study}").rename(house.folder / f"away-{study}"), f"1.2.{study}")
        for study in studies
    ]
    try:
        yield
    finally:
        for moved, name in away:
            moved.rename(house.folder / "spool" / name)


@pytest.fixture
def several(house: House) -> House:
    """A house in which four studies wait for analysis."""
    for study in (1, 2, 3, 4):
        house.send(house.series(study))
    house.later(2)
    house.assemble()
    return house


def test_a_host_that_cannot_read_what_came_last_blames_no_study_and_rests(several: House) -> None:
    analyst = several.analyst()
    with unseen(several, 1, 2, 3, 4):
        claim = several.claim(analyst)
        analyst.analyse(claim, clock=several.clock)
        uid = claim.study_uid.value
        detail = several.studies.events(uid)[-1].detail
        assert "found 3 of 3 that cannot be read here: is all of it mounted?" in detail
        several.later(20)
        with pytest.raises(TryLater, match="that cannot be read here"):
            analyst.claim(clock=several.clock)
        other = several.analyst("worker-2@there/1")  # another host may see them
        assert other.claim(clock=several.clock) is not None
    several.later(11)
    again = several.claim(analyst)
    assert again.strikes == ()
    assert {entry.state for entry in map(several.entry, (1, 2, 3, 4))} <= {State.READY, State.ANALYSING}


def test_what_no_host_can_read_is_given_up_in_the_end(several: House) -> None:
    with unseen(several, 1, 2, 3, 4):
        for attempt in range(1, 6):
            analyst = several.analyst(f"worker-1@here/{attempt}")
            claims = [several.claim(analyst) for _ in range(4)]
            for claim in claims:
                analyst.analyse(claim, clock=several.clock)
            several.later(60)
            states = {several.entry(study).state for study in (1, 2, 3, 4)}
            assert states == ({State.READY} if attempt < 5 else {State.FAILED})
    assert recover(several) == 4


def test_a_study_alone_that_cannot_be_read_is_at_fault_itself(several: House) -> None:
    with unseen(several, 2):
        for _ in range(4):
            several.score()
    states = [several.entry(study).state for study in (1, 2, 3, 4)]
    assert states == [State.TRIAGED, State.FAILED, State.TRIAGED, State.TRIAGED]


def test_nothing_is_claimed_at_first_where_nothing_can_be_written(
    ready: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyst = ready.analyst()
    with monkeypatch.context() as patched:
        patched.setattr(Spool, "check_writable", _read_only)
        with pytest.raises(TryLater, match="Read-only"):
            analyst.claim(clock=ready.clock)
    assert ready.entry(1).state is State.READY
    assert analyst.claim(clock=ready.clock) is not None


def _read_only(_spool: Spool) -> None:
    raise TryLater("the spool's file system refused: Read-only file system")


def test_a_file_that_is_gone_while_the_others_are_there_fails_the_study_until_it_is_back(ready: House) -> None:
    lost = files_of(ready, 1)[3]
    content = lost.read_bytes()
    lost.unlink()
    ready.score()
    entry = ready.entry(1)
    assert entry.state is State.FAILED
    assert f"expected to read {lost.name}, found: No such file" in entry.reason
    assert recover(ready) == 0
    lost.write_bytes(content)
    assert recover(ready) == 1
    ready.score()
    assert ready.entry(1).state is State.TRIAGED
    assert recover(ready) == 0


def test_a_file_that_is_back_damaged_does_not_have_its_study_read_again_and_again(ready: House) -> None:
    lost = files_of(ready, 1)[3]
    content = lost.read_bytes()
    lost.unlink()
    ready.score()
    lost.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert recover(ready) == 0


def test_nothing_is_queued_again_while_the_spool_is_away(ready: House) -> None:
    with spool_away(ready), pytest.raises(TryLater):
        recover(ready)


def test_a_study_that_an_earlier_version_gave_up_for_an_outage_is_queued_again(ready: House) -> None:
    for _ in range(3):
        analyst = ready.analyst()
        why = "expected to read 1.2.1.1.1.dcm, found: No such file or directory"
        analyst.count_and_put_back(ready.claim(analyst), why, clock=ready.clock)
        ready.later(60)
    ready.score()
    assert ready.entry(1).state is State.FAILED
    assert recover(ready) == 1
    ready.score()
    assert ready.entry(1).state is State.TRIAGED


def test_a_study_that_was_given_up_for_itself_stays_so(ready: House) -> None:
    for why in ("the database is away: x", "ValueError in a.py, line 1", "the database is away: x"):
        analyst = ready.analyst()
        analyst.count_and_put_back(ready.claim(analyst), why, clock=ready.clock)
        ready.later(60)
    ready.score()
    assert recover(ready) == 0
    assert ready.entry(1).reason.endswith(
        "gave up after 3 attempts: attempts 1, 3: the database is away: x; attempt 2: ValueError in a.py, line 1"
    )


def test_nothing_is_taken_from_the_outbox_while_the_spool_is_away(house: House) -> None:
    house.triage(1, 0.3)
    with spool_away(house), pytest.raises(TryLater, match="expected the spool"):
        house.deliver()
    assert {(each.state.value, each.attempts) for each in house.outbox.deliveries("1.2.1")} == {("PENDING", 0)}
    house.deliver()
    assert {each.state.value for each in house.outbox.deliveries("1.2.1")} == {"SENT"}
