"""The code's table of states against the one that people read, in docs/lifecycle.md."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from triaged.errors import IllegalTransition
from triaged.study.lifecycle import TRANSITIONS, Event, State, after

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"


def documented() -> dict[tuple[str, str], str]:
    """Return the page's table: (state, event) to next state, without the empty fields."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|")
    ]
    header = next(row for row in rows if row[0].startswith("from"))
    width = len(header)
    table = itertools.takewhile(lambda row: len(row) == width, rows[rows.index(header) + 2 :])
    return {
        (state.strip(), event): target.rstrip("*")
        for row in table
        for state in row[0].split("/")
        for event, target in zip(header[1:], row[1:], strict=True)
        if target
    }


def test_the_page_and_the_code_hold_the_same_table() -> None:
    in_code = {(state.value, event.value): target.value for (state, event), target in TRANSITIONS.items()}
    assert documented() == in_code


def test_the_page_knows_every_state_and_every_event() -> None:
    table = documented()
    assert {state for state, _ in table} == {state.value for state in State}
    assert {event for _, event in table} == {event.value for event in Event}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_an_event_leads_where_the_page_says_or_is_refused(state: State, event: Event) -> None:
    expected = documented().get((state.value, event.value))
    if expected is None:
        with pytest.raises(IllegalTransition, match=f"{event}.*{state}"):
            after(state, event)
    else:
        assert after(state, event).value == expected


def test_no_state_is_an_end_from_which_nothing_leads_on() -> None:
    assert {state for state, _ in documented()} == {state.value for state in State}


def test_a_late_instance_reopens_a_study_in_any_state() -> None:
    assert {after(state, Event.INSTANCE_ADDED) for state in State} == {State.RECEIVING}
