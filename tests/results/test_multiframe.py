"""All pages as one object: the same pictures as the single ones, numbered, labelled and in a series of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.results.ct_study import provenance, standard_objects, standard_study
from tests.results.test_sc import BOTTOM, TOP, captures, dataset_of, pages, pictures_of, small_page
from triaged.results.instance import ResultObject
from triaged.study.kinds import ObjectKind


def multiframe() -> ResultObject:
    (one,) = (one for one in standard_objects() if one.kind is ObjectKind.SC_MULTIFRAME)
    return one


def test_its_frames_are_the_single_pictures_in_their_order() -> None:
    made = dataset_of(multiframe())
    assert made.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.4"
    assert made.NumberOfFrames == len(captures()) == len(pages())
    for frame, capture in zip(made.pixel_array, captures(), strict=True):
        np.testing.assert_array_equal(frame, capture.pixel_array)


def test_simpleitk_decodes_the_pages_as_they_were_drawn(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    drawn = np.stack([page.pixels for page in pages()])
    singles = [one for one in standard_objects() if one.kind is ObjectKind.SC]
    for one, expected in ((multiframe(), drawn), *zip(singles, drawn[:, None], strict=True)):
        (tmp_path / "picture.dcm").write_bytes(one.part10)
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "picture.dcm")))
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_it_shares_no_uid_with_the_single_pictures_for_which_it_stands() -> None:
    made = dataset_of(multiframe())
    assert made.SOPInstanceUID not in {capture.SOPInstanceUID for capture in captures()}
    assert made.SeriesInstanceUID not in {capture.SeriesInstanceUID for capture in captures()}
    assert made.StudyInstanceUID == captures()[0].StudyInstanceUID
    assert made.SeriesNumber == captures()[0].SeriesNumber
    assert made.SeriesDescription == captures()[0].SeriesDescription


def test_frames_are_numbered_and_each_has_a_label_of_its_own() -> None:
    made = dataset_of(multiframe())
    assert [hex(tag) for tag in made.FrameIncrementPointer] == ["0x182001", "0x182002"]
    assert list(made.PageNumberVector) == list(range(1, len(pages()) + 1))
    labels = list(made.FrameLabelVector)
    assert len(set(labels)) == len(labels) == len(pages())
    assert all(0 < len(label) <= 16 for label in labels)
    for page, label in zip(pages(), labels, strict=True):
        assert page.title.replace(",", "").startswith(label)
        assert page.title in made.ImageComments


def test_it_says_that_it_is_derived_and_has_text_burned_in() -> None:
    made = dataset_of(multiframe())
    assert made.ImageType == ["DERIVED", "SECONDARY"]
    assert made.ConversionType == "WSD"
    assert made.BurnedInAnnotation == "YES"
    assert made.ContentQualification == "RESEARCH"
    assert made.InstanceNumber == 1
    assert "PixelSpacing" not in made, "pages differ in scale"


def test_it_names_every_image_that_a_page_shows_once() -> None:
    study = standard_study()
    some = (small_page("projection"), small_page("low", (BOTTOM,)), small_page("both", (BOTTOM, TOP)))
    made = dataset_of(pictures_of(study, *some)[-1])
    named = [str(item.ReferencedSOPInstanceUID) for item in made.SourceImageSequence]
    assert named == [str(study.sources[index].SOPInstanceUID) for index in (0, 15, 29, BOTTOM, TOP)]
    assert [code.CodeValue for code in made.DerivationCodeSequence] == ["113042", "113091"]


def test_a_long_title_is_cut_between_words_and_one_long_word_gives_way_to_the_name() -> None:
    study = standard_study()
    titles = {
        "Change since the earlier study": "Change since the",
        "Sagittal right, severity": "Sagittal right",
        "Electroencephalograms": "page",
    }
    some = [replace(small_page("page"), title=title) for title in titles]
    made: Dataset = dataset_of(pictures_of(study, *some)[-1])
    assert list(made.FrameLabelVector) == list(titles.values())


def test_pages_of_different_sizes_cannot_be_frames_of_one_object() -> None:
    large = replace(small_page("large"), pixels=np.zeros((6, 11, 3), np.uint8))
    with pytest.raises(ValueError, match="expected one size, found"):
        pictures_of(standard_study(), small_page("page"), large)


def test_it_stays_below_three_megabytes() -> None:
    assert len(multiframe().part10) < 3_000_000


def test_equal_pages_give_equal_bytes_and_another_model_gives_another_object() -> None:
    study = standard_study()
    first, again = (pictures_of(study, small_page("page"))[-1] for _ in range(2))
    assert first.part10 == again.part10
    other = replace(provenance(study.sources), model_sha256="6f" * 32)
    assert other.uid("sc-multiframe") != first.sop_instance_uid == provenance(study.sources).uid("sc-multiframe")
