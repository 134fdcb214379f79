"""What second engines would make of the order: against studies whose findings, classes and waits the test set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store.making import Studies, admit, at, claimed, instance, next_set, ranking, study_uid
from triaged.steps.ranking_policy import ranking_policy
from triaged.steps.shadowing import By, Group, Shadow, Shadowing, ShadowReport, seen_by_both
from triaged.store.listing.actions import Actions
from triaged.store.listing.assignments import Assignments
from triaged.store.studies.outcomes import Found, Made
from triaged.store.studies.paired import Paired, PairedStudy
from triaged.store.studies.seconds import Seconds
from triaged.store.tables.database import Database
from triaged.study.agreement import Agreement
from triaged.study.assessment import Assessed, Assessment, Failed, Reason, ReasonCode
from triaged.study.finding import Finding, Grade
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.read_state import ActionKind
from triaged.study.second import SecondFailed, SecondRead
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.triage.disciplines import ORIGIN
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

NOW = at(600)
OPTIONS = TriageOptions()
CANNOT = SecondFailed("other 1.0", Reason(ReasonCode.GAVE_UP, "gave up"))
A, B, C, D, N = (TriageClass(each) for each in "ABCDN")


def finding(share: float, grade: int | None = None) -> Finding:
    """Return a finding of this affected share."""
    level = sum(share >= cut for cut in (0.01, 0.25, 0.5, 0.75)) if grade is None else grade
    return Finding(share, None, (), Grade(level, "CT"), "networks")


class House:
    """Studies that are scored by a first engine and read by a second one."""

    def __init__(self, database: Database) -> None:
        self.database, self.studies, self.seconds = database, Studies(database), Seconds(database)

    def scored(
        self,
        number: int,
        first: Assessment,
        second: float | SecondFailed | None,
        *,
        minutes: float,
        device: str = "",
        kernel: str | None = None,
        priority: RequestPriority = RequestPriority.ROUTINE,
    ) -> None:
        """Let a study be complete at a time, scored a minute later, and read by the second engine; None: not yet."""
        uid = study_uid(number)
        scout, slice_ = instance(number, 1, series=2), instance(number, 2)
        read = replace(slice_, image=replace(slice_.image, device=device, convolution_kernel=kernel))
        for what in (scout, read):
            admit(self.studies, what, minutes=minutes, priority=priority)
        place = ranking(minutes, uid)
        self.studies.complete(uid, 2, ranking=place, cause="whole", now=at(minutes))
        claim = claimed(self.studies, minutes=minutes)
        chosen = slice_.series_uid if isinstance(first, Assessed) else None
        self.studies.commit(
            claim,
            Found(first, place, chosen, (), "ct-test 1", "severity", next_set(self.studies, claim, "a")),
            Made((), {}, seconds=("other",)),
            now=at(minutes + 1),
        )
        if second is None or not isinstance(first, Assessed):
            return
        second_claim = self.seconds.claim_next("adviser", ("other",), lease_s=60, now=at(minutes + 2))
        assert second_claim is not None
        agreement = Agreement(0.0, "right lung", None)
        outcome = second if isinstance(second, SecondFailed) else SecondRead("other 1.0", finding(second), agreement)
        self.seconds.commit(second_claim, outcome, destinations={}, now=at(minutes + 3))

    def act(self, number: int, kind: ActionKind, *, minutes: float) -> None:
        uid = study_uid(number)
        Actions(self.database).act(uid.value, kind, "ann", ranking_policy=ranking_policy(OPTIONS), now=at(minutes))

    def report(self, days: int = 1, options: TriageOptions = OPTIONS) -> ShadowReport:
        return Shadowing(Paired(self.database), options).report(days, now=NOW)

    def shadow(self) -> Shadow:
        (only,) = self.report().shadows
        return only


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def _group(shadow: Shadow, by: By, name: str = "") -> Group:
    (found,) = (group for group in shadow.groups if (group.by, group.name) == (by, name))
    return found


def test_differences_are_second_less_first_in_percentage_points(house: House) -> None:
    for number, (first, second) in enumerate([(0.10, 0.12), (0.20, 0.21), (0.30, 0.36)], 1):
        house.scored(number, Assessed(finding(first)), second, minutes=number)
    shadow = house.shadow()
    assert (shadow.first, shadow.second) == ("ct-test 1", "other 1.0")
    whole = _group(shadow, By.ALL)
    assert whole.difference is not None
    assert whole.n == 3
    assert whole.difference.bias.value == pytest.approx(3.0)  # 2, 1 and 6 points
    assert whole.difference.high.value == pytest.approx(3 + 1.96 * 7**0.5, abs=1e-3)
    assert sorted(shadow.points)[0] == pytest.approx((11, 2))


def test_classes_and_grades_are_compared_by_the_policy_itself(house: House) -> None:
    for number, (first, second) in enumerate([(0.1, 0.3), (0.3, 0.3), (0.6, 0.4), (0.0, 0.0)], 1):
        house.scored(number, Assessed(finding(first)), second, minutes=number)
    shadow = house.shadow()
    whole = _group(shadow, By.ALL)
    assert (whole.other_class, whole.raised) == (2, 1)
    assert shadow.classes == {(D, C): 1, (C, C): 1, (B, C): 1, (N, N): 1}
    assert whole.grade_kappa is not None
    assert whole.class_kappa is not None
    assert _group(shadow, By.CLASS, "D").raised == 1
    assert _group(shadow, By.CLASS, "N").class_kappa is None


def test_groups_are_scanners_and_kernels_of_the_series_that_was_read(house: House) -> None:
    house.scored(1, Assessed(finding(0.1)), 0.1, minutes=1, device="Maker, M, CT1", kernel="B70f")
    house.scored(2, Assessed(finding(0.1)), CANNOT, minutes=2, device="Maker, M, CT1", kernel="BONE")
    house.scored(3, Failed(Reason(ReasonCode.CORRUPT, "broken")), None, minutes=3)
    shadow = house.shadow()
    assert [(group.by, group.name, group.n, group.second_failed, group.first_failed) for group in shadow.groups] == [
        (By.ALL, "", 1, 1, 1),
        (By.CLASS, "D", 1, 1, None),
        (By.SCANNER, "", 0, 0, 1),
        (By.SCANNER, "Maker, M, CT1", 1, 1, 0),
        (By.KERNEL, "B70f", 1, 0, None),
        (By.KERNEL, "BONE", 0, 1, None),
    ]
    assert all(group.difference is None for group in shadow.groups)


def test_pairs_count_that_waited_together_and_would_be_in_the_other_order(house: House) -> None:
    """1 and 2 wait together and turn round; 3 comes when 1 was opened and 2 is done, and waits alone."""
    house.scored(1, Assessed(finding(0.1)), 0.0, minutes=0)
    house.scored(2, Assessed(finding(0.0)), 0.6, minutes=10)
    Assignments(house.database).opened(study_uid(1).value, "ben", now=at(40))
    house.act(2, ActionKind.DONE, minutes=50)
    house.scored(3, Assessed(finding(0.8)), 0.0, minutes=60)
    flips = house.shadow().flips
    assert (flips.pairs, flips.flipped) == (1, 1)


def test_what_still_waits_is_in_pairs_until_now(house: House) -> None:
    house.scored(1, Assessed(finding(0.1)), 0.1, minutes=0)
    house.scored(2, Assessed(finding(0.8)), 0.0, minutes=300)
    house.act(1, ActionKind.READING, minutes=310)
    assert house.shadow().flips.pairs == 1
    report = house.report(options=TriageOptions(discipline=Discipline.FIFO))
    assert report.shadows[0].flips.flipped == 0, "arrivals alone decide there"


def test_an_emergency_stays_first_and_has_the_class_of_its_images(house: House) -> None:
    house.scored(1, Assessed(finding(0.6)), 0.0, minutes=0, priority=RequestPriority.STAT)
    house.scored(2, Assessed(finding(0.1)), 0.8, minutes=1)
    shadow = house.shadow()
    assert (shadow.flips.pairs, shadow.flips.flipped) == (1, 0)
    assert shadow.classes == {(B, N): 1, (D, A): 1}


def test_only_current_results_of_the_period_count_and_what_waits_is_told(house: House) -> None:
    house.scored(1, Assessed(finding(0.1)), 0.2, minutes=600 - 1500)
    house.scored(2, Assessed(finding(0.1)), 0.2, minutes=1)
    house.scored(3, Assessed(finding(0.1)), None, minutes=2)
    assert [_group(house.report(days).shadows[0], By.ALL).n for days in (1, 2)] == [1, 2]
    (unread,) = house.report().unread
    assert (unread.first_model, unread.name, unread.waiting, unread.dropped) == ("ct-test 1", "other", 1, 0)
    house.seconds.drop_unnamed(())
    assert [(each.waiting, each.dropped) for each in house.report().unread] == [(0, 1)]
    house.studies.requeue(study_uid(2).value, ranking=ranking(5, study_uid(2)), now=at(5))
    claim = claimed(house.studies, minutes=6)
    read_again = Found(
        Assessed(finding(0.1)),
        ranking(5, study_uid(2)),
        claim.series[0].series_uid,
        (),
        "ct-test 1",
        "severity",
        next_set(house.studies, claim, "b"),
    )
    house.studies.commit(claim, read_again, Made((), {}), now=at(7))
    assert house.report().shadows == ()


def test_nothing_is_said_of_nothing(house: House) -> None:
    report = house.report(7)
    assert (report.shadows, report.unread, report.is_cut, report.by_classes) == ((), (), False, False)
    assert house.report(7, TriageOptions(discipline=Discipline.ACCUMULATING)).by_classes


@pytest.mark.parametrize("discipline", list(Discipline))
@pytest.mark.parametrize("treatment", [BY_DEFAULT, Treatment("r", scheme=Scheme.COMBINED)])
def test_the_first_key_is_the_one_that_the_list_has(discipline: Discipline, treatment: Treatment) -> None:
    """A second table: the place that a study gets, without a reader and without an earlier study."""
    options = TriageOptions(discipline=discipline)
    ready_s = (at(3) - ORIGIN) / timedelta(seconds=1)
    found = finding(0.4)
    known = "", "", RequestPriority.HIGH, treatment, ready_s, 0.0, None
    study = PairedStudy(study_uid(1), "a 1", "b 1", found, found, *known)
    both = seen_by_both(study, finding(0.4), ORIGIN, options)
    listed = place(
        study_uid(1), at(3), Assessed(study.first), RequestPriority.HIGH, options, treatment=treatment, now=at(3)
    )
    assert both.keys == (listed.sort_key, listed.sort_key)
    assert both.classes == (listed.triage_class, listed.triage_class)
