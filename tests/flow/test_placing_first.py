"""A study has its place before its objects are drawn; whatever ends the worker between, it gets the same objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flow.house import House
from triaged.errors import TryLater
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State


class Killed(BaseException):
    """What a worker does not live to tell."""


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def ready(house: House) -> House:
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    return house


def break_drawing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: Any) -> None:
        raise error

    monkeypatch.setattr("triaged.exams.ct.examination.CtAnalysis.draw", broken)


def objects_of(house: House) -> dict[str, str]:
    return {each.sop_instance_uid: each.sha256 for each in house.studies.derived("1.2.1")}


def test_the_order_does_not_wait_for_the_objects(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    ready(house)
    drawn = house.spool.keep_derived

    def keep(*what: Any) -> Any:
        seen.append((house.entry(1).finding is not None, house.entry(1).state, len(objects_of(house))))
        return drawn(*what)

    monkeypatch.setattr(house.spool, "keep_derived", keep)
    house.score()
    assert set(seen) == {(True, State.ANALYSING, 0)}
    assert objects_of(house)


def test_a_worker_that_dies_while_it_draws_leaves_the_place_and_another_draws_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyst = ready(house).analyst()
    with monkeypatch.context() as patched:
        break_drawing(patched, Killed())
        with pytest.raises(Killed):
            analyst.analyse(house.claim(analyst), clock=house.clock)
    assert house.entry(1).finding is not None
    house.studies.release("worker-1", now=house.now)
    house.score()
    house.deliver()
    with_death, took = objects_of(house), list(house.pacs.took)
    house.requeue(1)
    house.score()
    house.deliver()
    assert objects_of(house) == with_death
    assert house.pacs.took == took


def test_a_study_that_cannot_be_drawn_keeps_its_score(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(house)
    break_drawing(monkeypatch, ValueError("a bug"))
    for _ in range(3):
        analyst = house.analyst()
        claim = house.claim(analyst)
        with pytest.raises(ValueError, match="a bug"):
            analyst.analyse(claim, clock=house.clock)
        analyst.count_and_put_back(claim, "ValueError in pages.py, line 7", clock=house.clock)
        house.later(60)
    house.score()
    entry = house.entry(1)
    assert entry.state is State.TRIAGED
    assert entry.finding is not None
    assert "no result objects: gave up after 3 attempts" in house.studies.events("1.2.1")[-1].detail


def test_what_cannot_be_kept_for_want_of_space_is_drawn_again_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(house)

    def full(*_: Any) -> None:
        raise TryLater("expected to write, found: No space left on device")

    analyst = house.analyst()
    claim = house.claim(analyst)
    with monkeypatch.context() as patched:
        patched.setattr(house.spool, "keep_derived", full)
        analyst.analyse(claim, clock=house.clock)
    assert (house.entry(1).state, house.entry(1).finding is not None) == (State.READY, True)
    house.later(60)
    house.score()
    assert house.entry(1).state is State.TRIAGED
    assert objects_of(house)
