"""The earlier study of a patient that a new one is compared with, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.store.making import (
    PATIENT,
    Studies,
    admit,
    at,
    claimed,
    commit,
    finding,
    instance,
    ranking,
    study_uid,
)
from tests.store.studies.test_outcomes import decline
from triaged.store.tables.database import Database
from triaged.study.assessment import Failed, Reason, ReasonCode
from triaged.study.patients import Contradicting
from triaged.study.records import Patient, Prior


@pytest.fixture
def studies(database: Database) -> Studies:
    return Studies(database)


def patient(**values: str) -> Patient:
    return replace(PATIENT, **values)


def arrive(studies: Studies, number: int, who: Patient, *, minutes: float = 0.0) -> None:
    admit(studies, instance(number, 1), minutes=minutes, patient=who)
    place = ranking(minutes, study_uid(number))
    studies.complete(study_uid(number), 1, ranking=place, cause="whole", now=at(minutes))


def score(
    studies: Studies, number: int, who: Patient, *, severity: float = 0.4, view: str | None = "studies/view.npz"
) -> None:
    arrive(studies, number, who)
    commit(studies, claimed(studies), basis="A", severity=severity, coronal_path=view)


def prior_of(studies: Studies, number: int) -> str | None:
    found = studies.prior(study_uid(number).value)
    return None if found is None else found.study_uid


def test_the_last_scored_study_before_is_told_with_its_scores(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"))
    score(studies, 2, patient(study_date="20260228"), severity=0.3)
    score(studies, 3, patient(study_date="20260401"))
    arrive(studies, 4, patient(study_date="20260301"))
    published = studies.publication(study_uid(2).value)
    assert published is not None
    assert studies.prior(study_uid(4).value) == Prior(
        study_uid=study_uid(2).value,
        study_date="20260228",
        object_set_uid=published.object_set.uid,
        algorithm="ct-test",
        finding=finding(0.3),
        coronal_path="studies/view.npz",
        interval=(datetime(2026, 3, 1, 11, 59, tzinfo=UTC), datetime(2026, 2, 28, 11, 59, tzinfo=UTC)),
        result_id=2,
    )
    assert prior_of(studies, 1) is None


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "P-2"},
        {"patient_birth_date": "19700102"},
        {"patient_id": ""},
        {"patient_name": "Roe^Richard"},
        {"patient_sex": "M" if PATIENT.patient_sex == "F" else "F"},
        {"study_date": ""},
        {"study_date": "2025"},
        {"study_date": "        "},
        {"study_date": "2026-1-1"},
    ],
)
def test_a_study_that_may_be_somebody_else_s_or_later_is_no_prior(studies: Studies, other: dict[str, str]) -> None:
    score(studies, 1, patient(**{"study_date": "20250101", **other}))
    arrive(studies, 2, patient(study_date="20260301"))
    assert prior_of(studies, 2) is None


@pytest.mark.parametrize("empty", ["", "  "])
def test_without_an_id_nobody_is_the_same(studies: Studies, empty: str) -> None:
    score(studies, 1, patient(study_date="20250101", patient_id=empty))
    arrive(studies, 2, patient(study_date="20260301", patient_id=empty))
    assert prior_of(studies, 2) is None


@pytest.mark.parametrize("name", ["patient_birth_date", "patient_sex", "patient_name", "issuer_of_patient_id"])
@pytest.mark.parametrize("empty", ["", "  "])
def test_what_is_missing_in_one_or_both_contradicts_nothing(studies: Studies, name: str, empty: str) -> None:
    known = {"issuer_of_patient_id": "HOSPITAL"}
    score(studies, 1, patient(study_date="20250101", **known))
    score(studies, 2, patient(study_date="20250301", **{**known, name: empty}))
    arrive(studies, 3, patient(study_date="20260301", **{**known, name: empty}))
    assert [each.study_uid for each in studies.priors(study_uid(3).value)] == [study_uid(2).value, study_uid(1).value]
    assert studies.contradicting(study_uid(3).value) is None


@pytest.mark.parametrize(
    ("other", "attribute"),
    [
        ({"patient_birth_date": "19700102"}, "birth date"),
        ({"patient_sex": "M" if PATIENT.patient_sex == "F" else "F"}, "sex"),
        ({"patient_name": "Roe^Richard"}, "name"),
    ],
)
def test_an_earlier_study_of_the_same_id_that_contradicts_is_told_and_not_compared(
    studies: Studies, other: dict[str, str], attribute: str
) -> None:
    score(studies, 1, patient(study_date="20250101", **other))
    arrive(studies, 2, patient(study_date="20260301"))
    assert prior_of(studies, 2) is None
    assert studies.contradicting(study_uid(2).value) == Contradicting(study_uid(1).value, "20250101", attribute)


def test_behind_a_study_that_contradicts_an_older_one_of_the_patient_is_found(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"))
    score(studies, 2, patient(study_date="20250601", patient_birth_date="19700102"))
    arrive(studies, 3, patient(study_date="20260301"))
    assert prior_of(studies, 3) == study_uid(1).value


def test_the_same_number_of_another_issuer_is_nobody_that_we_know(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101", issuer_of_patient_id="NORTH"))
    arrive(studies, 2, patient(study_date="20260301", issuer_of_patient_id="SOUTH"))
    assert prior_of(studies, 2) is None
    assert studies.contradicting(study_uid(2).value) is None


@pytest.mark.parametrize("date", ["", "2026", "UNKNOWN", "UNKNOWN1"])
def test_a_study_without_a_date_has_no_prior(studies: Studies, date: str) -> None:
    score(studies, 1, patient(study_date="20250101"))
    arrive(studies, 2, patient(study_date=date))
    assert prior_of(studies, 2) is None


@pytest.mark.parametrize(
    ("earlier", "later", "is_prior"),
    [
        ("080000", "115900", True),
        ("0800", "115900.000000", True),
        ("08:00:00", "0900", True),
        ("115900", "115900", False),
        ("1159", "115900", False),
        ("115900", "115900.5", False),
        ("1159", "115901", True),
        ("120000", "115900", False),
        ("", "115900", False),
        ("080000", "", False),
    ],
)
def test_on_one_date_the_time_decides(studies: Studies, earlier: str, later: str, is_prior: bool) -> None:
    score(studies, 1, patient(study_time=earlier))
    arrive(studies, 2, patient(study_time=later))
    assert prior_of(studies, 2) == (study_uid(1).value if is_prior else None)


def test_the_study_itself_is_never_its_prior(studies: Studies) -> None:
    score(studies, 1, patient())
    assert prior_of(studies, 1) is None


def test_an_examination_without_views_has_priors_too(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"))
    score(studies, 2, patient(study_date="20250201"), view=None)
    arrive(studies, 3, patient(study_date="20260301"))
    assert prior_of(studies, 3) == study_uid(2).value


def test_a_study_without_a_score_is_no_prior(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"))
    arrive(studies, 3, patient(study_date="20250301"))
    decline(studies, claimed(studies), Failed(Reason(ReasonCode.NO_LUNGS, "expected lungs")))
    arrive(studies, 4, patient(study_date="20250401"))
    arrive(studies, 5, patient(study_date="20260301"))
    assert prior_of(studies, 5) == study_uid(1).value


def test_a_prior_that_is_being_scored_again_is_told_as_it_was_scored(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"), severity=0.4)
    studies.requeue(study_uid(1).value, ranking=ranking(0, study_uid(1)), now=at(3))
    arrive(studies, 2, patient(study_date="20260301"))
    found = studies.prior(study_uid(2).value)
    assert found is not None
    assert found.finding == finding(0.4)


def test_a_patient_is_known_as_soon_as_any_instance_says_who_it_is(studies: Studies) -> None:
    score(studies, 1, patient(study_date="20250101"))
    admit(studies, instance(2, 1), patient=patient(patient_id="", study_date="20260301"))
    assert prior_of(studies, 2) is None
    admit(studies, instance(2, 2), patient=patient(study_date="20260301"))
    assert prior_of(studies, 2) == study_uid(1).value


def test_however_long_a_patient_s_id_is_it_is_kept_and_found(studies: Studies) -> None:
    endless = "".join(chr(33 + (number * number) % 90) for number in range(20_000))
    score(studies, 1, patient(study_date="20250101", patient_id=endless))
    arrive(studies, 2, patient(study_date="20260301", patient_id=endless))
    arrive(studies, 3, patient(study_date="20260301", patient_id=endless[:-1]))
    assert (prior_of(studies, 2), prior_of(studies, 3)) == (study_uid(1).value, None)
