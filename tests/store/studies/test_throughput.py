"""Counts for whoever watches, on both databases."""

from __future__ import annotations

import pytest

from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready
from triaged.store.roles.pauses import Pausable, Pause, Pauses
from triaged.store.studies.going_on import GoingOn
from triaged.store.studies.throughput import Throughput
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State


def test_waits_flags_and_arrivals_are_those_of_the_studies(database: Database) -> None:
    studies, throughput = Studies(database), Throughput(database)
    make_ready(studies, 1, minutes=0)
    commit(studies, claimed(studies), minutes=2)
    waits, last = throughput.waits()
    assert waits == pytest.approx([120.0], abs=0.01)
    assert last == 1
    assert throughput.waits(after=1) == ([], 1)
    assert throughput.waits(since=at(3)) == ([], 0)
    assert throughput.arrived(at(0)) == [at(0)]
    assert throughput.arrived(at(1)) == []
    assert {name: (each.scored, each.flagged) for name, each in throughput.flagged(at(0)).items()} == {"": (1, 1)}
    assert throughput.flagged(at(3)) == {}
    assert throughput.by_rule(at(0)) == {"": 1}


def test_what_was_received_is_counted_once_whether_associations_go_on_or_not(database: Database) -> None:
    studies, throughput = Studies(database), Throughput(database)
    first, second = (
        studies.open_association(receiver="r", peer="10.0.0.5", calling_ae_title=title, now=at(0))
        for title in ("CT1", "CT2")
    )
    admit(studies, instance(1, 1), association_id=first)
    admit(studies, instance(1, 2), association_id=second)
    found = throughput.received()
    assert (found.ended, found.going_on, found.upto) == ({}, {"CT1": 1, "CT2": 1}, first - 1)
    studies.close_association(first, now=at(1))
    found = throughput.received(found.upto)
    assert (found.ended, found.going_on, found.upto) == ({"CT1": 1}, {"CT2": 1}, first)
    assert throughput.received(found.upto).ended == {}


def test_the_present_names_who_delivers_and_what_is_on_its_way(database: Database) -> None:
    studies, present = Studies(database), GoingOn(database)
    association = studies.open_association(receiver="r@a", peer="10.0.0.5", calling_ae_title="CT1", now=at(0))
    for number in (1, 2):
        admit(studies, instance(1, number), association_id=association, minutes=number)
    make_ready(studies, 2, minutes=1)
    make_ready(studies, 3, minutes=2)
    claimed(studies, "worker-1@a", minutes=4)
    (open_one,) = present.associations()
    assert (open_one.calling_ae_title, open_one.peer, open_one.instances) == ("CT1", "10.0.0.5", 2)
    states = {state: present.studies(state, 9) for state in (State.RECEIVING, State.READY, State.ANALYSING)}
    assert [(each.instances, each.since) for each in states[State.RECEIVING]] == [(2, at(2))]
    assert [each.since for each in states[State.READY]] == [at(2)]
    assert [(each.worker, each.since) for each in states[State.ANALYSING]] == [("worker-1@a", at(4))]
    studies.close_association(association, now=at(5))
    assert present.associations() == []


def test_a_pause_lasts_until_it_ends_and_the_newer_reason_counts(database: Database) -> None:
    pauses = Pauses(database)
    pauses.begin(Pause(Pausable.SENDING, "pacs", "ann", "one", at(0)))
    pauses.begin(Pause(Pausable.SENDING, "pacs", "bob", "two", at(1)))
    pauses.begin(Pause(Pausable.RECEIVING, "", "ann", "three", at(2)))
    assert [each.words for each in pauses.all()] == [
        "sending to pacs is paused by bob: two",
        "receiving is paused by ann: three",
    ]
    assert pauses.end(Pausable.SENDING, "pacs")
    assert not pauses.end(Pausable.SENDING, "pacs")
    assert len(pauses.all()) == 1
