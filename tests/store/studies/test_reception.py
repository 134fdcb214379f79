"""Who is known to have stored: what a receiver asks when it starts."""

from __future__ import annotations

import pytest

from tests.store.making import NOON, Studies, admit, at, instance
from triaged.store.studies.reception import Reception
from triaged.store.tables.database import Database


@pytest.fixture
def reception(database: Database) -> Reception:
    return Reception(database)


def open_association(reception: Reception, title: str, minutes: float) -> int:
    return reception.open_association(receiver="r", peer="10.0.0.7", calling_ae_title=title, now=at(minutes))


def test_known_is_who_had_an_instance_kept_of_late(database: Database, reception: Reception) -> None:
    numbers = {title: open_association(reception, title, at_min) for title, at_min in (("OLD", 0), ("CT1", 60))}
    open_association(reception, "STRANGER", 61)
    for number, title in enumerate(numbers):
        admit(Studies(database), instance(number + 1, 1), association_id=numbers[title])
    assert reception.known_senders(since=at(30)) == {("CT1", "10.0.0.7")}
    assert reception.known_senders(since=NOON) == {("CT1", "10.0.0.7"), ("OLD", "10.0.0.7")}


def test_nobody_is_known_before_the_first(reception: Reception) -> None:
    assert reception.known_senders(since=NOON) == frozenset()
