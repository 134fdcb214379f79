"""Places made anew: for one study, for one whose order became urgent, and for all of them, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.making import (
    Studies,
    admit,
    at,
    claimed,
    commit,
    finding,
    instance,
    make_ready,
    next_set,
    ranking,
    study_uid,
)
from triaged.errors import UnknownStudy
from triaged.store.listing.actions import Actions
from triaged.store.listing.moves import Change, folded
from triaged.store.listing.order import steps_between
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, Override, Ranking, RequestPriority
from triaged.study.ranking_input import RankingInput
from triaged.study.read_state import ActionKind

from .test_actions import policy

STUDY = study_uid(1).value


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def rankings(database: Database) -> Rankings:
    return Rankings(database)


def test_a_standing_is_what_was_written(studies: Studies, rankings: Rankings, database: Database) -> None:
    admit(studies, instance(1, 1), minutes=1, priority=RequestPriority.HIGH)
    assert rankings.ranking_input(STUDY, now=at(2)) == RankingInput(
        study_uid(1), at(1), at(2), State.RECEIVING, RequestPriority.HIGH
    )
    studies.complete(study_uid(1), 1, ranking=ranking(3, study_uid(1)), cause="whole", now=at(3))
    commit(studies, claimed(studies, minutes=4), severity=0.37)
    Actions(database).act(STUDY, ActionKind.LOWERED, "ann", ranking_policy=policy, now=at(5))
    assert rankings.ranking_input(STUDY, now=at(6)) == RankingInput(
        study_uid(1), at(3), at(6), State.TRIAGED, RequestPriority.HIGH, Assessed(finding(0.37)), Override.LOWER
    )


@pytest.mark.parametrize(
    "assessment",
    [
        Failed(Reason(ReasonCode.MISSING_SLICES, "expected 40 slices, found 39")),
        OutOfScope(Reason(ReasonCode.NO_CT, "expected CT, found MR")),
    ],
)
def test_a_study_without_a_score_stands_with_its_reason(
    studies: Studies, rankings: Rankings, assessment: Failed | OutOfScope
) -> None:
    make_ready(studies, 1)
    claim = claimed(studies)
    studies.commit(
        claim,
        Found(
            assessment,
            ranking=ranking(0, study_uid(1)),
            not_chosen=(),
            chosen=None,
            model="m",
            scheme="severity",
            object_set=next_set(studies, claim, "a"),
        ),
        Made(objects=(), destinations={}),
        now=at(2),
    )
    assert rankings.ranking_input(STUDY, now=at(3)).assessment == assessment


def test_a_study_that_is_not_known_has_no_standing(rankings: Rankings) -> None:
    with pytest.raises(UnknownStudy):
        rankings.ranking_input("9.9", now=at(0))


def test_a_place_is_made_anew_with_its_cause(studies: Studies, rankings: Rankings, database: Database) -> None:
    for number in (1, 2):
        admit(studies, instance(number, 1), minutes=number, where=policy)
    token = Worklist(database).version()
    uid = study_uid(2).value
    assert rankings.rerank_all(_turned, cause="the last come first", now=at(5)) == 2
    assert Worklist(database).version() != token
    move = studies.moves(uid)[-1]
    assert (move.before, move.after, move.cause, move.at) == (2, 1, "the last come first", at(5))
    assert studies.events(uid)[-1].detail == "the last come first"
    token = Worklist(database).version()
    assert rankings.rerank_all(_turned, cause="again", now=at(6)) == 0
    assert Worklist(database).version() == token


def test_another_list_can_make_an_order_more_urgent_and_never_less(
    studies: Studies, rankings: Rankings, database: Database
) -> None:
    for number in (1, 2):
        admit(studies, instance(number, 1), minutes=number, where=policy)
    uid = study_uid(2).value
    assert rankings.prioritise(uid, RequestPriority.STAT, _stat_first, cause="modality worklist", now=at(5))
    assert [entry.study_instance_uid for entry in Worklist(database).entries()] == [uid, STUDY]
    assert not rankings.prioritise(uid, RequestPriority.LOW, _stat_first, cause="modality worklist", now=at(6))
    assert rankings.ranking_input(uid, now=at(6)).order_priority is RequestPriority.STAT
    assert [event.event for event in studies.events(uid)][-2:] == ["ORDER_PRIORITY", "PLACED_AGAIN"]


def test_the_whole_list_is_ordered_anew_as_one_change(studies: Studies, rankings: Rankings, database: Database) -> None:
    for number in (1, 2, 3, 4):
        admit(studies, instance(number, 1), minutes=number, where=policy)
    Actions(database).act(study_uid(2).value, ActionKind.DONE, "ann", ranking_policy=policy, now=at(5))
    assert rankings.rerank_all(_turned, cause="the last come first", now=at(6)) == 3
    entries = Worklist(database).entries()
    assert [entry.study_instance_uid for entry in entries] == [study_uid(number).value for number in (4, 3, 1)]
    for number, told in ((1, (1, 3)), (3, (2, 2)), (4, (3, 1))):
        moves = [move for move in studies.moves(study_uid(number).value) if move.at == at(6)]
        assert [(move.before, move.after) for move in moves] == ([told] if told[0] != told[1] else [])
        assert {move.cause for move in moves} <= {"the last come first"}
    assert rankings.rerank_all(_turned, cause="again", now=at(7)) == 0


@pytest.mark.parametrize("back", ["opened again", "undone", "late slice"])
def test_a_study_that_comes_back_stands_where_the_policy_in_force_puts_it(
    studies: Studies, rankings: Rankings, database: Database, back: str
) -> None:
    for number in (1, 2):
        admit(studies, instance(number, 1), minutes=number, where=policy)
    actions = Actions(database)
    actions.act(STUDY, ActionKind.DONE, "ann", ranking_policy=policy, now=at(5))
    rankings.rerank_all(_turned, cause="turned", now=at(6))
    match back:
        case "opened again":
            actions.act(STUDY, ActionKind.REOPENED, "ann", ranking_policy=_turned, now=at(7))
        case "undone":
            actions.undo(STUDY, "ann", ranking_policy=_turned, now=at(7))
        case _:
            admit(studies, instance(1, 2), minutes=7, where=_turned)
    assert studies.moves(STUDY)[-1].after == 2
    assert [entry.position for entry in Worklist(database).entries()] == [1, 2]


@given(st.permutations(range(9)))
def test_the_steps_from_one_order_to_another_only_move_studies_up(after: list[int]) -> None:
    order = list(range(9))
    for study, position, target in steps_between(range(9), after):
        assert order.index(study) + 1 == position > target
        order.insert(target - 1, order.pop(position - 1))
    assert order == after


CHANGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30), st.booleans()), max_size=25)


@given(changes=CHANGES)
def test_where_all_others_stood_follows_from_the_changes_alone(changes: list[tuple[int, int, bool]]) -> None:
    """Against lists kept by hand: each study's moves are the positions it had in the list before and after."""
    on_list: list[int] = []
    rows: list[Change] = []
    seen: dict[int, list[int | None]] = {study: [None] for study in range(6)}
    for number, (study, target, stays) in enumerate(changes, start=1):
        before = on_list.index(study) + 1 if study in on_list else None
        on_list = [each for each in on_list if each != study]
        after = min(target, len(on_list)) + 1 if stays or before is None else None
        if after is not None:
            on_list.insert(after - 1, study)
        if before != after:
            rows.append(Change(number, study, before, after, None))
        _note(seen, on_list)
    for study, positions in seen.items():
        moves = folded(study, rows)
        assert [(move.before, move.after) for move in moves] == list(pairwise(positions))


def _note(seen: dict[int, list[int | None]], on_list: Sequence[int]) -> None:
    for study, positions in seen.items():
        now = on_list.index(study) + 1 if study in on_list else None
        if positions[-1] != now:
            positions.append(now)


def _turned(ranking_input: RankingInput) -> Ranking:
    return ranking(-((ranking_input.since - at(0)).total_seconds() / 60), ranking_input.study_uid)


def _stat_first(ranking_input: RankingInput) -> Ranking:
    lane = Lane.EMERGENCY if ranking_input.order_priority is RequestPriority.STAT else Lane.ORDERED
    return ranking(0, ranking_input.study_uid, lane=lane)
