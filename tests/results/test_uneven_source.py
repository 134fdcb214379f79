"""A source whose slices lie at uneven steps: what is written lies on its own slices, and no picture lies of length."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from tests.dicom.written import written_study
from tests.results.ct_study import CtStudy, ct_study
from tests.results.test_outlined_slices import drawn, planar
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.decoding.slices import read_regions
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.pictures.keyslices import slice_names
from triaged.imaging.volume import Mask
from triaged.results.instance import ResultObject
from triaged.results.source import source_series
from triaged.study.kinds import ObjectKind


def every_second_is_moved(header: Dataset) -> None:
    x, y, z = header.ImagePositionPatient
    if header.InstanceNumber % 2:
        header.ImagePositionPatient = [x, y, z - 3.0]


def uneven(folder: Path, position: str = "HFS") -> tuple[CtStudy, DecodedSeries, LungAnalysis]:
    """Return a study whose slices lie 5 and 11 mm apart in turns, its series as it is read, and its masks on that."""
    study = ct_study(position, every_second_is_moved)
    read = decode_series(written_study(study, folder))
    assert read.spread is not None
    shown = list(read.spread.shown)

    def on_grid(name: str) -> Mask:
        mask = study.source_masks[name][shown]
        return Mask(np.ascontiguousarray(read.reorientation.apply(mask)), read.volume.geometry)

    return (
        study,
        read,
        LungAnalysis(study.reading.finding, on_grid("right"), on_grid("left"), on_grid("lesion"), on_grid("lesion")),
    )


def lesion_by_place(study: CtStudy) -> dict[float, NDArray[np.bool_]]:
    masks = zip(study.sources, study.source_masks["lesion"], strict=True)
    return {float(header.ImagePositionPatient[2]): mask for header, mask in masks}


@pytest.mark.parametrize("position", ["HFS", "FFS"])
def test_the_segmentation_lies_on_the_slices_that_there_are(tmp_path: Path, position: str) -> None:
    study, read, reading = uneven(tmp_path, position)
    seg = next(one for one in study.objects(read=read, reading=reading) if one.kind is ObjectKind.SEG)
    (tmp_path / "seg").write_bytes(seg.part10)
    written: Dataset = dcmread(tmp_path / "seg")
    expected = lesion_by_place(study)
    names = {header.SOPInstanceUID: header for header in read.headers}
    regions = read_regions(tmp_path / "seg")["Lung opacity"]
    for (uid, _), region in regions.items():
        np.testing.assert_array_equal(region.mask(), expected[float(names[uid].ImagePositionPatient[2])])
    assert len(regions) == sum(mask.any() for mask in expected.values())
    for frame in written.PerFrameFunctionalGroupsSequence:
        referenced = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert frame.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(
            list(names[referenced].ImagePositionPatient)
        )
    measures = written.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert "SpacingBetweenSlices" not in measures
    assert measures.SliceThickness == study.sources[0].SliceThickness


def test_pictures_keep_the_length_of_the_patient(tmp_path: Path) -> None:
    study, read, _ = uneven(tmp_path)
    heights = sorted(float(header.ImagePositionPatient[2]) for header in study.sources)
    grid = read.volume.geometry
    assert (grid.shape[0] - 1) * grid.spacing_mm[0] == pytest.approx(heights[-1] - heights[0])
    assert grid.position_mm((0, 0, 0))[2] == pytest.approx(heights[0])


def test_slices_are_counted_as_a_viewer_counts_them(tmp_path: Path) -> None:
    study, read, reading = uneven(tmp_path)
    objects = study.objects(read=read, reading=reading)
    numbers = {header.SOPInstanceUID: header.InstanceNumber for header in study.sources}
    shown = [dcmread(path) for path in _written(objects, tmp_path) if "key-slice" in path.name]
    used = {item.ReferencedSOPInstanceUID for one in shown for item in one.SourceImageSequence}
    assert len(used) == 3
    assert used <= set(numbers)
    source = source_series(read.headers, read.source_geometry)
    places = slice_names(read.headers, source, read.reorientation, read.spread)
    assert {place.number for place in places} == set(range(1, len(study.sources) + 1))
    assert {place.count for place in places} == {len(study.sources)}
    assert sum(place.is_own for place in places) == len(study.sources)
    assert [place.number for place in places] == sorted((place.number for place in places), reverse=True)


@pytest.mark.parametrize("position", ["HFS", "FFS"])
def test_outlines_lie_on_the_images_that_the_key_objects_name(tmp_path: Path, position: str) -> None:
    study, read, reading = uneven(tmp_path, position)
    objects = study.objects(read=read, reading=reading)
    (selected,) = (dcmread(BytesIO(one.part10)) for one in objects if one.kind is ObjectKind.KOS)
    named = [
        one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for one in selected.ContentSequence
        if one.ValueType == "IMAGE"
    ]
    outlined = [drawn(group, study) for group in planar(objects)]
    assert len(outlined) >= len(named) == 2
    assert {study.sources[index].SOPInstanceUID for index, _ in outlined} == set(named)
    for index, inside in outlined:
        wanted = study.source_masks["lesion"][index]
        assert 2 * np.count_nonzero(inside & wanted) / (np.count_nonzero(inside) + np.count_nonzero(wanted)) > 0.9


def _written(objects: tuple[ResultObject, ...], folder: Path) -> list[Path]:
    paths = []
    for number, one in enumerate(objects):
        paths.append(folder / f"result-{number}-{one.name}")
        paths[-1].write_bytes(one.part10)
    return paths
