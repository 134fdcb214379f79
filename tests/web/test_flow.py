"""Which study comes next, who was told of a take-over, and which moves of a history are one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tests.store.making import at
from tests.web.scene import Scene
from triaged.store.listing.worklist import Part
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.ranking import TriageClass
from triaged.study.read_state import Action, ActionKind, ReadState
from triaged.web.flow import Step, next_study
from triaged.web.offers import taken_over
from triaged.web.timeline import Line, folded


def _expected(readings: Sequence[tuple[str, ReadState, str]], uid: str, step: Step, person: str) -> str | None:
    """Return where a step leads, from the whole of a part of the list in its order."""
    order = [each for each, _, _ in readings]
    if step is not Step.FIRST and uid in order:
        index = order.index(uid) + (1 if step is Step.AFTER else -1)
        return order[index] if 0 <= index < len(order) else None
    free = (state is ReadState.UNREAD or (state is ReadState.READING and by == person) for _, state, by in readings)
    return next((each for each, is_free in zip(order, free, strict=True) if is_free and each != uid), None)


@pytest.mark.parametrize("part", [Part(), Part(Shown.ALL), Part(classes=frozenset({TriageClass.UNSCORED}))], ids=str)
def test_a_step_leads_to_the_neighbour_in_any_order_and_the_first_is_none_that_somebody_else_reads(
    filled: Scene, part: Part
) -> None:
    first, second, third, *_ = uids = filled.worklist.order()
    for uid, kind, person in ((first, "READING", "anna"), (second, "READING", "rené"), (third, "DONE", "rené")):
        filled.readers.act(uid, ActionKind(kind), person, now=filled.now)
    for order in ListOrder:
        entries = filled.worklist.entries(part=part, order=order)
        readings = [(each.study_instance_uid, each.read_state, each.read_by) for each in entries]
        for uid in (*uids, "1.2.3", ""):
            for step in Step:
                for person in ("anna", "rené"):
                    led = next_study(filled.worklist, part, order, uid, step, person)
                    assert led == _expected(readings, uid, step, person), (order, uid, step, person)


def test_where_nothing_is_left_the_list_is(scene: Scene) -> None:
    assert next_study(scene.worklist, Part(), ListOrder.TRIAGE, "a", Step.FIRST, "anna") is None
    with TestClient(scene.app()) as client:
        answer = client.get("/next?class=A", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?class=A")


def test_the_address_leads_on_within_the_view(browser: TestClient, filled: Scene) -> None:
    def led(query: str) -> str:
        return str(browser.get(f"/next?{query}", follow_redirects=False).headers["location"])

    order = [f"/studies/{uid}" for uid in filled.worklist.order()]
    assert led("") == order[0]
    assert led(f"uid={order[0].rpartition('/')[2]}") == order[1]
    assert led(f"step=after&uid={order[3].rpartition('/')[2]}") == order[4]
    assert led("order=arrival") == "/studies/1.2.826.0.1.1"
    assert led("uid=1.2.826.0.1.5&step=after&state=FAILED") == "/?state=FAILED"
    assert browser.get("/next?step=sideways").status_code == 422


def _action(number: int, person: str, kind: ActionKind, *, undone: bool = False) -> Action:
    return Action(number, "1.2.3", at(number), person, kind, "", undone=undone)


READ, LEFT, PIN = ActionKind.READING, ActionKind.RELEASED, ActionKind.PINNED


@pytest.mark.parametrize(
    ("actions", "by"),
    [
        ((("anna", READ), ("rené", READ)), "rené"),
        ((("anna", READ), ("rené", READ), ("rené", PIN)), "rené"),
        ((("anna", READ), ("anna", LEFT), ("rené", READ)), None),
        ((("anna", READ), ("rené", READ), ("rené", LEFT)), None),
        ((("anna", READ), ("anna", READ)), None),
        ((("anna", READ),), None),
        ((), None),
    ],
)
def test_a_reader_is_told_who_took_over_as_long_as_that_is_the_last_word(
    actions: tuple[tuple[str, ActionKind], ...], by: str | None
) -> None:
    done = [_action(number, person, kind) for number, (person, kind) in enumerate(actions)]
    taken = taken_over(done)
    assert (taken.reader if taken else None) == by
    assert taken is None or (taken.previous, taken.since) == ("anna", at(1))


def test_a_take_over_that_was_undone_is_none() -> None:
    assert taken_over([_action(1, "anna", READ), _action(2, "rené", READ, undone=True)]) is None


def test_moves_by_others_that_follow_each_other_are_one_line_and_nothing_else_is() -> None:
    def line(number: int, other: str = "") -> Line:
        return Line(at(0) + timedelta(minutes=number), "move", f"moved {number}", "", other)

    own, lone = line(9), line(4, "x")
    run = (line(8, "x"), line(7, "y"), line(6, "x"))
    found = folded([own, *run, line(5), lone, line(3)])
    assert [each.what for each in found] == [
        "moved 9",
        "3 moves caused by other studies",
        "moved 5",
        "moved 4",
        "moved 3",
    ]
    assert (found[1].folded, found[1].at) == (run, run[0].at)
