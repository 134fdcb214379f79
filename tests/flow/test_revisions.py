"""A study that is scored again: what the later result says of the earlier, and what becomes of what was not sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from tests.flow.house import House
from triaged.steps.ports import Sent, Unreachable
from triaged.store.tables.database import open_database
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.records import DeliveryState

STUDY = "1.2.1"


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    database = open_database(sqlite_url)
    yield House(database, tmp_path)
    database.close()


def _objects(house: House, study: int = 1) -> dict[ObjectKind, list[pydicom.Dataset]]:
    """The objects in force of a study."""
    found: dict[ObjectKind, list[pydicom.Dataset]] = {}
    for each in house.studies.derived(f"1.2.{study}"):
        found.setdefault(each.kind, []).append(pydicom.dcmread(house.spool.absolute(each.path)))
    return found


def _scored_but_for_one_slice(house: House) -> bytes:
    """Have a study scored as far as it came; return the slice that did not."""
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score()
    return slices[10]


def _score_with_a_late_slice(house: House) -> None:
    late = _scored_but_for_one_slice(house)
    _let_the_late_slice_come(house, late)


def _let_the_late_slice_come(house: House, content: bytes) -> None:
    house.send([content])
    house.later(2)
    house.assemble()
    house.score(0.5)


def _predecessors(report: pydicom.Dataset) -> list[str]:
    return [
        document.ReferencedSOPInstanceUID
        for study in report.get("PredecessorDocumentsSequence", ())
        for series in study.ReferencedSeriesSequence
        for document in series.ReferencedSOPSequence
    ]


def test_each_report_of_a_second_revision_names_the_earlier_one_of_its_kind(house: House) -> None:
    late = _scored_but_for_one_slice(house)
    first = _objects(house)
    _let_the_late_slice_come(house, late)
    second = _objects(house)
    for kind in (ObjectKind.SR, ObjectKind.TEXT):
        assert [_predecessors(report) for report in first[kind]] == [[]]
        assert [_predecessors(report) for report in second[kind]] == [[first[kind][0].SOPInstanceUID]]


def test_every_series_of_a_second_revision_says_which_it_is_and_has_uids_of_its_own(house: House) -> None:
    late = _scored_but_for_one_slice(house)
    first = [made for kind in _objects(house).values() for made in kind]
    _let_the_late_slice_come(house, late)
    second = [made for kind in _objects(house).values() for made in kind]
    assert not any("rev" in made.SeriesDescription for made in first)
    assert all("rev 2" in made.SeriesDescription for made in second)
    assert all("rev 1" in made.SeriesDescription for made in second)
    for name in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert {made[name].value for made in first}.isdisjoint(made[name].value for made in second)


def test_the_list_knows_which_result_is_superseded_by_which(house: House) -> None:
    _score_with_a_late_slice(house)
    results = sorted(house.studies.results(STUDY), key=lambda result: result.revision)
    assert [(result.revision, result.superseded_by_revision) for result in results] == [(1, 2), (2, None)]
    assert [result.urgency for result in results] == [pytest.approx(0.25), pytest.approx(0.5)]


def test_what_was_superseded_before_it_was_sent_is_never_sent(house: House) -> None:
    house.pacs.answer = lambda _: Unreachable("connection refused")
    late = _scored_but_for_one_slice(house)
    earlier = {made.sop_instance_uid for made in house.studies.derived(STUDY)}
    house.deliver()
    _let_the_late_slice_come(house, late)
    house.pacs.answer = lambda _: Sent()
    house.later(60)
    house.deliver()
    assert house.pacs.took
    assert earlier.isdisjoint(house.pacs.took)
    withdrawn = [each for each in house.outbox.deliveries(STUDY) if each.state is DeliveryState.WITHDRAWN]
    assert {each.sop_instance_uid for each in withdrawn} <= earlier
    assert withdrawn


def test_a_score_after_a_failure_still_names_the_report_that_the_pacs_has(house: House) -> None:
    house.wanted -= {ObjectKind.TEXT}
    house.triage(1, 0.3)
    (first,) = house.reports(1)
    house.send(house.series(1, count=24)[18:])  # the gap is too wide to be filled
    house.later(30)
    house.assemble()
    house.score()
    assert house.entry(1).state is State.FAILED
    house.send(house.series(1, count=24)[10:18])
    house.later(2)
    house.assemble()
    house.score(0.5)
    (last,) = house.reports(1)
    assert _predecessors(last) == [first.SOPInstanceUID]


def test_a_worker_that_is_killed_before_it_publishes_leaves_nothing_that_a_second_run_does_not_make_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    late = _scored_but_for_one_slice(house)
    house.send([late])
    house.later(2)
    house.assemble()
    with monkeypatch.context() as patched:
        patched.setattr(house.studies, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            house.score(0.5)
    left = _files(house)
    house.later(301)
    house.reap()
    house.score(0.5)
    assert _files(house) == left


def test_a_later_study_of_the_same_patient_is_compared_with_the_earlier(house: House) -> None:
    house.triage(1, 0.3, patient_id="P")
    house.triage(2, 0.5, patient_id="P")
    assert len(_objects(house, 2)[ObjectKind.SC]) == len(_objects(house, 1)[ObjectKind.SC]) + 1


def test_another_patients_study_is_never_compared_with(house: House) -> None:
    house.triage(1, 0.3, patient_id="P")
    house.triage(2, 0.5, patient_id="Q")
    assert len(_objects(house, 2)[ObjectKind.SC]) == len(_objects(house, 1)[ObjectKind.SC])


def test_a_later_study_is_not_the_prior_of_an_earlier_one(house: House) -> None:
    house.triage(2, 0.3, patient_id="P")
    house.triage(1, 0.5, patient_id="P")
    assert len(_objects(house, 1)[ObjectKind.SC]) == len(_objects(house, 2)[ObjectKind.SC])


@pytest.mark.parametrize("damage", ["gone", "broken"])
def test_a_prior_whose_picture_cannot_be_read_costs_the_comparison_and_not_the_study(house: House, damage: str) -> None:
    house.triage(1, 0.3, patient_id="P")
    (view,) = (house.folder / "spool").rglob("*.coronal.npz")
    view.unlink() if damage == "gone" else view.write_bytes(b"PK")
    house.triage(2, 0.5, patient_id="P")
    assert house.entry(2).state is State.TRIAGED
    assert len(_objects(house, 2)[ObjectKind.SC]) == len(_objects(house, 1)[ObjectKind.SC])


def test_an_earlier_report_whose_file_is_gone_does_not_stop_the_next(house: House) -> None:
    late = _scored_but_for_one_slice(house)
    for made in house.studies.derived(STUDY):
        if made.kind in (ObjectKind.SR, ObjectKind.TEXT):
            house.spool.absolute(made.path).unlink()
    _let_the_late_slice_come(house, late)
    assert house.entry(1).state is State.TRIAGED
    (report,) = house.reports(1)
    assert _predecessors(report) == []


def _files(house: House) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (house.folder / "spool" / STUDY / "results").iterdir()}
