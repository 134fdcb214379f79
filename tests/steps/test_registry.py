"""Rows of a registry: bands, names and what is left out; and what the store says of a study, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.store.making import PATIENT, Studies, admit, at, claimed, commit, instance, make_ready, ranking, study_uid
from triaged.steps.registry import COLUMNS, Exported, age_band, pseudonym, rows_of
from triaged.store.listing.actions import Actions
from triaged.store.studies.notified import Notified
from triaged.store.studies.registered import Registered, RegisteredStudy, SamePatient
from triaged.store.tables.database import Database
from triaged.store.tables.rows import patient_key
from triaged.study.lifecycle import State
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ActionKind

SECRET = b"s" * 32


@pytest.mark.parametrize(
    ("years", "band"),
    [(None, ""), (-1, ""), (0.2, "0-4"), (5, "5-9"), (64.9, "60-64"), (89.9, "85-89"), (90, "90+"), (119, "90+")],
)
def test_ages_are_bands_and_the_oldest_are_one(years: float | None, band: str) -> None:
    assert age_band(years) == band


def test_names_differ_by_kind_text_and_secret() -> None:
    named = pseudonym("study", "1.2.3", SECRET)
    assert named == pseudonym("study", "1.2.3", SECRET)
    others = [
        pseudonym("patient", "1.2.3", SECRET),
        pseudonym("study", "1.2.4", SECRET),
        pseudonym("study", "1.2.3", b""),
    ]
    assert len({named, *others}) == 4


def _rows(studies: list[RegisteredStudy], **more: Any) -> list[dict[str, str]]:
    exported = Exported(studies, {}, {}, {}, SECRET)
    return list(rows_of(replace(exported, **more)))


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes, found 31"):
        _rows([], secret=b"s" * 31)


def _with_kernel(*patients: str | None) -> list[RegisteredStudy]:
    """Return studies with one kernel, each of a patient, or of one who is not known."""
    study = RegisteredStudy(
        study_id=1,
        study_uid="1.2.3",
        patient=None,
        study_date=None,
        age_years=None,
        sex="",
        modalities=("CT",),
        order_priority=RequestPriority.UNKNOWN,
        instances=1,
        state=State.TRIAGED,
        scores=None,
        kernel="B70f",
        slice_mm=None,
        opened_s=None,
        done_s=None,
    )
    return [replace(study, patient=None if key is None else SamePatient(key, "", "")) for key in patients]


@pytest.mark.parametrize(
    ("patients", "shown"),
    [
        (["a", "b", "c", "d", "e"], "B70f"),
        (["a", "b", "c", "d"], "rare"),
        (["a", "b", "c", "d", "a", "b"], "rare"),  # several studies of one patient tell of one patient
        (["a", "b", "c", "d", None], "B70f"),
        (["a", "b", "c", None, None, None], "rare"),  # who is not known may be one patient
    ],
)
def test_a_text_of_a_sender_is_shown_where_enough_patients_have_it(patients: list[str | None], shown: str) -> None:
    assert {row["kernel"] for row in _rows(_with_kernel(*patients))} == {shown}


def test_what_the_store_says_of_a_study_becomes_its_row(database: Database) -> None:
    studies = Studies(database)
    other = replace(PATIENT, patient_sex="Zqx", study_date="20260305", issuer_of_patient_id="Clinic ")
    admit(studies, instance(1, 1), patient=replace(other, study_date="20260301"))
    make_ready(studies, 2, minutes=5)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE study SET state = 'RECEIVING', ready_at = NULL WHERE id = 2")
        connection.exec_driver_sql("UPDATE study SET facts = '{\"age_years\": 71.5}' WHERE id = 2")
    admit(studies, instance(3, 1), patient=other, minutes=6, priority=RequestPriority.HIGH)
    uid = study_uid(3)
    studies.complete(uid, 1, ranking=ranking(6, uid), cause="whole", now=at(6))
    commit(studies, claimed(studies, minutes=7), minutes=8)
    Actions(database).act(uid.value, ActionKind.DONE, "ann", ranking_policy=lambda _: ranking(0, uid), now=at(10))
    registered = Registered(database)
    first, second, third = registered.since(at(-1))
    assert registered.since(at(5.5)) == [third]
    known = SamePatient(patient_key("P-1") or "", "clinic", "19700101")
    assert (first.patient, third.patient) == (known, known)
    assert registered.first_dates()[known] == date(2026, 3, 1)
    assert (first.scores, second.age_years, third.age_years) == (None, 71.5, 56.0)
    assert third.done_s == pytest.approx(240, abs=0.01)
    times = {each.study_id: each for each in Notified(database).since(at(-1), most=9)}
    row = _rows([first, second, third], times=times, first_dates=registered.first_dates(), rare_below=1)[2]
    assert list(row) == list(COLUMNS)
    assert (row["day"], row["sex"], row["age_band"], row["request_priority"]) == ("4", "", "55-59", "HIGH")
    assert (row["class"], row["severity"], row["grade"], row["quality"]) == ("B", "0.54", "3", "thick-slices")
    assert (row["order_s"], row["done_s"], row["opened_s"], row["slice_mm"]) == ("120.0", "240.0", "", "1.25")
