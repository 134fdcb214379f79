"""Chest X-rays go through the whole daemon, beside CTs on one list; the picture is one whose areas are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.flow.house import House, encoded
from tests.inference.xray_packages import write_xray_package
from triaged.exams.xray.engines import load_engine
from triaged.exams.xray.examination import ChestXray
from triaged.lab.radiographs.dicom_writer import Writing, write_radiograph
from triaged.store.tables.database import open_database
from triaged.study.concepts import EXTENT, LEFT_LUNG, RIGHT_LUNG, ZONE_SCORE
from triaged.study.lifecycle import State
from triaged.study.ranking import Trend, TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import WorklistEntry

SIDE = 640
RIGHT = slice(120, 480), slice(100, 280)
LEFT = slice(120, 480), slice(360, 540)


def chest(affected: float = 0.0) -> NDArray[np.float32]:
    """Return a bright body with two dark lungs, the lower part of the right one brighter: so much of it is affected."""
    grey = np.full((SIDE, SIDE), 0.8, np.float32)
    grey[:40] = 0.9  # what is around the lungs is not of one grey: collimation has
    grey[RIGHT] = grey[LEFT] = 0.2
    grey[480 - round(360 * affected) : 480, 100:280] = 0.45
    return grey + np.random.default_rng(1).normal(0, 0.004, grey.shape).astype(np.float32)


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    write_xray_package(tmp_path / "models" / "simple")
    database = open_database(sqlite_url)
    house = House(database, tmp_path)
    engine = load_engine("simple", tmp_path / "models", "settings", device="cpu", threads=1)
    house.examinations = (*house.examinations, ChestXray(*engine))
    yield house
    database.close()


def xray(house: House, study: int, affected: float = 0.0, writing: Writing | None = None) -> bytes:
    """Return the encoded data set of a radiograph of a study; see `House.series`."""
    writing = replace(writing or Writing(), key=f"study {study}", patient_id=f"T{study}")
    return written(house, chest(affected), writing)


def written(house: House, grey: NDArray[np.float32], writing: Writing, **attributes: object) -> bytes:
    path = write_radiograph(grey, house.folder / "xray.dcm", writing)
    image = pydicom.dcmread(path)
    image.PatientBirthDate = "19600101"
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    image.save_as(path)
    return encoded(path)


def scored(house: House, *instances: bytes, after_s: float = 2) -> WorklistEntry:
    """Send instances on one association, let the daemon work, and return the study that was scored last."""
    before = {entry.study_instance_uid for entry in house.worklist.entries()}
    house.send(instances)
    house.later(after_s)
    assert house.assemble() == 1
    analyst = house.analyst()
    analyst.analyse(house.claim(analyst), clock=house.clock)
    (entry,) = [entry for entry in house.worklist.entries() if entry.study_instance_uid not in before]
    return entry


def test_an_x_ray_is_read_two_seconds_after_its_association_ended(house: House) -> None:
    entry = scored(house, xray(house, 1, affected=0.5))
    assert entry.state is State.TRIAGED
    assert entry.finding is not None
    assert entry.finding.value(EXTENT, RIGHT_LUNG) == pytest.approx(0.5, abs=0.05)
    assert entry.finding.value(EXTENT, LEFT_LUNG) == pytest.approx(0.0, abs=0.01)
    assert entry.finding.value(ZONE_SCORE) == 2
    assert entry.finding.urgency == pytest.approx(0.3, abs=0.03)
    assert "X-ray: 2 of 6 zones, estimated ≈" in entry.reason
    assert entry.triage_class is TriageClass.SUSPECTED_MODERATE
    assert entry.read_state is ReadState.UNREAD


def test_a_clear_x_ray_is_not_flagged_and_stays_on_the_list(house: House) -> None:
    entry = scored(house, xray(house, 1))
    assert entry.triage_class is TriageClass.NOT_FLAGGED
    assert "0 of 6 zones, estimated ≈0 % (up to 5 %)" in entry.reason


def test_x_rays_and_cts_stand_on_one_list_in_one_unit(house: House) -> None:
    scored(house, xray(house, 1, affected=0.2))  # 12 % of the volume: mild
    house.triage(2, severity=0.4)  # moderate
    scored(house, xray(house, 3, affected=0.95))  # 75 %: severe
    classes = [(entry.triage_class.value, "X-ray" in entry.reason) for entry in house.worklist.entries()]
    assert classes == [("B", True), ("C", False), ("D", True)]


def test_where_a_study_has_a_ct_too_that_one_is_read(house: House) -> None:
    slices = house.series(4)

    beside = written(house, chest(0.9), replace(Writing(), patient_id="T4"), StudyInstanceUID="1.2.4")
    entry = scored(house, *slices, beside)
    assert entry.finding is not None
    assert entry.finding.value(ZONE_SCORE) is None
    assert "X-ray" not in entry.reason


@pytest.mark.parametrize(
    ("writing", "said"),
    [
        (Writing(view="LL"), "no frontal chest"),
        (Writing(body_part="HAND", view=""), "other part of body: expected a chest, found Body Part Examined HAND"),
    ],
)
def test_what_is_no_frontal_chest_is_out_of_scope_with_its_reason(house: House, writing: Writing, said: str) -> None:
    entry = scored(house, xray(house, 1, writing=writing), after_s=30)  # more may follow
    assert (entry.state, entry.triage_class) == (State.OUT_OF_SCOPE, TriageClass.UNSCORED)
    assert said in entry.reason


def test_a_lung_that_is_not_found_is_suspected_and_never_a_score(house: House) -> None:
    grey = chest()
    grey[LEFT] = 0.85
    entry = scored(house, written(house, grey, Writing()))
    assert (entry.state, entry.triage_class) == (State.FAILED, TriageClass.SUSPECTED_MODERATE)
    assert entry.finding is None
    assert "expected two lungs on a frontal chest X-ray, found the right one" in entry.reason


def _unsaid(house: House, grey: NDArray[np.float32], number: int, *, series: int = 1) -> bytes:
    """Return an image of study 1 whose header says no view, taken as number so many."""
    writing = replace(Writing(), key="study 1", view="", orientation=(), number=number, series=series)
    return written(house, grey, replace(writing, acquired=f"202401151015{number:02}"))


def _no_chest() -> NDArray[np.float32]:
    """Return a picture with one dark region, as the gas in a belly is."""
    grey = chest()
    grey[RIGHT] = 0.8
    return grey


@pytest.mark.parametrize("series", [1, 2], ids=["in one series", "in another series"])
def test_where_the_first_image_is_no_frontal_chest_the_next_is_read(house: House, series: int) -> None:
    entry = scored(house, _unsaid(house, _no_chest(), 1), _unsaid(house, chest(0.5), 2, series=series))
    assert entry.state is State.TRIAGED
    assert entry.finding is not None
    assert entry.finding.value(ZONE_SCORE) == 2
    told = [each.reason for each in house.studies.series_decisions(entry.study_instance_uid)]
    assert sum("expected two lungs on a frontal chest X-ray, found the left one" in each for each in told) == 1
    before = {each.sop_instance_uid: each.sha256 for each in house.studies.derived(entry.study_instance_uid)}
    house.studies.requeue(entry.study_instance_uid, ranking=house.placing, now=house.now)
    analyst = house.analyst()
    analyst.analyse(house.claim(analyst), clock=house.clock)
    after = {each.sop_instance_uid: each.sha256 for each in house.studies.derived(entry.study_instance_uid)}
    assert after == before


def test_a_study_of_which_no_image_is_a_frontal_chest_is_out_of_scope_after_three(house: House) -> None:
    images = [_unsaid(house, _no_chest(), number) for number in (1, 2, 3)]
    entry = scored(house, *images, _unsaid(house, chest(0.5), 4))
    assert (entry.state, entry.triage_class) == (State.OUT_OF_SCOPE, TriageClass.UNSCORED)
    assert "expected two lungs on a frontal chest X-ray, found the left one" in entry.reason
    (told,) = [each.reason for each in house.studies.series_decisions(entry.study_instance_uid)]
    assert told.count("found the left one") == 2, "the third is the study's reason"


def test_a_second_x_ray_of_the_patient_is_compared_with_the_first(house: House) -> None:
    first = replace(Writing(), acquired="20260101120000")
    scored(house, xray(house, 1, 0.2, first))
    second = replace(Writing(), acquired="20260104120000", key="study 9", patient_id="T1")
    entry = scored(house, written(house, chest(0.6), second))
    assert entry.trend is Trend.PROGRESSION
    assert entry.change_points == pytest.approx(40, abs=3)


def test_its_objects_reach_the_destination(house: House) -> None:
    entry = scored(house, xray(house, 1, affected=0.5))
    house.deliver()
    made = house.studies.derived(entry.study_instance_uid)
    assert {"sr", "sc"} <= {each.kind.name for each in made}
    assert house.pacs.took


def test_the_same_image_gives_the_same_objects_again(house: House) -> None:
    entry = scored(house, xray(house, 1, affected=0.5))
    before = {each.sop_instance_uid: each.sha256 for each in house.studies.derived(entry.study_instance_uid)}
    house.studies.requeue(entry.study_instance_uid, ranking=house.placing, now=house.now)
    analyst = house.analyst()
    analyst.analyse(house.claim(analyst), clock=house.clock)
    after = {each.sop_instance_uid: each.sha256 for each in house.studies.derived(entry.study_instance_uid)}
    assert after == before


def test_second_engines_read_no_x_rays(house: House) -> None:
    house.seconds = {"adviser": house.pipeline}
    scored(house, xray(house, 1, affected=0.5))
    assert house.advise() == 0
    house.triage(2, severity=0.4)
    assert house.advise() == 1
