"""What the order rests on, in the store: adopted once, never rewritten, and the facts that the guard judges by."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from tests.store.studies.test_outcomes import decline
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.lifecycle import State
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

BY_FINDINGS = ranking_policy(TriageOptions(scheme=Scheme.COMBINED))
BY_ARRIVAL = ranking_policy(TriageOptions(scheme=Scheme.COMBINED, discipline=Discipline.FIFO))
LATE = "the oldest study without a result has waited 16 minutes (at most 15)"


@pytest.fixture
def policies(database: Database) -> Policies:
    return Policies(database)


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def scored(studies: Studies, number: int, *, severity: float = 0.9, minutes: float = 0.0) -> None:
    make_ready(studies, number, minutes=minutes)
    commit(studies, claimed(studies, minutes=minutes), severity=severity, minutes=minutes)


def test_of_several_who_adopt_the_same_settings_only_the_first_changes_anything(policies: Policies) -> None:
    assert policies.in_force() is None
    assert policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(0)) == 0
    assert policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(1)) is None
    assert policies.adopt("B", BY_FINDINGS, cause="settings changed", now=at(2)) == 0
    assert [(each.settings, each.at) for each in policies.changes()] == [("A", at(0)), ("B", at(2))]


def test_the_places_of_the_open_list_and_what_it_rests_on_change_together(
    policies: Policies, studies: Studies, database: Database
) -> None:
    scored(studies, 1, severity=0.0)
    scored(studies, 2, minutes=30.0)
    policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(40))
    assert Worklist(database).order() == [study_uid(2).value, study_uid(1).value]
    assert policies.adopt("B", BY_ARRIVAL, cause="settings changed", now=at(41)) == 2
    assert Worklist(database).order() == [study_uid(1).value, study_uid(2).value]
    told = studies.moves(study_uid(1).value)[-1]
    assert (told.before, told.after, told.cause) == (2, 1, "settings changed")


def test_trust_is_lost_and_regained_once_and_outlives_other_settings(policies: Policies) -> None:
    policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(0))
    assert policies.trust("A", [], BY_FINDINGS, cause="no news", now=at(1)) is None
    assert policies.trust("A", [LATE], BY_FINDINGS, cause="late", now=at(2)) == 0
    assert policies.trust("A", [LATE], BY_FINDINGS, cause="late", now=at(3)) is None
    policies.adopt("B", BY_FINDINGS, cause="settings changed", now=at(4))
    found = policies.in_force()
    assert found is not None
    assert (found.settings, found.trusted, found.reasons) == ("B", False, (LATE,))
    assert policies.trust("B", [LATE, "another"], BY_FINDINGS, cause="late", now=at(5)) is None
    assert policies.trust("B", [], BY_FINDINGS, cause="better", now=at(6)) == 0
    assert [(each.trusted, len(each.reasons)) for each in policies.changes()] == [
        (True, 0),
        (False, 1),
        (False, 1),
        (False, 2),
        (True, 0),
    ]


def test_the_first_instance_of_a_study_stands_by_the_trust_of_the_moment(policies: Policies, studies: Studies) -> None:
    trusted = []
    policies.trust("A", [LATE], BY_FINDINGS, cause="late", now=at(0))

    def spying(ranking_input: object) -> object:
        trusted.append(ranking_input.trusted)  # type: ignore[attr-defined]
        return ranking(0, study_uid(1))

    admit(studies, instance(1, 1), where=spying)  # type: ignore[arg-type]
    admit(studies, instance(1, 2), where=spying)  # type: ignore[arg-type]
    assert trusted == [False, False]


def test_what_the_order_rested_on_can_not_be_rewritten(policies: Policies, database: Database) -> None:
    policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(0))
    for statement in ("UPDATE policy SET settings = 'B'", "DELETE FROM policy"):
        with pytest.raises(DBAPIError, match="history is never changed"), database.begin() as connection:
            connection.execute(text(statement))


def test_the_last_results_that_count_are_those_in_force_of_studies_that_were_read(
    policies: Policies, studies: Studies
) -> None:
    scored(studies, 1, severity=0.1)
    make_ready(studies, 2)
    decline(studies, claimed(studies), OutOfScope(Reason(ReasonCode.NO_CT, "expected CT")))
    make_ready(studies, 3)
    decline(studies, claimed(studies), Failed(Reason(ReasonCode.NO_LUNGS, "expected lungs")))
    scored(studies, 4, severity=0.4)
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(3))
    commit(studies, claimed(studies, minutes=4), severity=0.2, minutes=4)
    found = policies.last_assessments(10)
    assert [type(each) for each in found] == [Failed, Assessed, Assessed]
    assert [each.finding.urgency for each in found if isinstance(each, Assessed)] == [0.4, 0.2]
    assert policies.last_assessments(1) == found[-1:]


def test_only_a_complete_study_without_any_result_is_late(policies: Policies, studies: Studies) -> None:
    admit(studies, instance(1, 1), minutes=0)
    assert policies.lag(now=at(60)) == timedelta(0)
    make_ready(studies, 2, minutes=10)
    make_ready(studies, 3, minutes=20)
    assert policies.lag(now=at(60)) == timedelta(minutes=50)
    claim = claimed(studies, minutes=21)
    assert policies.lag(now=at(60)) == timedelta(minutes=50)
    commit(studies, claim, minutes=22)
    assert policies.lag(now=at(60)) == timedelta(minutes=40)
    studies.requeue(claim.study_uid.value, ranking=ranking(0, claim.study_uid), now=at(30))
    assert studies.counts()[State.READY] == 2
    assert policies.lag(now=at(60)) == timedelta(minutes=40)
