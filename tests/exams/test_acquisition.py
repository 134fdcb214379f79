"""What a header says of how a series was made; silence stays silence."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from tests.dicom.factory import ct_slice, enhanced_ct, picture
from triaged.exams.ct.decoding.acquisition import acquisition_of


def header(**changes: Any) -> Dataset:
    image = ct_slice(0, picture()[0])
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    return image


@pytest.mark.parametrize(("age", "years"), [("034Y", 34.0), ("018M", 1.5), ("026W", 0.498), ("010D", 0.027)])
def test_patients_age_is_given_in_years(age: str, years: float) -> None:
    assert acquisition_of(header(PatientAge=age)).age_years == pytest.approx(years, abs=0.001)


def test_without_an_age_birth_and_study_date_give_it() -> None:
    made = acquisition_of(header(PatientBirthDate="19700101", StudyDate="20200101"))
    assert made.age_years == pytest.approx(50.0, abs=0.01)


@pytest.mark.parametrize("changes", [{}, {"PatientBirthDate": ""}, {"StudyDate": "19600101"}])
def test_an_age_that_cannot_be_known_is_none(changes: dict[str, str]) -> None:
    assert acquisition_of(header(**changes)).age_years is None


@pytest.mark.parametrize(
    ("agent", "contrast"),
    [
        ("Ultravist 370", True),
        ("CE", True),
        ("NONE", False),
        ("W/O", False),
        ("no contrast", False),
        ("NORMAL SALINE", True),
    ],
)
def test_a_contrast_agent_is_what_is_named_as_one(agent: str, contrast: bool) -> None:
    assert acquisition_of(header(ContrastBolusAgent=agent)).contrast is contrast


def test_silence_about_contrast_is_not_taken_for_none() -> None:
    assert acquisition_of(header()).contrast is None
    assert acquisition_of(header(ContrastBolusAgent="")).contrast is None


def test_enhanced_images_say_in_their_groups_whether_contrast_was_given() -> None:
    image = enhanced_ct()
    usage = Dataset()
    usage.ContrastBolusAgentAdministered = "YES"
    image.SharedFunctionalGroupsSequence[0].ContrastBolusUsageSequence = [usage]
    assert acquisition_of(image).contrast is True


def test_thickness_and_kernel_are_taken_as_they_stand() -> None:
    made = acquisition_of(header(SliceThickness=1.25, ConvolutionKernel=["I70f", "3"]))
    assert made.slice_thickness_mm == 1.25
    assert made.convolution_kernel == "I70f"


def test_a_thickness_of_zero_says_nothing() -> None:
    assert acquisition_of(header(SliceThickness=0)).slice_thickness_mm is None
