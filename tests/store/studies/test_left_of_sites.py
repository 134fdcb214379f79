"""What is left of each site is counted as it goes its way; with `--postgresql` on that."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.store.making import Studies, admit, at, claimed, commit, derived, instance
from tests.store.studies.test_in_turn import arrives
from triaged.store.couriers.outbox import Outbox
from triaged.store.studies.left_of_sites import Left, LeftOfSites
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State

SR = frozenset({ObjectKind.SR})


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


@pytest.fixture
def left(database: Database) -> LeftOfSites:
    return LeftOfSites(database)


def test_nothing_is_left_where_nothing_came(left: LeftOfSites) -> None:
    assert left.all() == {}


def test_a_study_counts_once_wherever_it_is_until_its_last_object_is_delivered(
    studies: Studies, left: LeftOfSites, database: Database
) -> None:
    arrives(studies, 1, "a")
    arrives(studies, 2, "")
    assert left.all() == {"a": Left(waiting=1), "": Left(waiting=1)}
    claim = claimed(studies, minutes=5)
    assert left.all()["a"] == Left(scoring=1)
    commit(
        studies,
        claim,
        objects=(derived(claim, ObjectKind.SR),),
        destinations={"pacs": SR},
        seconds=("other",),
        minutes=6,
    )
    with database.begin() as connection:  # the commit of these tests knows no sites
        connection.execute(update(schema.study).where(schema.study.c.state == State.TRIAGED).values(site="a"))
    assert left.all()["a"] == Left(following=1, undelivered=1)
    outbox = Outbox(database)
    item = outbox.claim_due("courier", to="pacs", lease_s=60, now=at(7))
    assert item is not None
    assert left.all()["a"] == Left(following=1, undelivered=1), "it is on its way"
    outbox.sent(item, now=at(7))
    assert left.all() == {"a": Left(following=1), "": Left(waiting=1)}


def test_a_late_slice_lets_a_study_arrive_again(studies: Studies, left: LeftOfSites) -> None:
    arrives(studies, 1, "a")
    admit(studies, instance(1, 2), minutes=2)
    assert left.all() == {"a": Left(arriving=1)}


@pytest.mark.parametrize(
    ("found", "words", "is_nothing"),
    [
        (Left(), "nothing left", True),
        (Left(given_up=2), "2 given up", True),
        (Left(arriving=1, undelivered=3), "1 arriving, 3 undelivered", False),
        (Left(following=1), "1 to be drawn or read by second engines", False),
    ],
)
def test_what_was_given_up_is_not_on_its_way(found: Left, words: str, is_nothing: bool) -> None:
    assert (found.words(), found.is_nothing) == (words, is_nothing)
