"""The segmentation of an image without Frame of Reference, judged by highdicom."""

from __future__ import annotations

from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import provenance
from tests.results.xray_study import ORIENTATIONS, standard_xray, standard_xray_objects, xray_study
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.objects import SEGMENTATION
from triaged.results.flat_seg import flat_segmentation
from triaged.results.instance import ResultObject
from triaged.results.source import single_frames
from triaged.study.kinds import ObjectKind

NAMES = {"Right lung": "right", "Left lung": "left", "Lung opacity": "affected", "Consolidation": "solid"}


def segmentation_of(objects: tuple[ResultObject, ...]) -> bytes:
    (one,) = (one for one in objects if one.kind is ObjectKind.SEG)
    return one.part10


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=str)
def test_highdicom_finds_every_region_on_the_pixels_of_the_image(turn: Turn) -> None:
    study = xray_study(turn)
    found = hd.seg.segread(BytesIO(segmentation_of(study.objects())))
    assert [each.segment_label for each in map(found.get_segment_description, range(1, 5))] == list(NAMES)
    uid = str(study.image.SOPInstanceUID)
    pixels = found.get_pixels_by_source_instance(source_sop_instance_uids=[uid])[0]
    for number, name in enumerate(NAMES.values()):
        np.testing.assert_array_equal(pixels[..., number] > 0, study.stored[name], err_msg=name)


def test_it_claims_no_place_in_the_patient() -> None:
    dataset = dcmread(BytesIO(segmentation_of(standard_xray_objects())))
    keywords = {element.keyword for element in dataset.iterall()}
    assert not keywords & {"FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"}
    assert list(dataset.PatientOrientation) == ["L", "F"]


def test_what_does_not_know_its_orientation_says_so() -> None:
    def without(header: Dataset) -> None:
        del header.PatientOrientation

    dataset = dcmread(BytesIO(segmentation_of(xray_study(change=without).objects())))
    assert dataset["PatientOrientation"].is_empty


def test_without_a_package_that_tells_it_there_is_no_consolidation() -> None:
    dataset = dcmread(BytesIO(segmentation_of(xray_study(tells_consolidation=False).objects())))
    assert [each.SegmentLabel for each in dataset.SegmentSequence] == ["Right lung", "Left lung", "Lung opacity"]


def test_no_segment_is_refused() -> None:
    image = standard_xray().image
    with pytest.raises(ValueError, match="segments of one image, found 0 of 1"):
        flat_segmentation(single_frames([image]), (), provenance((image,)), SEGMENTATION)
