"""What the order rests on, in the store: adopted once, never rewritten, and the facts that the guard judges by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.store.making import Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from tests.store.studies.test_outcomes import decline
from tests.xray_findings import xray_finding
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.lifecycle import State
from triaged.study.modalities import Stratum
from triaged.study.ranking import TriageClass
from triaged.study.records import Instance
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

CR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
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
    ended = policies.last_ended(10)
    found = [each.assessment for each in ended]
    assert [type(each) for each in found] == [Failed, Assessed, Assessed]
    assert [each.finding.urgency for each in found if isinstance(each, Assessed)] == [0.4, 0.2]
    assert policies.last_ended(1) == ended[-1:]


def test_each_result_comes_with_who_sent_the_study_last_and_what_made_it(policies: Policies, studies: Studies) -> None:
    first = studies.open_association(receiver="r", peer="10.0.0.7", calling_ae_title="CT1", now=at(0))
    last = studies.open_association(receiver="r", peer="10.0.0.8", calling_ae_title="PACS\n", now=at(0))
    made = replace(instance(1, 1), image=replace(instance(1, 1).image, device="ACME Slicer 9 \x1b[31m"))
    admit(studies, made, association_id=first)
    admit(studies, instance(1, 2), association_id=last)
    studies.complete(study_uid(1), 2, ranking=ranking(0, study_uid(1)), cause="whole", now=at(1))
    commit(studies, claimed(studies, minutes=1), minutes=2)
    scored(studies, 2, minutes=3)
    ended = policies.last_ended(10)
    assert [each.sender for each in ended] == ["PACS? at 10.0.0.8", ""]
    assert [each.device for each in ended] == ["ACME Slicer 9 ?[31m", ""]


def _xray(study: int, number: int = 1, *, series: int = 1) -> Instance:
    sent = instance(study, number, series=series)
    return replace(sent, image=replace(sent.image, sop_class_uid=CR_IMAGE_STORAGE, modality="CR"))


def _ready(studies: Studies, *sent: Instance, minutes: float) -> None:
    for each in sent:
        admit(studies, each, minutes=minutes)
    uid = sent[0].study_uid
    studies.complete(uid, len(sent), ranking=ranking(minutes, uid), cause="whole", now=at(minutes))


def test_many_studies_of_one_modality_do_not_crowd_out_those_of_the_other(policies: Policies, studies: Studies) -> None:
    for number in range(1, 4):
        scored(studies, number, severity=0.1 * number, minutes=number)
    for number in range(4, 8):
        _ready(studies, _xray(number), minutes=number)
        decline(studies, claimed(studies, minutes=number), Failed(Reason(ReasonCode.NO_LUNGS, f"X-ray {number}")))
    ended = policies.last_ended(2)
    assert [each.stratum for each in ended] == [Stratum.VOLUME] * 2 + [Stratum.RADIOGRAPH] * 2
    assert [each.assessment for each in ended[2:]] == [
        Failed(Reason(ReasonCode.NO_LUNGS, f"X-ray {number}")) for number in (6, 7)
    ]


@pytest.mark.parametrize(
    ("chosen", "stratum"),
    [(1, Stratum.VOLUME), (2, Stratum.RADIOGRAPH), (None, Stratum.VOLUME)],
    ids=["the CT", "the X-ray", "none"],
)
def test_of_a_study_with_both_what_was_to_be_read_counts(
    policies: Policies, studies: Studies, chosen: int | None, stratum: Stratum
) -> None:
    _ready(studies, instance(1, 1, series=1), _xray(1, 2, series=2), minutes=0)
    claim = claimed(studies, minutes=0)
    series = next((each.series_uid for each in claim.series if each.series_uid.value.endswith(f".{chosen}")), None)
    assert (series is None) == (chosen is None)
    decline(studies, claim, Failed(Reason(ReasonCode.CORRUPT, "expected pixels")), chosen=series)
    (found,) = policies.last_ended(10)
    assert found.stratum is stratum


def test_where_only_x_rays_are_not_trusted_they_alone_lose_their_places(
    policies: Policies, studies: Studies, database: Database
) -> None:
    scored(studies, 1, severity=0.6, minutes=0)
    make_ready(studies, 2, minutes=10)
    commit(studies, claimed(studies, minutes=10), assessment=Assessed(xray_finding(estimated=0.9)), minutes=10)
    make_ready(studies, 3, minutes=20)
    policies.adopt("A", BY_FINDINGS, cause="settings changed", now=at(30))
    uids = [study_uid(number).value for number in (1, 2, 3)]
    by_findings, apart = [uids[1], uids[0], uids[2]], [uids[0], uids[1], uids[2]]
    assert Worklist(database).order() == by_findings
    why = {Stratum.RADIOGRAPH: ["19 of the last 60 X-rays could not be read"]}
    assert policies.trust("A", [], BY_FINDINGS, distrusted=why, cause="drift", now=at(31)) == 1
    assert policies.trust("A", [], BY_FINDINGS, distrusted=why, cause="drift", now=at(32)) is None
    assert Worklist(database).order() == apart
    classes = [each.triage_class for each in Worklist(database).entries()]
    assert classes == [TriageClass.SEVERE, TriageClass.CRITICAL, TriageClass.UNSCORED]
    (warning,) = Worklist(database).banner()
    assert warning.startswith("X-rays are not ordered by findings since 2026-03-01 ")
    assert warning.endswith("Why: 19 of the last 60 X-rays could not be read.")
    policies.adopt("B", BY_FINDINGS, cause="settings changed", now=at(33))
    assert Worklist(database).order() == apart
    assert policies.trust("B", [], BY_FINDINGS, cause="better", now=at(34)) == 1
    assert Worklist(database).order() == by_findings
    assert Worklist(database).banner() == []


def test_who_is_set_aside_is_said_while_the_order_is_trusted_and_outlives_other_settings(
    policies: Policies, database: Database
) -> None:
    words = "22 of 30 studies from CT2 could not be read: not counted"
    assert policies.trust("A", [], BY_FINDINGS, set_aside={"CT2": words}, cause="no news", now=at(1)) is None
    assert policies.trust("A", [], BY_FINDINGS, set_aside={"CT2": "23 of 31"}, cause="no news", now=at(2)) is None
    policies.adopt("B", BY_FINDINGS, cause="settings changed", now=at(3))
    assert [dict(each.set_aside) for each in policies.changes()] == [{"CT2": words}] * 2
    (warning,) = Worklist(database).banner()
    assert warning.endswith(f"UTC: {words} when the order is judged.")
    assert policies.trust("B", [], BY_FINDINGS, cause="no news", now=at(4)) is None
    assert Worklist(database).banner() == []


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
