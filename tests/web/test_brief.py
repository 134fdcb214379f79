"""A row in one line: the age, the due time, the sender, and what a reader has to know beside the numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store.making import at, study_uid
from tests.web.scene import OPTIONS, Scene, found
from triaged.study.concepts import SOLID_VOLUME
from triaged.study.finding import Measurement, QualityFlag
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, Override, RequestPriority, Trend
from triaged.study.read_state import ReadState
from triaged.study.records import Patient, WorklistEntry
from triaged.triage.scheme import Discipline
from triaged.web.brief import Brief, brief_of


@pytest.fixture
def entry(filled: Scene) -> WorklistEntry:
    """A severe study that was ready at 12:11."""
    one = filled.worklist.entry("1.2.826.0.1.4")
    assert one is not None
    return one


def _brief(entry: WorklistEntry, **options: object) -> Brief:
    return brief_of(entry, now=at(30), options=replace(OPTIONS, **options))  # type: ignore[arg-type]


def _notes(entry: WorklistEntry) -> list[str]:
    return [note.text for note in _brief(entry).notes]


@pytest.mark.parametrize(
    ("born", "studied", "sex", "shown"),
    [
        ("19560412", "20260301", "F", "69 F"),
        ("19560301", "20260301", "M", "70 M"),
        ("20241101", "20260301", "O", "16 mo O"),
        ("20240301", "20260301", "", "2"),
        ("20270101", "20260301", "F", "F"),
        ("", "20260301", "F", "F"),
        ("1956", "20260301", "", ""),
        ("19561399", "20260301", "", ""),
        ("٢٠٢٤٠٣٠١", "20260301", "", ""),
    ],
)
def test_the_age_is_that_at_the_study_in_years_or_months(
    entry: WorklistEntry, born: str, studied: str, sex: str, shown: str
) -> None:
    patient = Patient("Roe^Jane", "P-1", born, sex, "A-1", studied, "115900", "CT thorax")
    assert _brief(replace(entry, patient=patient)).age == shown


def test_a_study_is_due_once_no_later_one_can_pass_it(entry: WorklistEntry) -> None:
    """A severe one has a head start of 180 min of at most 240: what comes up to 60 min after it can pass it."""
    assert entry.ready_at == at(11)
    brief = _brief(entry)
    assert brief.due == at(11 + 60 + 1)
    assert not brief.is_due
    assert brief_of(entry, now=at(72), options=OPTIONS).is_due
    assert _brief(entry, discipline=Discipline.STRICT_CAP, strict_cap_min=90).due == at(101)
    assert _brief(entry, discipline=Discipline.FIFO).due is None
    assert _brief(replace(entry, lane=Lane.EMERGENCY)).due is None
    assert _brief(replace(entry, read_state=ReadState.DONE, read_by="anna", read_at=at(20))).due is None


def test_what_comes_before_the_due_time_may_pass_and_what_comes_after_may_not(scene: Scene) -> None:
    scene.scored(1, minutes=0, right=0.6, left=0.1, p=0.9)
    entry = scene.worklist.entry("1.2.826.0.1.1")
    assert entry is not None
    due = _brief(entry).due
    assert due is not None
    after = (due - at(0)) / timedelta(minutes=1)
    scene.scored(2, minutes=after - 2, right=0.9, left=0.9, p=0.9)
    scene.scored(3, minutes=after, right=0.9, left=0.9, p=0.9)
    assert scene.worklist.order() == [f"1.2.826.0.1.{number}" for number in (2, 1, 3)]


@pytest.mark.parametrize(
    ("trend", "points", "shown"),
    [
        (Trend.PROGRESSION, 12.4, "▲ +12"),
        (Trend.REGRESSION, -7.6, "▼ −8"),
        (Trend.STABLE, -0.2, "▬ −<1"),
        (Trend.NOT_COMPARED, None, "not compared"),
        (Trend.NO_PRIOR, None, ""),
    ],
)
def test_the_change_is_a_sign_and_points(entry: WorklistEntry, trend: Trend, points: float | None, shown: str) -> None:
    assert _brief(replace(entry, trend=trend, change_points=points)).change == shown


def test_notes_say_what_a_reader_can_act_on_and_leave_out_what_is_for_nobody(entry: WorklistEntry) -> None:
    flags = (QualityFlag.ANISOTROPIC_SPLIT, QualityFlag.LUNGS_COMPLETED, QualityFlag.FRAME_PER_SLICE)
    finding = found(0.6, 0.1, 0.9, (*flags, QualityFlag.THICK_SLICES, QualityFlag.LUNG_IN_PARTS))
    moved = replace(entry, finding=finding, override=Override.PIN, order_priority=RequestPriority.HIGH)
    assert _notes(moved) == ["pinned", "HIGH order", "check the outline of the lungs", "thick slices"]
    assert _notes(replace(entry, engines_disagree=True, result_revision=2)) == ["engines disagree", "revision 2"]
    assert _notes(entry) == []


def test_a_study_without_a_score_says_why_and_its_urgency_once(entry: WorklistEntry) -> None:
    reason = "E0 emergency — STAT order, pinned by hand, missing slices: found gaps, of 5 mm"
    stat = replace(entry, order_priority=RequestPriority.STAT, override=Override.PIN)
    failed = replace(stat, finding=None, state=State.FAILED, reason=reason)
    assert _notes(failed) == ["pinned", "STAT order", "could not be read", "missing slices: found gaps, of 5 mm"]


def test_the_sender_is_the_one_who_sent_last(scene: Scene) -> None:
    scene.arrive(1, minutes=0)
    assert _sender(scene) == ""
    for title in ("CT_ER", "CT_WARD"):
        association = scene.studies.open_association(
            receiver="receiver", peer="10.0.0.9", calling_ae_title=title, now=at(0)
        )
        scene.arrive(1, minutes=1, serial=2 if title == "CT_ER" else 3, association=association)
    assert _sender(scene) == "CT_WARD"


def test_the_sender_is_the_one_of_that_study_whoever_sent_another_since(scene: Scene) -> None:
    for study, title in ((1, "CT_ER"), (2, "CT_WARD")):
        association = scene.studies.open_association(
            receiver="receiver", peer="10.0.0.9", calling_ae_title=title, now=at(0)
        )
        scene.arrive(study, minutes=study, association=association)
    scene.arrive(3, minutes=3)
    senders = {entry.study_instance_uid: _brief(entry).sender for entry in scene.worklist.entries()}
    assert senders == {str(study_uid(1)): "CT_ER", str(study_uid(2)): "CT_WARD", str(study_uid(3)): ""}


def _sender(scene: Scene) -> str:
    (entry,) = scene.worklist.entries()
    return _brief(entry).sender


def test_what_is_solid_or_fluid_is_one_note_with_its_volume(entry: WorklistEntry) -> None:
    assert entry.finding is not None
    measured = (*entry.finding.measurements, Measurement(SOLID_VOLUME, 236.0))
    finding = replace(entry.finding, measurements=measured, quality=(QualityFlag.SOLID_OR_FLUID,))
    assert _notes(replace(entry, finding=finding)) == ["236 mL solid or fluid"]
