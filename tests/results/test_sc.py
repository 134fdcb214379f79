"""The pictures as objects of their own: what they say of themselves, and that they hold the pages and nothing else."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import (
    ORIENTATIONS,
    CtStudy,
    ct_study,
    enhanced_ct_study,
    provenance,
    ranking,
    standard_objects,
    standard_study,
)
from triaged.exams.ct.objects import PICTURES
from triaged.exams.ct.pictures.keyslices import SliceName
from triaged.exams.ct.pictures.pages import result_pages
from triaged.exams.ct.pictures.projection import projections
from triaged.imaging.geometry import Reorientation
from triaged.results.instance import ResultObject
from triaged.results.page import Page
from triaged.results.sc import pictures
from triaged.results.source import frames_at, source_series
from triaged.study.kinds import ObjectKind

BOTTOM, TOP = 3, 26


def small_page(name: str, slices: tuple[int, ...] = ()) -> Page:
    pixels = np.random.default_rng(len(name)).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return Page(name, name.capitalize(), pixels, None, None, "", slices)


def pictures_of(study: CtStudy, *pages: Page) -> tuple[ResultObject, ...]:
    source = source_series(study.sources, study.geometry)
    return pictures(source, study.reorientation, pages, provenance(study.sources), PICTURES)


def dataset_of(one: ResultObject) -> Dataset:
    return dcmread(BytesIO(one.part10))


@cache
def pages() -> tuple[Page, ...]:
    """Return the pages of the standard study as they are drawn."""
    study = standard_study()
    views = projections(study.volume, study.reading)
    count = study.geometry.shape[0]
    names = [SliceName(count - index, count, f"instance {index + 1}") for index in range(count)]
    return result_pages(
        study.sources[0],
        study.volume,
        views,
        study.reading,
        ranking(),
        provenance(study.sources),
        slice_names=names,
    )


@cache
def captures() -> tuple[Dataset, ...]:
    return tuple(dataset_of(one) for one in standard_objects() if one.kind is ObjectKind.SC)


def test_there_is_one_picture_for_each_page_in_their_order() -> None:
    names = [one.name for one in standard_objects() if one.kind is ObjectKind.SC]
    assert names == [f"sc-{number}-{page.name}" for number, page in enumerate(pages(), 1)]
    assert [capture.InstanceNumber for capture in captures()] == list(range(1, len(pages()) + 1))
    assert len({capture.SOPInstanceUID for capture in captures()}) == len(pages())
    assert len({capture.SeriesInstanceUID for capture in captures()}) == 1


def test_each_picture_holds_the_pixels_of_its_page() -> None:
    for page, capture in zip(pages(), captures(), strict=True):
        np.testing.assert_array_equal(capture.pixel_array, page.pixels)


def test_every_picture_says_that_it_is_derived_and_has_text_burned_in() -> None:
    for page, capture in zip(pages(), captures(), strict=True):
        assert capture.ImageType == ["DERIVED", "SECONDARY"]
        assert capture.ConversionType == "WSD"
        assert capture.BurnedInAnnotation == "YES"
        assert capture.ContentQualification == "RESEARCH"
        assert capture.Modality == "OT"
        assert capture.BodyPartExamined == "CHEST"
        assert PICTURES.notice in capture.DerivationDescription
        assert page.title in capture.DerivationDescription
        assert capture.ImageComments == f"{PICTURES.notice}. {page.title}."


def test_a_page_of_one_view_is_calibrated_and_oriented_and_any_other_is_not() -> None:
    kinds = set()
    for page, capture in zip(pages(), captures(), strict=True):
        kinds.add(page.pixel_mm is None)
        if page.pixel_mm is None or page.orientation is None:
            assert "PixelSpacing" not in capture
            assert not capture.PatientOrientation
        else:
            assert [float(mm) for mm in capture.PixelSpacing] == pytest.approx([page.pixel_mm] * 2)
            assert capture.PixelSpacingCalibrationType == "GEOMETRY"
            assert list(capture.PatientOrientation) == list(page.orientation)
    assert kinds == {True, False}


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_a_key_slice_names_the_very_image_that_it_shows(position: str) -> None:
    study = ct_study(position)
    made = dataset_of(pictures_of(study, small_page("low", (BOTTOM,)))[0])
    (shown,) = made.SourceImageSequence
    (image,) = (one for one in study.sources if one.SOPInstanceUID == shown.ReferencedSOPInstanceUID)
    height_mm = study.volume.geometry.position_mm((BOTTOM, 0.0, 0.0))[2]
    assert image.ImagePositionPatient[2] == pytest.approx(height_mm, abs=1e-4)
    assert "ReferencedFrameNumber" not in shown
    assert made.DerivationCodeSequence[0].CodeValue == "113091", "shown as it is, not summed up"


def test_a_key_slice_of_an_enhanced_ct_names_the_frame() -> None:
    study = enhanced_ct_study()
    made = dataset_of(pictures_of(study, small_page("two", (BOTTOM, TOP)))[0])
    stored = study.sources[0].PerFrameFunctionalGroupsSequence
    for index, shown in zip((BOTTOM, TOP), made.SourceImageSequence, strict=True):
        assert shown.ReferencedSOPInstanceUID == study.sources[0].SOPInstanceUID
        lies_at = stored[shown.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        height_mm = study.volume.geometry.position_mm((index, 0.0, 0.0))[2]
        assert lies_at[2] == pytest.approx(height_mm, abs=1e-4)


def test_a_projection_names_the_first_the_middle_and_the_last_image() -> None:
    study = standard_study()
    made = dataset_of(pictures_of(study, small_page("projection"))[0])
    named = [item.ReferencedSOPInstanceUID for item in made.SourceImageSequence]
    assert named == [study.sources[index].SOPInstanceUID for index in (0, 15, 29)]
    assert made.DerivationCodeSequence[0].CodeValue == "113042"
    whole = dataset_of(pictures_of(enhanced_ct_study(), small_page("projection"))[0])
    assert ["ReferencedFrameNumber" in item for item in whole.SourceImageSequence] == [False]


def test_slices_that_were_not_images_of_the_source_are_not_taken_for_some() -> None:
    study = standard_study()
    source = source_series(study.sources, study.geometry)
    assert frames_at(source, Reorientation((1, 0, 2), (False, False, False)), (BOTTOM,)) == ()
    assert frames_at(source, Reorientation((0, 1, 2), (True, False, False)), (0,)) == (source.frames[-1],)


def test_a_source_that_lost_something_stays_lossy_in_all_that_shows_its_pixels() -> None:
    def squeezed(header: Dataset) -> None:
        header.LossyImageCompression = "01"
        header.LossyImageCompressionRatio = ["9.5", "2"]
        header.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_15444_1"]

    study = ct_study(change=squeezed)
    for one in (*pictures_of(study, small_page("page")), study.segmentation()):
        made = dataset_of(one)
        assert made.LossyImageCompression == "01"
        assert [float(ratio) for ratio in made.LossyImageCompressionRatio] == [9.5, 2.0]
        assert made.LossyImageCompressionMethod == ["ISO_10918_1", "ISO_15444_1"]
    for capture in captures():
        assert capture.LossyImageCompression == "00"
        assert "LossyImageCompressionRatio" not in capture


def test_the_single_pictures_of_a_study_stay_below_three_megabytes() -> None:
    assert sum(len(one.part10) for one in standard_objects() if one.kind is ObjectKind.SC) < 3_000_000


def test_an_odd_number_of_pixels_is_kept() -> None:
    page = replace(small_page("odd"), pixels=np.arange(45, dtype=np.uint8).reshape(3, 5, 3))
    for made in map(dataset_of, pictures_of(standard_study(), page)):
        np.testing.assert_array_equal(made.pixel_array, page.pixels)


def test_each_frame_is_one_fragment_that_the_offset_table_points_at() -> None:
    some = [small_page("one"), small_page("three")]
    made = dataset_of(pictures_of(standard_study(), *some)[-1])
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    content = made.PixelData
    item, length, first, second = struct.unpack("<4s3L", content[:16])
    assert (item, length, first) == (b"\xfe\xff\x00\xe0", 8, 0)
    assert content[16:20] == content[16 + second : 20 + second] == b"\xfe\xff\x00\xe0", "an item begins there"
    assert second == 8 + int.from_bytes(content[20:24], "little"), "the second frame follows the first one's only item"
