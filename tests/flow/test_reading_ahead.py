"""Images that are read while their study settles: read once, used for the same files alone, seen by nobody before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import FakePipeline, House
from triaged.errors import UnreadableStudy
from triaged.exams.ct.examination import ChestCt
from triaged.imaging.volume import Volume
from triaged.steps.analyse import Analyst
from triaged.steps.reading_ahead import ReadingAhead
from triaged.store.tables.database import open_database
from triaged.study.lifecycle import State


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    database = open_database(sqlite_url)
    yield House(database, tmp_path)
    database.close()


@pytest.fixture
def ahead(house: House) -> ReadingAhead:
    return ReadingAhead(house.studies, lambda study: house.is_whole(study.series))


@pytest.fixture
def analyst(house: House, ahead: ReadingAhead) -> Analyst:
    return house.analyst(ahead=ahead)


@pytest.fixture
def readings(house: House) -> list[int]:
    """Grows by one with each reading."""
    done: list[int] = []
    house.pipeline.before = lambda: done.append(1)
    return done


def _read_ahead(house: House, analyst: Analyst, ahead: ReadingAhead) -> bool:
    return ahead.look(analyst.would_read, now=house.now)


def _score(house: House, analyst: Analyst) -> None:
    house.later(2)
    assert house.assemble() == 1
    analyst.analyse(house.claim(analyst), clock=house.clock)


def test_a_study_is_read_once_while_it_settles_and_its_result_is_that_of_a_study_read_after(
    house: House, analyst: Analyst, ahead: ReadingAhead, readings: list[int]
) -> None:
    house.send(house.series(1))
    assert _read_ahead(house, analyst, ahead)
    assert not _read_ahead(house, analyst, ahead), "it is read already"
    assert house.entry(1).state is State.RECEIVING
    before = [each.event for each in house.studies.events("1.2.1")]
    _score(house, analyst)
    assert len(readings) == 1
    assert before == [each.event for each in house.studies.events("1.2.1")][: len(before)]
    first = [house.spool.absolute(each.path).read_bytes() for each in house.studies.derived("1.2.1")]
    house.requeue(1)
    analyst.analyse(house.claim(analyst), clock=house.clock)
    assert len(readings) == 2
    assert first == [house.spool.absolute(each.path).read_bytes() for each in house.studies.derived("1.2.1")]


def test_a_slice_that_comes_late_has_all_of_them_read(
    house: House, analyst: Analyst, ahead: ReadingAhead, readings: list[int]
) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    assert _read_ahead(house, analyst, ahead)
    house.send(slices[10:])
    _score(house, analyst)
    assert len(readings) == 2
    (report,) = house.reports(1)
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert max(len(each.ReferencedSOPSequence) for each in evidence) == 11


def test_nothing_is_read_while_a_sender_is_there(
    house: House, analyst: Analyst, ahead: ReadingAhead, readings: list[int]
) -> None:
    house.send(house.series(1)[:9])
    peer = house.intake.open_association(peer="127.0.0.1", calling_ae_title="CT1", now=house.now)
    house._receive(house.series(1)[9], peer)
    assert not _read_ahead(house, analyst, ahead)
    house.intake.close_association(peer, now=house.now)
    assert _read_ahead(house, analyst, ahead)
    assert len(readings) == 1


def test_a_study_that_is_ready_comes_first_and_takes_the_place(
    house: House, analyst: Analyst, ahead: ReadingAhead, readings: list[int]
) -> None:
    house.send(house.series(1))
    house.later(1)
    house.send(house.series(2))
    assert _read_ahead(house, analyst, ahead)
    assert not _read_ahead(house, analyst, ahead), "there is memory for one"
    house.later(2)
    assert house.assemble() == 2
    for _ in range(2):
        analyst.analyse(house.claim(analyst), clock=house.clock)
    assert len(readings) == 2
    assert {house.entry(number).state for number in (1, 2)} == {State.TRIAGED}


def test_what_fails_ahead_counts_against_a_study_only_when_it_is_claimed(
    house: House, analyst: Analyst, ahead: ReadingAhead
) -> None:
    def fail() -> None:
        raise RuntimeError("not now")

    house.pipeline.before = fail
    house.send(house.series(1))
    with pytest.raises(RuntimeError, match="not now"):
        _read_ahead(house, analyst, ahead)
    assert not _read_ahead(house, analyst, ahead), "it is tried once"
    house.pipeline.before = None
    house.later(2)
    assert house.assemble() == 1
    claim = house.claim(analyst)
    assert (claim.attempt, claim.strikes) == (1, ())
    analyst.analyse(claim, clock=house.clock)
    assert house.entry(1).state is State.TRIAGED


def test_a_study_that_cannot_be_read_says_so_after_its_claim_alone(
    house: House, analyst: Analyst, ahead: ReadingAhead
) -> None:
    def refuse() -> None:
        raise UnreadableStudy("corrupt", "nothing to be seen")

    house.pipeline.before = refuse
    house.send(house.series(1))
    assert _read_ahead(house, analyst, ahead)
    assert house.entry(1).state is State.RECEIVING
    _score(house, analyst)
    assert house.entry(1).state is State.FAILED
    assert "nothing to be seen" in house.entry(1).reason


def test_what_was_read_is_let_go_where_its_study_does_not_settle_any_more(
    house: House, analyst: Analyst, ahead: ReadingAhead, readings: list[int]
) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    assert _read_ahead(house, analyst, ahead)
    house.send(slices[10:])
    assert not _read_ahead(house, analyst, ahead), "it may just have become complete"
    assert _read_ahead(house, analyst, ahead)
    assert len(readings) == 2
    _score(house, analyst)
    assert len(readings) == 2


class _Prepared(FakePipeline):
    """A pipeline that notes how many slices it was given while the study arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[int] = []

    def prepare(self, volume: Volume) -> None:
        self.prepared.append(len(volume.voxels))


@pytest.fixture
def preparing(house: House) -> _Prepared:
    pipeline = _Prepared()
    engine = house.examinations[0].engine
    house.examinations = (ChestCt(engine, pipeline),)
    return pipeline


def test_a_study_that_arrives_is_prepared_each_time_that_much_more_of_it_is_there(
    house: House, preparing: _Prepared, ahead: ReadingAhead
) -> None:
    analyst, slices = house.analyst(ahead=ahead), house.series(1, count=70)
    peer = house.intake.open_association(peer="127.0.0.1", calling_ae_title="CT1", now=house.now)
    looked = []
    for content in slices:
        house._receive(content, peer)
        looked.append(_read_ahead(house, analyst, ahead))
    assert preparing.prepared == [32, 32], "each slice once"
    assert [number for number, did in enumerate(looked, start=1) if did] == [32, 64]
    assert house.entry(1).state is State.RECEIVING
    assert {each.event for each in house.studies.events("1.2.1")} == {"INSTANCE_ADDED"}


def test_what_cannot_be_read_yet_is_not_prepared_and_nothing_is_said(
    house: House, preparing: _Prepared, ahead: ReadingAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_volume: Volume) -> None:
        raise UnreadableStudy("missing-slices", "expected more")

    monkeypatch.setattr(preparing, "prepare", refuse)
    analyst = house.analyst(ahead=ahead)
    peer = house.intake.open_association(peer="127.0.0.1", calling_ae_title="CT1", now=house.now)
    for content in house.series(1, count=40):
        house._receive(content, peer)
    assert _read_ahead(house, analyst, ahead)
    assert not _read_ahead(house, analyst, ahead)
    assert {each.event for each in house.studies.events("1.2.1")} == {"INSTANCE_ADDED"}
