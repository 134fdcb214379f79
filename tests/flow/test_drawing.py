"""What is drawn after a result was committed: no death loses it, and it goes with the result that it is of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.exams.ct.examination import ChestCt
from triaged.results.instance import ResultObject
from triaged.steps.draw import Drawer
from triaged.steps.options import AnalyseOptions
from triaged.store.posting.drawing import DrawingState
from triaged.store.studies.drawings import Drawings
from triaged.store.tables import schema
from triaged.store.tables.database import open_database
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.records import DeliveryState

DRAWN = {ObjectKind.SIDES: 4, ObjectKind.TURNING: 1}


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    """A daemon with one scored study, of which nothing is drawn in 3-D yet."""
    database = open_database(sqlite_url)
    house = House(database, tmp_path)
    house.triage(1, 0.5)
    yield house
    database.close()


def _drawer(house: House, worker: str = "worker-1") -> Drawer:
    return Drawer(
        Drawings(house.database),
        house.spool,
        house.examinations,
        worker=worker,
        options=AnalyseOptions(),
        destinations={"pacs": house.wanted},
    )


def _draw(house: House, worker: str = "worker-1") -> bool:
    drawer = _drawer(house, worker)
    drawing = drawer.claim(clock=house.clock)
    if drawing is None:
        return False
    drawer.draw(drawing, clock=house.clock)
    return True


def _again(house: House) -> None:
    """Have the study analysed again, as it was."""
    house.requeue(1)
    house.score(0.5)


def _kinds(house: House, study: str = "1.2.1") -> dict[ObjectKind, int]:
    kinds = [one.kind for one in house.studies.derived(study) if one.kind in DRAWN]
    return {kind: kinds.count(kind) for kind in set(kinds)}


def _states(house: House) -> list[str]:
    with house.database.read() as connection:
        return [row.state for row in connection.execute(schema.drawing.select().order_by(schema.drawing.c.id))]


def test_the_result_is_there_before_anything_is_drawn_and_the_views_follow(house: House) -> None:
    assert house.entry(1).state is State.TRIAGED
    assert _kinds(house) == {}
    assert _draw(house)
    assert _kinds(house) == DRAWN
    assert _states(house) == [DrawingState.DRAWN]
    assert not _draw(house), "once is enough"


def test_the_views_are_posted_to_who_wants_them_and_the_others_are_not_posted_again(house: House) -> None:
    before = [each.sop_instance_uid for each in house.outbox.deliveries("1.2.1")]
    _draw(house)
    after = house.outbox.deliveries("1.2.1")
    new = [each for each in after if each.sop_instance_uid not in before]
    assert len(after) == len(before) + len(new)
    assert sorted(each.kind for each in new) == [*[ObjectKind.SIDES] * 4, ObjectKind.TURNING]
    assert {each.state for each in new} == {DeliveryState.PENDING}


def test_a_destination_that_leaves_them_out_gets_none_and_the_pages_still_have_them(house: House) -> None:
    house.wanted = frozenset({ObjectKind.SC})
    _draw(house)
    assert _kinds(house) == DRAWN
    assert not [each for each in house.outbox.deliveries("1.2.1") if each.kind in DRAWN]


def test_what_a_worker_had_in_hand_when_it_died_is_drawn_by_the_next(house: House) -> None:
    assert _drawer(house).claim(clock=house.clock) is not None
    assert not _draw(house, "worker-2"), "it has a lease"
    house.later(AnalyseOptions().lease_s + 1)
    assert _draw(house, "worker-2")
    assert _kinds(house) == DRAWN


def test_a_worker_that_starts_again_has_what_it_had_at_once(house: House) -> None:
    assert _drawer(house).claim(clock=house.clock) is not None
    assert Drawings(house.database).release("worker-1") == 1
    assert _draw(house)


def test_of_a_result_that_was_superseded_nothing_is_published(house: House) -> None:
    drawer = _drawer(house)
    drawing = drawer.claim(clock=house.clock)
    assert drawing is not None
    _again(house)
    drawer.draw(drawing, clock=house.clock)
    assert _kinds(house) == {}
    assert _states(house) == [DrawingState.DROPPED, DrawingState.WAITING]
    assert _draw(house)
    assert _kinds(house) == DRAWN


class Broken(ChestCt):
    """Draws nothing."""

    def complete(self, draft: bytes) -> tuple[ResultObject, ...]:
        raise ValueError(f"found {len(draft)} bytes")


def test_a_drawing_that_breaks_is_tried_again_and_given_up_and_the_result_stays(house: House) -> None:
    (chest_ct,) = house.examinations
    assert isinstance(chest_ct, ChestCt)
    house.examinations = (Broken(chest_ct.engine, chest_ct.pipeline),)
    before = house.studies.derived("1.2.1")
    for _ in range(AnalyseOptions().max_attempts):
        drawer = _drawer(house)
        drawing = drawer.claim(clock=house.clock)
        assert drawing is not None
        with pytest.raises(ValueError, match="bytes"):
            drawer.draw(drawing, clock=house.clock)
        drawer.count_and_put_back(drawing, "ValueError in sides.py", clock=house.clock)
        house.later(3600)
    assert _states(house) == [DrawingState.FAILED]
    assert house.studies.derived("1.2.1") == before


def test_a_draft_that_is_gone_costs_the_views_alone(house: House) -> None:
    for draft in (house.folder / "spool").rglob("*.draft.npz"):
        draft.unlink()
    assert _draw(house)
    assert _states(house) == [DrawingState.FAILED]


def test_the_same_result_made_again_has_the_same_objects(house: House) -> None:
    _draw(house)
    first = {one.sop_instance_uid for one in house.studies.derived("1.2.1")}
    _again(house)
    _draw(house)
    assert {one.sop_instance_uid for one in house.studies.derived("1.2.1")} == first
