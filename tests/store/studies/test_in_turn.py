"""Whose study a worker takes where sites share the workers; with `--postgresql` on that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.store.making import PATIENT as SOMEBODY
from tests.store.making import Studies, at, commit, image, instance, ranking, study_uid
from triaged.store.listing.worklist import Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import Lane, RequestPriority
from triaged.study.records import Claim, ReceivedHeader
from triaged.study.treatment import Treatment
from triaged.triage.shares import FairShares

EQUAL = FairShares({"a": 1, "b": 1})


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def arrives(
    studies: Studies,
    number: int,
    site: str,
    *,
    lane: Lane = Lane.ORDERED,
    priority: RequestPriority = RequestPriority.ROUTINE,
    ruled: RequestPriority = RequestPriority.UNKNOWN,
) -> None:
    """Let a study of a site be complete, `number` minutes after noon."""
    what = instance(number, 1)
    header = ReceivedHeader(
        what.study_uid, what.series_uid, what.sop_instance_uid, priority, SOMEBODY, image(), made_by_us=False
    )
    where = ranking(number, what.study_uid, lane=lane)
    treatment = Treatment(site=site, urgency=ruled)
    studies.admit(what, header, None, ranking=where, now=at(number), treat=lambda _: treatment)
    studies.complete(what.study_uid, 1, ranking=where, cause="whole", now=at(number))


def taken(
    studies: Studies, shares: FairShares | None = EQUAL, *, of: Sequence[Stratum] = tuple(Stratum)
) -> Claim | None:
    return studies.claim_next("worker-1", lease_s=60, now=at(10_000), of=of, turns=shares)


def numbers(studies: Studies, shares: FairShares | None = EQUAL, most: int = 1000) -> list[int]:
    """Return the studies that a worker takes, by their numbers."""
    found: list[int] = []
    while len(found) < most and (claim := taken(studies, shares)) is not None:
        found.append(int(claim.study_uid.value.rpartition(".")[2]))
    return found


def test_the_second_site_does_not_wait_for_the_first_one_s_flood(studies: Studies) -> None:
    for number in range(1, 8):
        arrives(studies, number, "a")
    for number in (20, 21, 22):
        arrives(studies, number, "b")
    assert numbers(studies) == [1, 20, 2, 21, 3, 22, 4, 5, 6, 7]


def test_how_far_a_site_was_served_is_known_to_every_worker_and_after_a_restart(studies: Studies) -> None:
    shares = {"a": 3, "b": 1}
    for number in range(1, 13):
        arrives(studies, number, "a" if number < 10 else "b")
    first = [*numbers(studies, FairShares(shares), 5), *numbers(studies, FairShares(shares), 3)]
    assert sorted(first) == [1, 2, 3, 4, 5, 6, 10, 11]


def test_studies_of_no_site_take_turns_as_a_site_does(studies: Studies) -> None:
    for number, site in enumerate(("a", "a", "a", "", "", "")):
        arrives(studies, number, site)
    assert numbers(studies) == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("site", ["", "a"])
def test_where_one_site_alone_waits_the_order_is_the_one_of_the_list(studies: Studies, site: str) -> None:
    for number in (5, 3, 9, 1, 7):
        arrives(studies, number, site)
    arrives(studies, 100, site, lane=Lane.EMERGENCY)
    assert numbers(studies) == [100, 1, 3, 5, 7, 9]


def test_without_turns_the_order_is_the_one_of_the_list_and_nothing_is_kept(
    studies: Studies, database: Database
) -> None:
    for number in range(1, 9):
        arrives(studies, number, "b" if number > 6 else "a")
    assert numbers(studies, None) == list(range(1, 9))
    with database.read() as connection:
        assert connection.execute(select(schema.site_service)).all() == []


def test_an_urgent_request_of_any_site_is_scored_before_the_others(studies: Studies) -> None:
    for number in range(1, 5):
        arrives(studies, number, "a")
    arrives(studies, 10, "b", priority=RequestPriority.HIGH)
    arrives(studies, 11, "c", ruled=RequestPriority.HIGH)
    arrives(studies, 12, "d", lane=Lane.EMERGENCY)
    arrives(studies, 13, "e", lane=Lane.BELOW)
    assert numbers(studies) == [12, 10, 11, 1, 2, 3, 4, 13]


def test_a_study_that_is_put_off_keeps_its_site_s_turn_for_the_next_one(studies: Studies) -> None:
    for number in (1, 2, 3):
        arrives(studies, number, "a")
    claim = taken(studies)
    assert claim is not None
    studies.retry_later(claim, not_before=at(20_000), why="database away", now=at(10_000))
    assert numbers(studies) == [2, 3]


def test_a_worker_for_one_kind_of_study_takes_turns_among_those(studies: Studies) -> None:
    for number, site in enumerate("aab"):
        arrives(studies, number, site)
    assert taken(studies, of=[Stratum.RADIOGRAPH]) is None
    assert taken(studies, of=[Stratum.VOLUME]) is not None


def test_a_claim_that_is_not_committed_served_nobody(
    studies: Studies, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, site in enumerate("aabb"):
        arrives(studies, number, site)

    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr("triaged.store.studies.claims.record_event", dies)
        with pytest.raises(SystemExit):
            taken(studies)
    with database.read() as connection:
        assert connection.execute(select(schema.site_service)).all() == []
    assert numbers(studies) == [0, 2, 1, 3]


def test_a_site_that_is_no_longer_set_up_is_served_all_the_same(studies: Studies) -> None:
    for number, site in enumerate(("gone", "a", "gone", "a")):
        arrives(studies, number, site)
    assert sorted(numbers(studies)) == [0, 1, 2, 3]


def test_turns_do_not_touch_the_order_of_reading(studies: Studies, database: Database) -> None:
    """What is scored first is placed by its findings alone; so is what waits, by its arrival."""
    for number in range(1, 7):
        arrives(studies, number, "a" if number < 5 else "b")

    def listed() -> list[str]:
        return [each.study_instance_uid for each in Worklist(database).entries()]

    assert listed() == [study_uid(number).value for number in range(1, 7)]
    for _ in range(3):
        claim = taken(studies)
        assert claim is not None
        number = int(claim.study_uid.value.rpartition(".")[2])
        commit(studies, claim, where=ranking(number, claim.study_uid), minutes=10_000)
    assert listed() == [study_uid(number).value for number in range(1, 7)]
    assert studies.counts()[State.TRIAGED] == 3


def test_a_study_that_somebody_has_locked_is_skipped_and_its_site_keeps_its_turn(
    studies: Studies, database: Database
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite locks the whole database")
    for number, site in enumerate("aab"):
        arrives(studies, number, site)
    held = select(schema.study.c.id).where(schema.study.c.study_uid == study_uid(0).value).with_for_update()
    with database.begin() as connection:
        connection.execute(held)
        assert numbers(studies) == [1, 2]
    assert numbers(studies) == [0]


def test_studies_that_wait_for_days_move_virtual_time_by_studies_alone(studies: Studies, database: Database) -> None:
    arrives(studies, 1, "a")
    arrives(studies, 2, "b")
    now = at(0) + timedelta(days=400)
    assert studies.claim_next("w", lease_s=60, now=now, turns=EQUAL) is not None
    with database.read() as connection:
        rows = connection.execute(select(schema.site_service)).all()
    assert [(row.urgency, row.site, row.started, row.until) for row in rows] == [(2, "a", 0, 1_000_000)]
