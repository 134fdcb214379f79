"""The sites of studies that are there already, decided again."""

from __future__ import annotations

import pytest

from tests.store.making import PATIENT, Studies, at, instance, ranking, study_uid
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.siting import Siting
from triaged.store.tables.database import Database
from triaged.study.facts import StudyFacts
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ActionKind
from triaged.study.records import ReceivedHeader
from triaged.study.treatment import Treatment

MANY = 130


@pytest.fixture
def studies(database: Database) -> Studies:
    """More studies than are looked at in one transaction, every second one of the north."""
    found = Studies(database)
    for number in range(1, MANY + 1):
        what = instance(number, 1)
        sender = "NORTH_1" if number % 2 else "CT9"
        header = ReceivedHeader(
            *(what.study_uid, what.series_uid, what.sop_instance_uid, RequestPriority.ROUTINE, PATIENT, what.image),
            made_by_us=False,
            facts=StudyFacts(sender=sender),
        )
        place = ranking(number, what.study_uid)
        found.admit(what, header, None, ranking=place, now=at(number), treat=lambda _: Treatment("kept", scored=False))
    return found


def by_sender(facts: StudyFacts) -> str | None:
    return "north" if facts.sender.startswith("NORTH") else ""


def ruled(studies: Studies, number: int) -> list[str]:
    return [each.detail for each in studies.events(study_uid(number).value) if each.event == "RULE"]


def test_every_open_study_gets_the_site_of_its_sender_and_history_says_it(studies: Studies, database: Database) -> None:
    siting, worklist = Siting(database), Worklist(database)
    assert not siting.is_any()
    assert siting.decide_again(by_sender, now=at(500)) == MANY // 2
    assert siting.is_any()
    assert worklist.by_site() == {"north": MANY // 2, "": MANY // 2}
    assert ruled(studies, 1) == ["kept: not scored", "kept: not scored; site north"]
    assert ruled(studies, 2) == ["kept: not scored"]
    assert siting.decide_again(by_sender, now=at(501)) == 0, "nothing changes twice"
    assert len(ruled(studies, 1)) == 2


def test_a_study_whose_site_is_not_for_these_rules_to_say_keeps_it(studies: Studies, database: Database) -> None:
    siting = Siting(database)
    siting.decide_again(by_sender, now=at(500))
    assert siting.decide_again(lambda _: None, now=at(501)) == 0
    assert siting.decide_again(lambda _: "", now=at(502)) == MANY // 2
    assert not siting.is_any()


def test_what_is_done_keeps_its_site(studies: Studies, database: Database) -> None:
    place = ranking(1, study_uid(1))
    Actions(database).act(study_uid(1).value, ActionKind.DONE, "ann", ranking_policy=lambda _: place, now=at(400))
    assert Siting(database).decide_again(by_sender, now=at(500)) == MANY // 2 - 1
    entry = Worklist(database).entry(study_uid(1).value)
    assert entry is not None
    assert entry.site == ""
