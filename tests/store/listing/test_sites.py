"""Lists of sites: parts of the one list, in its order, and what somebody sees who sees some sites alone."""

from __future__ import annotations

import pytest

from tests.store.making import PATIENT, Studies, at, instance, make_ready, ranking, study_uid
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables.database import Database
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ActionKind
from triaged.study.records import ReceivedHeader, WorklistEntry
from triaged.study.treatment import Treatment

NORTH, SOUTH, NONE = frozenset({"north"}), frozenset({"south"}), frozenset({""})
AT = {1: "north", 2: "south", 3: "north", 4: "", 5: "north", 6: "south"}


@pytest.fixture
def studies(database: Database) -> Studies:
    """Six studies that come one after the other, of two sites and of none."""
    found = Studies(database)
    for number, site in AT.items():
        what = instance(number, 1)
        uids = (what.study_uid, what.series_uid, what.sop_instance_uid)
        header = ReceivedHeader(*uids, RequestPriority.ROUTINE, PATIENT, what.image, made_by_us=False)
        found.admit(
            what,
            header,
            None,
            ranking=ranking(number, what.study_uid),
            now=at(number),
            treat=lambda _, site=site: Treatment(site=site),  # type: ignore[misc]
        )
    return found


@pytest.fixture
def worklist(studies: Studies, database: Database) -> Worklist:
    return Worklist(database)


def shown(entries: list[WorklistEntry]) -> list[tuple[int, int, int]]:
    """Return number, position and place in the site's list of each study."""
    return [(int(each.study_instance_uid.rpartition(".")[2]), each.position, each.site_place) for each in entries]


def test_a_study_has_its_site_on_the_list(worklist: Worklist) -> None:
    assert [entry.site for entry in worklist.entries()] == list(AT.values())


def test_the_list_of_a_site_has_the_order_of_the_one_list_and_places_of_its_own(worklist: Worklist) -> None:
    assert shown(worklist.entries(part=Part(sites=NORTH))) == [(1, 1, 1), (3, 3, 2), (5, 5, 3)]
    assert shown(worklist.entries(part=Part(sites=NONE))) == [(4, 4, 1)]
    assert shown(worklist.entries(2, 1, Part(sites=NORTH | NONE))) == [(3, 3, 2), (4, 4, 3)]
    assert [worklist.total(Part(sites=each)) for each in (NORTH, SOUTH, NONE, frozenset({"west"}))] == [3, 2, 1, 0]


def test_places_are_those_of_the_order_whatever_order_is_shown(worklist: Worklist) -> None:
    assert shown(worklist.entries(part=Part(sites=SOUTH), order=ListOrder.LATEST)) == [(6, 6, 2), (2, 2, 1)]


def test_what_is_done_has_no_place(worklist: Worklist, database: Database) -> None:
    Actions(database).act(
        study_uid(1).value, ActionKind.DONE, "ann", ranking_policy=lambda _: ranking(1, study_uid(1)), now=at(9)
    )
    assert shown(worklist.entries(part=Part(Shown.ALL, sites=NORTH))) == [(1, 0, 0), (3, 2, 1), (5, 4, 2)]
    assert shown(worklist.entries(part=Part(Shown.DONE, sites=NORTH))) == [(1, 0, 0)]


def test_one_study_knows_its_place_in_the_list_of_its_site(worklist: Worklist) -> None:
    for number, place in ((1, (1, 1)), (6, (6, 2)), (4, (4, 0))):
        entry = worklist.entry(study_uid(number).value)
        assert entry is not None
        assert (entry.position, entry.site_place) == place


def test_studies_are_counted_by_site(worklist: Worklist) -> None:
    assert worklist.by_site() == {"north": 3, "south": 2, "": 1}


def test_who_sees_some_sites_sees_a_list_as_if_there_were_no_other_studies(worklist: Worklist) -> None:
    seen = worklist.within(SOUTH)
    assert shown(seen.entries()) == [(2, 1, 0), (6, 2, 0)]
    assert seen.order() == [study_uid(2).value, study_uid(6).value]
    assert (seen.total(), sum(seen.by_class().values()), seen.by_site()) == (2, 2, {"south": 2})
    assert shown(seen.entries(part=Part(Shown.ALL))) == [(2, 1, 0), (6, 2, 0)]
    assert shown(seen.entries(part=Part(sites=SOUTH | NORTH))) == [(2, 1, 1), (6, 2, 2)]
    assert seen.entries(part=Part(sites=NORTH)) == []
    assert seen.entry(study_uid(1).value) is None
    assert shown([entry for entry in [seen.entry(study_uid(6).value)] if entry]) == [(6, 2, 2)]
    assert seen.entries_at({study_uid(1).value: 1}) == []


def test_who_sees_some_sites_steps_over_all_others(worklist: Worklist) -> None:
    seen = worklist.within(SOUTH)
    neighbours = seen.neighbours(study_uid(2).value)
    assert neighbours is not None
    assert (neighbours.before, neighbours.after) == (None, study_uid(6).value)
    assert seen.neighbours(study_uid(3).value) is None
    assert seen.first_free("ann", "") == study_uid(2).value
    assert seen.neighbours(study_uid(6).value, order=ListOrder.LATEST) is not None


def test_who_sees_some_sites_does_not_know_the_studies_of_others(worklist: Worklist) -> None:
    seen = worklist.within(SOUTH)
    assert [seen.knows(study_uid(number).value) for number in (1, 2, 4, 99)] == [False, True, False, False]
    assert worklist.knows(study_uid(1).value)
    assert worklist.within(frozenset()) is worklist


def test_failures_of_other_sites_are_not_told(worklist: Worklist, studies: Studies) -> None:
    make_ready(studies, 7, minutes=7)
    assert worklist.within(SOUTH).ended() == []
    assert worklist.within(SOUTH).below() == 0


def test_the_token_of_the_list_tells_no_numbers(worklist: Worklist, studies: Studies) -> None:
    before = worklist.version()
    assert len(before) == 32
    assert "-" not in before
    make_ready(studies, 7, minutes=7)
    assert worklist.version() != before
