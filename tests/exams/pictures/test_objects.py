"""What all result objects of a study have in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import (
    ROOT,
    ct_study,
    enhanced_ct_study,
    inflated,
    provenance,
    put,
    ranking,
    standard_objects,
    standard_study,
)
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.objects import reason_objects
from triaged.exams.ct.pictures.coronal import decode_coronal
from triaged.exams.ct.pictures.projection import Direction
from triaged.results.instance import PRIVATE_CREATOR, PRIVATE_GROUP, ResultObject
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.kinds import ObjectKind
from triaged.study.uids import is_valid_uid


def datasets(objects: tuple[ResultObject, ...]) -> list[Dataset]:
    return [dcmread(BytesIO(one.part10)) for one in objects]


def test_equal_inputs_give_equal_bytes() -> None:
    assert [one.part10 for one in ct_study().objects()] == [one.part10 for one in standard_objects()]


def test_the_order_in_which_inputs_are_named_does_not_matter() -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    backwards = replace(made_by, input_sop_instance_uids=made_by.input_sop_instance_uids[::-1])
    assert [one.part10 for one in study.objects(provenance=backwards)] == [one.part10 for one in standard_objects()]


@pytest.mark.parametrize("field", ["model_sha256", "scheme", "scheme_version", "software_version", "engine"])
def test_another_model_scheme_or_software_gives_other_uids(field: str) -> None:
    made_by = provenance(standard_study().sources)
    assert provenance(standard_study().sources, **{field: "other"}).uid("seg") != made_by.uid("seg")


def test_a_late_slice_gives_other_objects_in_other_series() -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    later = replace(made_by, input_sop_instance_uids=(*made_by.input_sop_instance_uids, "1.2.3"))
    before = {uid for one in standard_objects() for uid in (one.sop_instance_uid, one.series_instance_uid)}
    after = {uid for one in study.objects(provenance=later) for uid in (one.sop_instance_uid, one.series_instance_uid)}
    assert not before & after


def test_every_object_is_another_and_each_kind_is_one_series_of_the_same_study() -> None:
    study, objects = standard_study(), standard_objects()
    assert len({one.sop_instance_uid for one in objects}) == len({one.name for one in objects}) == len(objects)
    for kind in {one.kind for one in objects}:
        assert len({one.series_instance_uid for one in objects if one.kind is kind}) == 1
    for one, dataset in zip(objects, datasets(objects), strict=True):
        assert dataset.StudyInstanceUID == study.sources[0].StudyInstanceUID
        assert (dataset.SOPInstanceUID, dataset.SOPClassUID) == (one.sop_instance_uid, one.sop_class_uid)
        assert dataset.SeriesInstanceUID == one.series_instance_uid
        assert dataset.file_meta.TransferSyntaxUID == one.transfer_syntax_uid
        assert dataset.SeriesNumber in (9001, 9002, 9003, 9004, 9901)
        assert dataset.AccessionNumber == "ACC-1"


def test_every_object_says_who_made_it_and_for_what_use() -> None:
    for dataset in datasets(standard_objects()):
        assert dataset.Manufacturer == "triaged"
        assert dataset.ManufacturerModelName == "triaged multitask-spatial-1"
        assert dataset.ContentQualification == "RESEARCH"
        assert "multitask-spatial-1 1.2" in dataset.SeriesDescription
        (equipment,) = dataset.ContributingEquipmentSequence
        assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
        assert equipment.DeviceUID == f"{ROOT}.77"
        assert (dataset.ContentDate, dataset.ContentTime) == ("20260304", "050607")


def test_no_object_shows_the_clock_that_it_was_made_by() -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    later = replace(made_by, assessed_at=made_by.assessed_at + timedelta(days=400))
    for before, after in zip(standard_objects(), study.objects(provenance=later), strict=True):
        assert b"20260304" in inflated(before)
        assert f"{datetime.now(UTC):%Y%m%d}".encode() not in inflated(before)
        assert b"20270408" in inflated(after)


def test_invalid_uids_give_valid_references_and_keep_what_was_sent() -> None:
    sent = "6f1ed3b2-8a3e-4b5a-9f50-0d3a6a8a6a11"

    def change(header: Dataset) -> None:
        put(header, "SeriesInstanceUID", sent.encode())
        put(header, "SOPInstanceUID", f"0.{int(header.InstanceNumber):03d}.not-a-uid ".encode())

    for dataset in datasets(ct_study(change=change).objects()):
        _assert_valid_uids(dataset)
        notes = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[0x01].value
        assert f"was sent as {sent}" in notes
        assert "was sent as 0.007.not-a-uid" in notes


def test_a_frame_of_reference_that_is_no_uid_is_replaced() -> None:
    study = standard_study()
    geometry = replace(study.geometry, frame_of_reference_uid="")
    (seg,) = datasets((replace(study, geometry=geometry).segmentation(),))
    assert is_valid_uid(seg.FrameOfReferenceUID)


def test_sources_that_do_not_fit_the_grid_are_refused() -> None:
    study = standard_study()
    with pytest.raises(ValueError, match="expected 30 single-frame images"):
        replace(study, sources=study.sources[:-1]).objects()


def test_an_enhanced_ct_gives_the_same_kinds_of_objects() -> None:
    assert [one.name for one in enhanced_ct_study().objects()] == [one.name for one in standard_objects()]


def test_the_coronal_view_is_kept_for_a_later_study_to_be_compared_with() -> None:
    study = standard_study()
    coronal = decode_coronal(study.results().view or b"")
    assert coronal.direction is Direction.CORONAL
    volume_ml = float((coronal.path_mm * np.prod(coronal.spacing_mm)).sum()) / 1000.0
    assert volume_ml == pytest.approx(CtNumbers.of(study.reading.finding).lungs_ml, rel=0.01)
    assert study.results().view == study.results(provenance=provenance(study.sources, revision=2)).view


def test_a_study_without_score_gets_one_page_with_the_reason() -> None:
    study = standard_study()
    reason = Reason(ReasonCode.MISSING_SLICES, "expected slices every 5.0 mm, found a gap of 15.0 mm after slice 12")
    page, words = reason_objects(study.sources[0], reason, ranking(), provenance(study.sources))
    dataset = dcmread(BytesIO(page.part10))
    assert (page.kind, words.kind) == (ObjectKind.SC, ObjectKind.TEXT)
    assert dataset.SeriesNumber == 9901
    colours = dataset.pixel_array.reshape(-1, 3).astype(int)
    saturation = colours.max(axis=1) - colours.min(axis=1)
    assert not ((saturation > 60) & (colours[:, 1] > colours[:, 0])).any(), "no heat map: nothing is green"


def test_another_reason_is_another_page() -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    reasons = [Reason(code, "expected one thing, found another") for code in (ReasonCode.NO_LUNGS, ReasonCode.GAVE_UP)]
    first, second = (reason_objects(study.sources[0], reason, ranking(), made_by) for reason in reasons)
    assert not {one.sop_instance_uid for one in first} & {one.sop_instance_uid for one in second}


def _assert_valid_uids(dataset: Dataset) -> None:
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            assert is_valid_uid(str(element.value)), f"expected a valid UID in {element.tag}"
