"""Readers at work while studies come, are scored and are scored again, from the slices to the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import TRIAGE, House
from triaged.steps.acting import Readers
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.actions import Actions
from triaged.store.tables.database import open_database
from triaged.study.lifecycle import State
from triaged.study.ranking import Override, TriageClass
from triaged.study.read_state import PROGRAM, ActionKind, ReadState


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    database = open_database(sqlite_url)
    yield House(database, tmp_path)
    database.close()


@pytest.fixture
def readers(house: House) -> Readers:
    return Readers(Actions(house.database), ranking_policy=ranking_policy(TRIAGE))


def test_an_override_made_while_a_study_is_analysed_is_on_the_list_with_its_result(
    house: House, readers: Readers
) -> None:
    house.triage(1, 0.6)
    house.later(1)
    house.send(house.series(2))
    house.later(2)
    house.assemble()
    analyst = house.analyst()
    claim = house.claim(analyst)
    readers.act("1.2.2", ActionKind.PINNED, "ann", now=house.now)
    house.pipeline.severity = 0.0
    analyst.analyse(claim, clock=house.clock)
    entry = house.entry(2)
    assert (entry.state, entry.override, entry.position) == (State.TRIAGED, Override.PIN, 1)
    readers.undo("1.2.2", "bob", now=house.now)
    entry = house.entry(2)
    assert (entry.triage_class, entry.position) == (TriageClass.NOT_FLAGGED, 2)


def test_the_results_that_are_sent_say_what_was_found_and_not_what_a_reader_decided(
    house: House, readers: Readers
) -> None:
    house.triage(1, 0.6)
    readers.act("1.2.1", ActionKind.LOWERED, "ann", now=house.now)
    before = [each.sop_instance_uid for each in house.studies.derived("1.2.1")]
    house.requeue(1)
    house.score(0.6)
    assert [each.sop_instance_uid for each in house.studies.derived("1.2.1")] == before
    assert house.entry(1).override is Override.LOWER


def test_a_study_that_was_read_comes_back_with_a_late_slice_and_is_scored_as_a_whole(
    house: House, readers: Readers
) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score(0.6)
    readers.act("1.2.1", ActionKind.DONE, "ann", now=house.now)
    assert house.order() == []
    house.send([slices[10]])
    assert house.order() == [1]
    entry = house.entry(1)
    assert (entry.read_state, entry.triage_class) == (ReadState.UNREAD, TriageClass.SEVERE)
    assert readers.actions("1.2.1")[-1].person == PROGRAM
    house.later(2)
    house.assemble()
    house.score(0.7)
    assert (house.entry(1).state, house.entry(1).instances) == (State.TRIAGED, 11)
