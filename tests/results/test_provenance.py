"""What a set of objects is named by, and what it says of who made it."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import provenance, standard_study
from tests.results.every_kind import every_kind
from triaged.exams.ct.pipelines.threshold import BUILT_IN
from triaged.results.provenance import Provenance, add_equipment, algorithm_identification
from triaged.study.kinds import ObjectKind


def made_by(**changes: object) -> Provenance:
    return provenance(standard_study().sources, **changes)


def test_a_set_that_follows_another_has_other_uids_and_the_same_basis() -> None:
    first, second = made_by(), made_by(revision=2, follows="1.2.3")
    assert first.basis == second.basis
    assert first.object_set_uid != second.object_set_uid
    assert len({one.uid(role) for one in (first, second) for role in ("sr", "seg", "text")}) == 6


def test_going_back_to_earlier_settings_gives_new_objects() -> None:
    first = made_by()
    second = made_by(scheme_version="4", revision=2, follows=first.object_set_uid)
    third = made_by(revision=3, follows=second.object_set_uid)
    assert third.basis == first.basis
    assert len({one.object_set_uid for one in (first, second, third)}) == 3


def test_the_number_of_a_revision_alone_makes_no_other_object() -> None:
    assert made_by(revision=2).uid("sr") == made_by().uid("sr")


@pytest.mark.parametrize("field", ["compares", "outcome"])
def test_what_else_alters_the_objects_gives_another_basis(field: str) -> None:
    assert made_by(**{field: "1.2.3"}).basis != made_by().basis
    assert made_by(compares="1.2.3").basis != made_by(outcome="1.2.3").basis


@pytest.mark.parametrize("engine", ["ct-open", "multitask-spatial-1", "a-name-that-someone-thought-about-for-long"])
@pytest.mark.parametrize("revision", [1, 2, 12])
@pytest.mark.parametrize("title", ["triage report", "triage report as text", "CT-derived projection"])
def test_a_description_fits_and_keeps_the_version_and_the_revision(title: str, revision: int, engine: str) -> None:
    described = made_by(engine=engine, engine_version="1.2", revision=revision).entitled(title)
    assert len(described) <= 64
    assert described.startswith(f"AI {title} {engine[:6]}")
    ending = f" 1.2 rev {revision}, supersedes rev {revision - 1}" if revision > 1 else " 1.2"
    assert described.endswith(ending)


def test_every_kind_of_object_says_what_it_supersedes_and_stays_under_its_number() -> None:
    numbers = {}
    for one in every_kind(standard_study().sources[0], revision=2, follows="1.2.3"):
        dataset = dcmread(BytesIO(one.part10), stop_before_pixels=True)
        assert dataset.SeriesDescription.endswith(" 1.2 rev 2, supersedes rev 1")
        numbers[one.kind] = int(dataset.SeriesNumber)
    assert numbers == {
        ObjectKind.SEG: 9001,
        ObjectKind.SR: 9002,
        ObjectKind.TEXT: 9003,
        ObjectKind.KOS: 9004,
        ObjectKind.GSPS: 9005,
        ObjectKind.SC: 9901,
        ObjectKind.SC_MULTIFRAME: 9901,
        ObjectKind.SIDES: 9902,
        ObjectKind.TURNING: 9903,
    }


def test_what_follows_another_set_shares_no_object_and_no_series_with_it() -> None:
    header = standard_study().sources[0]
    first, second = (
        {uid for one in made for uid in (one.sop_instance_uid, one.series_instance_uid)}
        for made in (every_kind(header), every_kind(header, revision=2, follows="1.2.3"))
    )
    assert not first & second


@pytest.mark.parametrize("engine", BUILT_IN)
def test_an_engine_that_has_learnt_nothing_claims_no_intelligence(engine: str) -> None:
    for one in every_kind(standard_study().sources[0], engine=engine):
        dataset = dcmread(BytesIO(one.part10), stop_before_pixels=True)
        assert not dataset.SeriesDescription.startswith("AI ")
        coded = [element.value for element in dataset.iterall() if element.keyword == "CodeValue"]
        assert "123110" not in coded, "Artificial Intelligence"
        assert ("123104" in coded) == (one.kind in (ObjectKind.SEG, ObjectKind.SR)), "Morphological Operations"


def test_a_learnt_engine_says_so() -> None:
    assert algorithm_identification(made_by()).AlgorithmFamilyCodeSequence[0].CodeValue == "123110"


def test_the_contributing_equipment_names_model_version_device_and_time() -> None:
    dataset = Dataset()
    add_equipment(dataset, made_by())
    (equipment,) = dataset.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (equipment.Manufacturer, equipment.ManufacturerModelName) == ("triaged", "triaged multitask-spatial-1")
    assert list(equipment.SoftwareVersions) == ["0.1.0", "1.2", "5e" * 8]
    assert equipment.DeviceUID == made_by().device_uid
    assert equipment.ContributionDateTime == "20260304050607+0000"
    assert "research use; scheme combined 3" in equipment.ContributionDescription
