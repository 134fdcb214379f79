"""How studies end without a score, step by step: the reason, the place on the list, and the page in the PACS."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from tests.flow.house import House
from triaged.exams.exam import Choice
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def test_a_study_without_a_score_stands_above_one_that_is_not_flagged(house: House) -> None:
    house.triage(1, 0.0)
    house.later(60)
    house.send(house.series(2, count=4))
    house.later(30)
    assert house.assemble() == 1
    house.score()
    assert house.entry(2).state is State.OUT_OF_SCOPE
    assert house.entry(2).finding is None
    assert "at least 8" in house.entry(2).reason
    assert house.order() == [2, 1]


@pytest.mark.parametrize(("part", "kinds"), [("CHEST", {"sc", "text"}), ("KNEE", set()), ("", set())])
def test_of_studies_out_of_scope_a_ct_of_a_chest_alone_gets_a_page_with_the_reason(
    house: House, part: str, kinds: set[str]
) -> None:
    house.send(house.series(1, count=4, BodyPartExamined=part))
    house.later(30)
    house.assemble()
    house.score()
    assert house.entry(1).state is State.OUT_OF_SCOPE
    made = house.studies.derived("1.2.1")
    assert {each.kind.name for each in made} == kinds
    if made:
        (page,) = (dcmread(house.spool.absolute(each.path)) for each in made if each.kind.name == "sc")
        assert page.ImageComments.endswith("Not scored.")


def test_a_study_that_keeps_failing_ends_as_failed_and_says_so(house: House) -> None:
    house.send(house.series(1))
    house.later(2)
    house.assemble()
    for _ in range(3):
        analyst = house.analyst()
        analyst.count_and_put_back(house.claim(analyst), "ValueError", clock=house.clock)
        house.later(60)
    house.score()
    assert house.entry(1).state is State.FAILED
    assert "gave up after 3 attempts: attempts 1, 2, 3: ValueError" in house.entry(1).reason


def test_a_study_that_breaks_even_the_choice_of_its_series_ends_as_failed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(series: object, options: object) -> Choice:
        raise ValueError("a bug")

    house.send(house.series(1))
    house.later(2)
    house.assemble()
    monkeypatch.setattr("triaged.exams.ct.examination.choose", broken)
    for _ in range(3):
        analyst = house.analyst()
        claim = house.claim(analyst)
        with pytest.raises(ValueError, match="a bug"):
            analyst.analyse(claim, clock=house.clock)
        analyst.count_and_put_back(claim, "ValueError", clock=house.clock)
        house.later(60)

    house.score()

    assert house.entry(1).state is State.FAILED
    assert "3 attempts" in house.entry(1).reason
