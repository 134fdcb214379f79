"""The segmentation, judged by highdicom and by SimpleITK."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.findings import changed
from tests.results.ct_study import (
    CENTRE_MM,
    ORIENTATIONS,
    CtStudy,
    ct_study,
    encoded,
    enhanced_ct_study,
    inflated,
    positions_mm,
    provenance,
    standard_study,
)
from triaged.exams.ct.finding import Acquisition, CtNumbers
from triaged.exams.ct.objects import SEGMENTATION, segments
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.measure import Lungs, Verdict, measure
from triaged.exams.ct.pipelines.split import SplitMethod
from triaged.imaging.geometry import Geometry, Reorientation
from triaged.imaging.volume import Mask, Volume
from triaged.results.instance import ResultObject
from triaged.results.seg import segmentation
from triaged.results.source import source_series
from triaged.study.kinds import ObjectKind

SEGMENTS = {1: "right", 2: "left", 3: "lesion"}


def dense_study() -> CtStudy:
    """Return the study, measured: half of its lesion just above -300 HU, the rest at it, and dense tissue beside it."""
    study = standard_study()
    voxels = study.volume.voxels.copy()
    lesion = study.reading.lesion.voxels
    upper = np.arange(voxels.shape[1])[:, None] < 37
    voxels[lesion] = -300
    voxels[lesion & upper] = -299
    voxels[study.reading.left_lung.voxels] = -299
    volume = Volume(voxels, study.volume.geometry)
    lungs = Lungs(study.reading.right_lung, study.reading.left_lung, SplitMethod.COMPONENTS)
    adult = Acquisition(5.0, None, None, 50.0)
    counted = measure(volume, lungs, study.reading.lesion, Verdict("", None, None), adult, CtOptions())
    return replace(study, volume=volume, reading=counted)


def dataset_of(one: ResultObject) -> Dataset:
    return dcmread(BytesIO(one.part10))


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_highdicom_finds_every_voxel_at_its_place_in_the_patient(position: str) -> None:
    study = ct_study(position)
    seg = hd.seg.segread(BytesIO(study.segmentation().part10))
    for number, name in SEGMENTS.items():
        volume = seg.get_volume(segment_numbers=[number])
        found = _centroid_mm(volume.array[..., 0] > 0, volume.affine)
        expected = positions_mm(study.geometry)[study.source_masks[name]].mean(axis=0)
        np.testing.assert_allclose(found, expected, atol=0.01)
        assert np.count_nonzero(volume.array) == np.count_nonzero(study.source_masks[name])


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_each_frame_holds_the_mask_of_the_image_it_refers_to(position: str) -> None:
    study = ct_study(position)
    seg = dataset_of(study.segmentation())
    slices = {str(one.SOPInstanceUID): index for index, one in enumerate(study.sources)}
    frames = seg.pixel_array
    assert len(frames) == len(seg.PerFrameFunctionalGroupsSequence)
    for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        index = slices[source.ReferencedSOPInstanceUID]
        name = SEGMENTS[groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        np.testing.assert_array_equal(frame > 0, study.source_masks[name][index])
        sent = study.sources[index].ImagePositionPatient
        np.testing.assert_allclose(groups.PlanePositionSequence[0].ImagePositionPatient, sent, atol=1e-4)


def test_frames_of_an_enhanced_ct_are_found_by_place_not_by_their_order_in_the_file() -> None:
    study = enhanced_ct_study()
    seg = dataset_of(study.segmentation())
    stored = study.sources[0].PerFrameFunctionalGroupsSequence
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        position = stored[source.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        assert groups.PlanePositionSequence[0].ImagePositionPatient == position
        index = study.geometry.shape[0] - source.ReferencedFrameNumber
        name = SEGMENTS[groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        np.testing.assert_array_equal(frame > 0, study.source_masks[name][index])


def test_simpleitk_unpacks_the_same_voxels(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    study = standard_study()
    (tmp_path / "seg.dcm").write_bytes(study.segmentation().part10)
    image = sitk.ReadImage(str(tmp_path / "seg.dcm"))
    frames = [
        mask[index]
        for mask in (study.source_masks[name] for name in SEGMENTS.values())
        for index in range(len(mask))
        if mask[index].any()
    ]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image) > 0, np.stack(frames))
    first = int(np.flatnonzero(study.source_masks["right"].any(axis=(1, 2)))[0])
    expected = study.geometry.position_mm((first, 0.0, 0.0))
    np.testing.assert_allclose(image.GetOrigin(), expected, atol=1e-3)
    np.testing.assert_allclose(image.GetSpacing(), study.geometry.spacing_mm[::-1], atol=1e-6)


def test_bits_run_on_across_frames_whose_size_is_no_multiple_of_eight() -> None:
    affine = np.diag((5.0, 1.0, 1.0, 1.0))
    geometry = Geometry(affine[:, (2, 1, 0, 3)], (11, 27, 27), "1.2.3")  # 729 voxels in a frame, eleven frames
    voxels = np.random.default_rng(5).random(geometry.shape) > 0.5
    none = Mask(np.zeros(geometry.shape, bool), geometry)
    study = standard_study()
    made_by = provenance(study.sources)
    reading = replace(study.reading, right_lung=Mask(voxels, geometry), left_lung=none, lesion=none, consolidation=none)
    source = source_series(study.sources[:11], geometry)
    same = Reorientation((0, 1, 2), (False, False, False))
    described = segments(reading, made_by)
    found = dataset_of(segmentation(source, geometry, same, described, made_by, SEGMENTATION))
    np.testing.assert_array_equal(found.pixel_array > 0, voxels)


def test_the_consolidation_is_the_solid_part_of_the_lesion_and_agrees_with_its_volume() -> None:
    study = dense_study()
    seg = dataset_of(study.segmentation())
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [1, 2, 3, 4]
    dense = seg.SegmentSequence[3]
    assert dense.SegmentLabel == "Consolidation"
    assert dense.SegmentedPropertyTypeCodeSequence[0].CodeValue == "9656002"
    assert dense.AnatomicRegionSequence[0].CodeValue == "39607008"
    expected = study.reorientation.undo(study.reading.consolidation.voxels)
    frames = [
        frame > 0
        for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True)
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 4
    ]
    np.testing.assert_array_equal(np.stack(frames), expected[expected.any(axis=(1, 2))])
    tissue = CtNumbers.of(study.reading.finding).tissue_total
    assert tissue is not None
    assert 0 < tissue.consolidation_ml < study.reading.lesion.volume_ml
    assert sum(int(frame.sum()) for frame in frames) * study.geometry.voxel_ml == pytest.approx(tissue.consolidation_ml)


def test_it_is_deflated_and_inflates_to_the_data_set_that_an_explicit_one_holds() -> None:
    made = standard_study().segmentation()
    assert made.transfer_syntax_uid == "1.2.840.10008.1.2.1.99"
    assert len(made.part10) % 2 == 0
    seg = dataset_of(made)
    explicit = Dataset()
    explicit.update(seg)
    assert encoded(explicit).endswith(inflated(made)), "nothing but the transfer syntax differs"
    assert len(made.part10) < len(seg.PixelData) / 2


def test_a_study_without_lesion_has_two_segments_numbered_from_one() -> None:
    seg = dataset_of(ct_study(lesion_radius_mm=0.0).segmentation())
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [1, 2]
    assert [item.SegmentLabel for item in seg.SegmentSequence] == ["Right lung", "Left lung"]


def test_lungs_that_were_not_told_apart_are_called_lungs() -> None:
    study = standard_study()
    reading = study.reading
    both = Mask(reading.right_lung.voxels | reading.left_lung.voxels, reading.right_lung.geometry)
    none = Mask(np.zeros(both.voxels.shape, bool), both.geometry)
    finding = changed(reading.finding, severity_right=None, severity_left=None, right_lung_ml=None, left_lung_ml=None)
    single = replace(reading, right_lung=both, left_lung=none, finding=finding)
    seg = dataset_of(replace(study, reading=single).segmentation())
    assert [item.SegmentLabel for item in seg.SegmentSequence] == ["Lungs", "Lung opacity"]
    assert seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "39607008"


def test_without_any_voxel_there_is_no_segmentation_but_a_report_and_pictures() -> None:
    study = standard_study()
    none = Mask(np.zeros(study.volume.geometry.shape, bool), study.volume.geometry)
    empty = replace(study.reading, right_lung=none, left_lung=none, lesion=none, consolidation=none)
    kinds = {one.kind for one in study.objects(reading=empty)}
    assert ObjectKind.SEG not in kinds
    assert kinds >= {ObjectKind.SR, ObjectKind.TEXT, ObjectKind.SC}


def _centroid_mm(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.argwhere(mask).mean(axis=0)
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3] - CENTRE_MM)
