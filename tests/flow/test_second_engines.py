"""One engine orders, others advise: what second engines find stands beside the first result and moves nothing."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from tests.flow.house import FakePipeline, House
from triaged.errors import StaleClaim, UnreadableStudy
from triaged.steps.advise import MOST_ATTEMPTS
from triaged.store.studies.second_results import SecondResults
from triaged.store.studies.seconds import Seconds
from triaged.store.tables.database import Database
from triaged.study.agreement import Disagreement
from triaged.study.assessment import ReasonCode
from triaged.study.lifecycle import State
from triaged.study.records import WorklistEntry
from triaged.study.second import SecondClaim, SecondFailed, SecondRead, SecondRecord, SecondState
from triaged.triage.scheme import TriageOptions


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    made = House(database, tmp_path)
    made.seconds = {"alike": FakePipeline(0.3), "other": FakePipeline(0.9)}
    return made


def _seconds(house: House, study: int = 1) -> dict[str, SecondRecord]:
    return {each.name: each for each in SecondResults(house.database).of_study(f"1.2.{study}")}


def _read(record: SecondRecord) -> SecondRead:
    assert isinstance(record.outcome, SecondRead)
    return record.outcome


def _failed(record: SecondRecord) -> SecondFailed:
    assert isinstance(record.outcome, SecondFailed)
    return record.outcome


def _claim(house: House) -> SecondClaim:
    claim = house.adviser().claim(clock=house.clock)
    assert claim is not None
    return claim


def _without_flag(entry: WorklistEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__ if name != "engines_disagree"}


def test_second_engines_read_after_the_first_and_the_list_stays_as_it_is(house: House) -> None:
    for study, severity in ((1, 0.3), (2, 0.0), (3, 0.8)):
        house.triage(study, severity)
    order, before = house.order(), _without_flag(house.entry(1))
    assert house.advise() == 6
    assert (house.order(), _without_flag(house.entry(1))) == (order, before)
    found = _seconds(house)
    assert _read(found["alike"]).agreement.disagreements == ()
    assert _read(found["alike"]).agreement.overlap == 1.0
    assert _read(found["other"]).agreement.disagreements == (Disagreement.SHARE, Disagreement.OUTLINE)
    assert [house.entry(study).engines_disagree for study in (1, 2, 3)] == [True, True, True]
    assert {each.configuration for each in found.values()} == {house.configuration}


def test_the_overlap_is_that_of_the_masks_the_first_one_s_from_its_segmentation(house: House) -> None:
    """The lesion fills 2 and 6 of 8 rows: Dice = 2 * 2 / (2 + 6)."""
    house.triage(1, 0.25)
    house.seconds = {"alike": FakePipeline(0.25), "other": FakePipeline(0.75)}
    house.requeue(1)
    house.score(0.25)
    house.advise()
    assert _read(_seconds(house)["other"]).agreement.overlap == pytest.approx(0.5)


def test_a_study_that_waits_for_its_first_result_is_read_before_any_second_engine(house: House) -> None:
    house.triage(1, 0.3)
    house.send(house.series(2))
    house.later(2)
    house.assemble()
    assert house.adviser().claim(clock=house.clock) is None
    assert house.adviser().is_first_at_work(clock=house.clock)
    house.score(0.3)
    assert not house.adviser().is_first_at_work(clock=house.clock)
    assert house.advise() == 4


def test_its_report_is_delivered_beside_those_of_the_first_which_are_neither_withdrawn_nor_sent_again(
    house: House,
) -> None:
    house.deliver()
    house.triage(1, 0.3)
    house.deliver()
    first = list(house.pacs.took)
    house.advise()
    assert house.deliver() == 2
    assert house.pacs.took[: len(first)] == first
    assert {each.state.value for each in house.outbox.deliveries("1.2.1")} == {"SENT"}
    (report,) = house.reports(1)
    assert report.SeriesNumber == 9002  # what counts as the study's report is the first one's


def test_the_report_of_a_new_result_supersedes_that_of_the_same_second_engine_only(house: House) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score(0.3)
    house.advise()
    before = _reports(house)
    house.send([slices[10]])
    house.later(2)
    house.assemble()
    house.score(0.3)
    house.advise()
    after = {name: uid for name, uid in _reports(house).items() if uid not in before.values()}
    assert len(after) == 2
    for name, made in after.items():
        (named,) = made.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
        assert named.ReferencedSOPInstanceUID == before[name].SOPInstanceUID
        assert made.SeriesDescription.endswith("rev 2, supersedes rev 1")
    (first,) = house.reports(1)
    (named,) = first.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID not in {each.SOPInstanceUID for each in before.values()}


def _reports(house: House) -> dict[str, pydicom.Dataset]:
    """Return the last report of each second engine, from what is kept for delivery."""
    uids = {each.sop_instance_uid for each in house.outbox.deliveries("1.2.1")}
    files = (path for path in (house.folder / "spool").rglob("*.dcm") if path.stem in uids)
    made = [pydicom.dcmread(path) for path in files]
    found = [each for each in made if str(each.SeriesNumber) == "9012"]
    newest = sorted(found, key=lambda each: "rev 2" in each.SeriesDescription)
    return {each.ManufacturerModelName: each for each in newest}


def test_a_repeated_analysis_gives_the_same_second_reports_and_they_are_not_sent_twice(house: House) -> None:
    house.triage(1, 0.3)
    house.advise()
    house.deliver()
    took = list(house.pacs.took)
    house.requeue(1)
    house.score(0.3)
    assert house.advise() == 2
    house.deliver()
    assert house.pacs.took == took


def test_a_late_slice_while_a_second_engine_reads_drops_what_it_found(house: House) -> None:
    slices = house.series(1, count=11)
    house.send(slices[:10])
    house.later(2)
    house.assemble()
    house.score(0.3)
    claim = _claim(house)
    advice = house.read_second(claim)
    house.send([slices[10]])
    house.adviser().settle(claim, advice, clock=house.clock)
    with pytest.raises(StaleClaim):
        house.adviser().extend(claim, clock=house.clock)
    assert all(each.state is not SecondState.READ for each in _seconds(house).values())
    assert house.advise() == 0
    house.later(2)
    house.assemble()
    house.score(0.3)
    assert house.advise() == 2


def test_an_engine_that_breaks_is_tried_again_then_given_up_and_the_first_result_stays(house: House) -> None:
    house.seconds = {"other": FakePipeline(0.8)}
    house.triage(1, 0.3)
    before = house.entry(1)
    for attempt in (1, 2, 3):
        claim = _claim(house)
        assert claim.attempt == attempt
        house.adviser().count_and_put_back(claim, "MemoryError in graphs.py, line 7", clock=house.clock)
        assert house.adviser().claim(clock=house.clock) is None
        house.later(60)
    assert house.advise() == 0
    reason = _failed(_seconds(house)["other"]).reason
    assert reason.code is ReasonCode.GAVE_UP
    assert reason.detail.startswith("gave up after 3 attempts: attempt 1: MemoryError in graphs.py, line 7; attempt 2")
    assert house.entry(1) == before


def test_a_study_that_a_second_engine_cannot_read_gets_the_reason_beside_its_first_result(house: House) -> None:
    def no_lungs() -> None:
        raise UnreadableStudy(ReasonCode.NO_LUNGS, "expected lungs, found none")

    house.seconds = {"other": FakePipeline(before=no_lungs)}
    house.triage(1, 0.3)
    house.advise()
    assert _failed(_seconds(house)["other"]).reason.code is ReasonCode.NO_LUNGS
    assert (house.entry(1).state, house.entry(1).engines_disagree) == (State.TRIAGED, None)


def test_what_the_first_engine_could_not_read_is_read_by_no_other(house: House) -> None:
    house.send(house.series(1, count=4))
    house.later(30)
    house.assemble()
    house.score()
    assert house.entry(1).state is State.OUT_OF_SCOPE
    assert house.advise() == 0


def test_an_adviser_that_dies_again_and_again_gives_a_reading_up_and_nothing_else(house: House) -> None:
    house.seconds = {"other": FakePipeline(0.8)}
    house.triage(1, 0.3)
    before = house.entry(1)
    for _ in range(MOST_ATTEMPTS):
        _claim(house)
        house.later(301)
        assert Seconds(house.database).reap(now=house.now) == 1
    assert house.advise() == 0
    assert _failed(_seconds(house)["other"]).reason.detail == f"gave up after {MOST_ATTEMPTS} attempts"
    assert house.entry(1) == before


def test_a_segmentation_that_is_lost_costs_the_overlap_only(house: House) -> None:
    house.seconds = {"alike": FakePipeline(0.3)}
    house.triage(1, 0.3)
    claim = _claim(house)
    assert claim.first.segmentation is not None
    house.spool.absolute(claim.first.segmentation).unlink()
    house.adviser().settle(claim, house.read_second(claim), clock=house.clock)
    agreement = _read(_seconds(house)["alike"]).agreement
    assert (agreement.overlap, agreement.disagreements) == (None, ())


def test_how_far_repeated_scans_differ_is_the_site_s_to_say(database: Database, tmp_path: Path) -> None:
    house = House(database, tmp_path, TriageOptions(repeat_sd_pp=7.0))
    house.seconds = {"near": FakePipeline(0.375)}  # 12.5 points more than the first
    house.triage(1, 0.25)
    house.advise()
    assert _read(_seconds(house)["near"]).agreement.points == pytest.approx(12.5)
    assert house.entry(1).engines_disagree is False
