"""What readers can do with a study, against a second table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.errors import ActionRefused
from triaged.study.ranking import Override
from triaged.study.read_state import PROGRAM, ActionKind, ReadState, ReadStatus, after_action

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
MINE, THEIRS = ReadStatus(ReadState.READING, "ann", NOON), ReadStatus(ReadState.READING, "bob", NOON)
DONE, UNREAD = ReadStatus(ReadState.DONE, "bob", NOON), ReadStatus()

# What Ann may do, and in whose hands the study is then; every other pair is refused.
ALLOWED = {
    (UNREAD, "READING"): ("READING", "ann"),
    (UNREAD, "DONE"): ("DONE", "ann"),
    (MINE, "READING"): ("READING", "ann"),
    (MINE, "RELEASED"): ("UNREAD", ""),
    (MINE, "DONE"): ("DONE", "ann"),
    (THEIRS, "READING"): ("READING", "ann"),
    (DONE, "REOPENED"): ("UNREAD", ""),
}
KEEPS_THE_HAND = {"PINNED": "pin", "RAISED": "raise", "LOWERED": "lower"}


@pytest.mark.parametrize("kind", ["READING", "RELEASED", "DONE", "REOPENED"])
@pytest.mark.parametrize("hand", [UNREAD, MINE, THEIRS, DONE])
def test_only_what_makes_sense_can_be_done(hand: ReadStatus, kind: str) -> None:
    if (hand, kind) not in ALLOWED:
        with pytest.raises(ActionRefused, match=kind):
            after_action(hand, ActionKind(kind), "ann", now=LATER)
        return
    after = after_action(hand, ActionKind(kind), "ann", now=LATER)
    assert (after.state.value, after.person) == ALLOWED[hand, kind]
    assert after.at == (None if after.state is ReadState.UNREAD else LATER)


@pytest.mark.parametrize("kind", list(KEEPS_THE_HAND))
@pytest.mark.parametrize("before", list(Override))
def test_an_override_replaces_another_and_changes_nothing_else(kind: str, before: Override) -> None:
    hand = ReadStatus(ReadState.READING, "ann", NOON, before)
    if before.value == KEEPS_THE_HAND[kind]:
        with pytest.raises(ActionRefused, match="with the override"):
            after_action(hand, ActionKind(kind), "ann", now=LATER)
        return
    assert after_action(hand, ActionKind(kind), "ann", now=LATER) == ReadStatus(
        ReadState.READING, "ann", NOON, Override(KEEPS_THE_HAND[kind])
    )


def test_an_override_can_be_taken_back_where_there_is_one() -> None:
    pinned = ReadStatus(override=Override.PIN)
    assert after_action(pinned, ActionKind.RESTORED, "ann", now=LATER) == ReadStatus()
    with pytest.raises(ActionRefused, match="unread"):
        after_action(ReadStatus(), ActionKind.RESTORED, "ann", now=LATER)


@pytest.mark.parametrize("kind", [*KEEPS_THE_HAND, "RESTORED"])
@pytest.mark.parametrize("hand", [THEIRS, DONE])
def test_nobody_moves_a_study_that_another_reads_or_that_is_done(hand: ReadStatus, kind: str) -> None:
    with pytest.raises(ActionRefused, match="by bob"):
        after_action(hand, ActionKind(kind), "ann", now=LATER)


@pytest.mark.parametrize("person", ["", "  ", PROGRAM])
def test_only_a_person_with_a_name_acts(person: str) -> None:
    with pytest.raises(ActionRefused, match="name of a reader"):
        after_action(ReadStatus(), ActionKind.READING, person, now=LATER)


@given(kinds=st.lists(st.tuples(st.sampled_from(list(ActionKind)), st.sampled_from(["ann", "bob"])), max_size=12))
def test_somebody_has_a_study_exactly_while_it_is_read_or_done(kinds: list[tuple[ActionKind, str]]) -> None:
    hand = ReadStatus()
    for kind, person in kinds:
        before = hand
        try:
            hand = after_action(hand, kind, person, now=LATER)
        except ActionRefused:
            assert hand is before
        assert (hand.state is ReadState.UNREAD) == (hand.person == "") == (hand.at is None)


def test_the_page_that_people_read_names_every_action() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    section = page.partition("## Reading by people")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    assert sorted(kind for row in rows[2:] for kind in row.split(", ") if kind.isupper()) == sorted(ActionKind)
