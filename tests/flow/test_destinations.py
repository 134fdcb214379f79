"""What goes to a destination follows what it accepts, and what it refuses is said and kept.

The SOP classes and transfer syntaxes of the PACS are written out in `tests/flow/pacs.py`, from PS3.4 and PS3.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import House
from tests.flow.pacs import EVERY_CLASS, IMPLICIT, SC, SC_MULTIFRAME, SEG, SR, TEXT, Pacs, listening
from triaged.dimse.scu import DimseSender
from triaged.steps.ports import Outgoing, Refused, SendOutcome, Sent, Unreachable
from triaged.store.tables.database import open_database
from triaged.study.kinds import ObjectKind
from triaged.study.records import DeliveryState


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    database = open_database(sqlite_url)
    yield House(database, tmp_path)
    database.close()


def _deliver_a_study(house: House, pacs: Pacs, **courier: tuple[str, ...]) -> None:
    """Ask first, as the courier does when it starts, then score a study and deliver it."""
    wire = DimseSender("TRIAGED", timeout_s=20)
    sending = house.courier(wire, port=pacs.port, **courier)
    assert house.deliver(sending) == 0
    house.triage(1, 0.3)
    house.deliver(sending)


def _states(house: House) -> dict[ObjectKind, set[DeliveryState]]:
    found: dict[ObjectKind, set[DeliveryState]] = {}
    for each in house.outbox.deliveries("1.2.1"):
        found.setdefault(each.kind, set()).add(each.state)
    return found


def test_a_pacs_without_segmentations_gets_the_rest_and_the_refusal_is_kept_in_words(house: House) -> None:
    with listening({uid: ones for uid, ones in EVERY_CLASS.items() if uid != SEG}) as pacs:
        _deliver_a_study(house, pacs)
    assert SEG not in pacs.classes()
    assert {SC_MULTIFRAME, SR} <= set(pacs.classes())
    (refused,) = [each for each in house.outbox.deliveries("1.2.1") if each.state is not DeliveryState.SENT]
    assert (refused.kind, refused.state) == (ObjectKind.SEG, DeliveryState.REFUSED)
    assert refused.error == (
        "Segmentation Storage is not accepted: pacs declined it when asked on 2026-03-01 08:00 UTC"
    )


def test_a_pacs_that_takes_them_gets_all_pictures_as_one_object(house: House) -> None:
    with listening(EVERY_CLASS) as pacs:
        _deliver_a_study(house, pacs)
    assert sorted(pacs.classes()) == sorted([SC_MULTIFRAME, SEG, SR, TEXT])
    (pictures,) = [dataset for dataset, _ in pacs.took if dataset.SOPClassUID == SC_MULTIFRAME]
    assert int(pictures.NumberOfFrames) > 5


def test_a_pacs_that_does_not_gets_them_one_by_one(house: House) -> None:
    with listening({uid: ones for uid, ones in EVERY_CLASS.items() if uid != SC_MULTIFRAME}) as pacs:
        _deliver_a_study(house, pacs)
    assert pacs.classes().count(SC) > 5
    assert SC_MULTIFRAME not in pacs.classes()
    assert DeliveryState.REFUSED not in set().union(*_states(house).values())


def test_a_pacs_that_was_never_asked_gets_the_pictures_one_by_one(house: House) -> None:
    house.triage(1, 0.3)
    with listening(EVERY_CLASS) as pacs:
        house.deliver(house.courier(DimseSender("TRIAGED", timeout_s=20), port=pacs.port))
    assert SC in pacs.classes()
    assert SC_MULTIFRAME not in pacs.classes()


def test_objects_go_in_the_transfer_syntax_that_the_site_set(house: House) -> None:
    with listening(EVERY_CLASS) as pacs:
        _deliver_a_study(house, pacs, transfer_syntaxes=(IMPLICIT,))
    assert {syntax for _, syntax in pacs.took} == {IMPLICIT}
    assert set(pacs.classes()) == {SC_MULTIFRAME, SEG, SR, TEXT}


def test_what_was_refused_goes_when_the_pacs_has_learnt_to_take_it(house: House) -> None:
    house.pacs.refuses = {SEG}
    house.deliver()
    house.triage(1, 0.3)
    house.deliver()
    assert _states(house)[ObjectKind.SEG] == {DeliveryState.REFUSED}
    house.pacs.refuses = set()
    house.deliver()
    assert _states(house)[ObjectKind.SEG] == {DeliveryState.REFUSED}
    house.later(3600)
    house.deliver()
    assert _states(house)[ObjectKind.SEG] == {DeliveryState.SENT}


def test_what_a_person_asks_for_again_is_not_refused_by_an_old_answer(house: House) -> None:
    house.pacs.refuses = {SEG}
    house.deliver()
    house.triage(1, 0.3)
    house.deliver()
    house.pacs.refuses = set()
    house.later(120)
    house.outbox.resend(now=house.now)
    house.deliver()
    assert _states(house)[ObjectKind.SEG] == {DeliveryState.SENT}


def test_pictures_that_went_one_by_one_do_not_go_again_as_one_object(house: House) -> None:
    def answer(outgoing: Outgoing) -> SendOutcome:
        return Refused("not accepted", final=True) if outgoing.sop_class_uid == SC_MULTIFRAME else Sent()

    house.pacs.answer = answer
    house.deliver()
    house.triage(1, 0.3)
    house.deliver()
    assert _states(house)[ObjectKind.SC_MULTIFRAME] == {DeliveryState.REFUSED}
    assert _states(house)[ObjectKind.SC] == {DeliveryState.SENT}
    took = list(house.pacs.took)
    house.pacs.answer = lambda _: Sent()
    for _ in range(3):
        house.pacs.refuses = {SC_MULTIFRAME} ^ house.pacs.refuses
        house.later(3600)
        house.deliver()
    assert house.pacs.took == took


def test_a_pacs_is_asked_once_an_hour_and_soon_after_a_refusal(house: House) -> None:
    house.deliver()
    house.triage(1, 0.3)
    house.deliver()
    assert house.pacs.asked == 1
    house.later(3598)
    house.deliver()
    assert house.pacs.asked == 2
    house.pacs.answer = lambda _: Refused("0xC000", final=True)
    house.triage(2, 0.3)
    house.deliver()
    house.later(5)
    house.deliver()
    assert house.pacs.asked == 3


def test_a_pacs_that_is_away_is_asked_again_with_growing_pauses_and_what_it_said_before_holds(house: House) -> None:
    house.pacs.refuses = {SEG}
    house.deliver()
    house.pacs.away, house.pacs.answer = True, lambda _: Unreachable("connection refused")
    house.later(3600)
    for _ in range(10):
        house.deliver()
    assert house.pacs.asked == 2
    house.later(5)
    house.deliver()
    house.later(5)
    house.deliver()
    assert house.pacs.asked == 3
    answer = house.peers.known("pacs")
    assert answer is not None
    assert answer.refuses(SEG)


def _waits_until_asked(house: House, number: int) -> list[int]:
    """Return how many seconds pass before each of the next questions, with a courier that looks every second."""
    waits = []
    for _ in range(number):
        asked, seconds = house.pacs.asked, 0
        while house.pacs.asked == asked:
            house.later(1)
            seconds += 1
            house.deliver()
        waits.append(seconds)
    return waits


def test_each_question_without_an_answer_doubles_the_wait_for_the_next_and_an_answer_begins_anew(house: House) -> None:
    house.pacs.away = True
    house.deliver()
    assert _waits_until_asked(house, 6) == [5, 10, 20, 40, 60, 60]
    house.pacs.away = False
    assert _waits_until_asked(house, 1) == [60]
    house.pacs.away = True
    house.later(3590)
    assert _waits_until_asked(house, 3) == [10, 5, 10]
