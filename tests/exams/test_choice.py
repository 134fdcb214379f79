"""One series of a study is scored, by rules that can be read, and every other one has its reason."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from tests.exams.ct_headers import (
    CORONAL,
    CT,
    ENHANCED_CT,
    HEADER,
    SECONDARY_CAPTURE,
    ct_series,
    dose_report,
    localizer,
    series_of,
)
from triaged.exams.ct.choice import aim, choose
from triaged.study.assessment import OUT_OF_SCOPE_CODES, Reason, ReasonCode
from triaged.study.records import Series


def chosen_of(*series: Series) -> Series:
    """Return the chosen one, the same whatever order the series came in."""
    choices = [choose(series[start:] + series[:start]) for start in range(len(series))]
    assert len({choice.chosen for choice in choices}) == 1
    (first, *_) = choices
    assert first.chosen is not None
    assert first.reason is None
    return next(each for each in series if each.series_uid == first.chosen.series_uid)


def reason_of(*series: Series) -> Reason:
    choice = choose(series)
    assert choice.chosen is None
    assert choice.reason is not None
    assert {uid for uid, _ in choice.declined} == {each.series_uid for each in series}
    return choice.reason


def test_the_axial_series_is_chosen_among_localizer_report_and_reformats() -> None:
    axial = ct_series()
    reformat = ct_series(image_type=("DERIVED", "SECONDARY", "MPR"))
    coronal = ct_series(image_orientation_patient=CORONAL)
    assert chosen_of(localizer(), axial, dose_report(), reformat, coronal) is axial


def test_every_series_that_is_not_chosen_has_a_reason_in_words() -> None:
    others = [localizer(), dose_report(), ct_series(spacing_mm=5.0, count=60), ct_series(count=4)]
    best = ct_series()
    choice = choose([*others, best])
    assert choice.chosen == best
    reasons = dict(choice.declined)
    assert set(reasons) == {series.series_uid for series in others}
    assert "localizer" in reasons[others[0].series_uid]
    assert "expected CT images, found SC" in reasons[others[1].series_uid]
    assert "preferred for thin slices" in reasons[others[2].series_uid]
    assert "at least 8 slices, found 4" in reasons[others[3].series_uid]


def test_thin_slices_come_before_thick_ones_with_a_lung_kernel() -> None:
    thin = ct_series(spacing_mm=1.0, count=300, convolution_kernel="B31f")
    thick = ct_series(spacing_mm=5.0, count=60, convolution_kernel="B70f")
    assert chosen_of(thick, thin) is thin


def test_a_lung_kernel_comes_first_among_like_thickness() -> None:
    soft = ct_series(spacing_mm=1.0, count=300, convolution_kernel="STANDARD")
    unknown = ct_series(spacing_mm=1.0, count=300, convolution_kernel="XYZ")
    lung = ct_series(spacing_mm=1.25, count=240, convolution_kernel="LUNG")
    assert chosen_of(soft, lung, unknown) is lung
    assert chosen_of(soft, unknown) is unknown


def test_the_thinner_comes_first_among_the_same_kernel() -> None:
    fine, finer = ct_series(spacing_mm=1.25, count=240), ct_series(spacing_mm=1.0, count=300)
    assert chosen_of(fine, finer) is finer


def test_a_few_thin_slices_do_not_displace_a_series_that_covers_the_chest() -> None:
    sample = ct_series(spacing_mm=1.0, count=12)
    whole = ct_series(spacing_mm=5.0, count=60)
    assert chosen_of(sample, whole) is whole


def test_thick_slices_far_apart_count_as_thick_though_each_is_thin() -> None:
    skipping = ct_series(spacing_mm=8.0, slice_thickness_mm=1.0, count=40)
    contiguous = ct_series(spacing_mm=3.0, count=100)
    assert chosen_of(skipping, contiguous) is contiguous


def test_originals_come_before_derived_images() -> None:
    original = ct_series(spacing_mm=3.0, count=100)
    derived = ct_series(spacing_mm=1.0, count=300, image_type=("DERIVED", "SECONDARY", "AXIAL"))
    assert chosen_of(derived, original) is original


def test_derived_axial_slices_are_scored_where_nothing_better_came() -> None:
    derived = ct_series(image_type=("DERIVED", "SECONDARY"))
    assert chosen_of(derived, localizer()) is derived


def test_a_chest_comes_before_a_series_of_an_unsaid_body_part() -> None:
    unsaid = ct_series(spacing_mm=1.0, count=300, body_part_examined=None)
    chest = ct_series(spacing_mm=2.0)
    assert chosen_of(unsaid, chest) is chest


@pytest.mark.parametrize(
    "part", [None, "", "ABDOMEN", "CHEST_TO_PELVIS", "Thorax", "CAP", "WHOLEBODY", "HEART", "HEAD CHEST"]
)
def test_body_parts_that_may_hold_the_lungs_are_scored(part: str | None) -> None:
    assert choose([ct_series(body_part_examined=part)]).chosen is not None


@pytest.mark.parametrize("part", ["HEAD", "KNEE", "LSPINE", "Neck", "PELVIS", "EAR", "HIP", "EXTREMITY"])
def test_another_body_part_is_out_of_scope(part: str) -> None:
    reason = reason_of(ct_series(body_part_examined=part), localizer())
    assert reason.code is ReasonCode.NOT_CHEST
    assert part in reason.detail


def test_a_whole_series_comes_before_a_thinner_one_with_a_gap() -> None:
    gapped = ct_series(spacing_mm=1.0, count=300, without=[150])
    whole = ct_series(spacing_mm=3.0, count=100)
    assert chosen_of(gapped, whole) is whole
    assert "missing" in dict(choose([gapped, whole]).declined)[gapped.series_uid]


def test_the_aim_is_the_series_that_would_be_best_if_whole() -> None:
    gapped = ct_series(spacing_mm=1.0, count=300, without=[150])
    target = aim([gapped, ct_series(spacing_mm=3.0, count=100)])
    assert target is not None
    assert target.series == gapped


def test_a_faulty_series_is_chosen_when_it_is_the_only_one_so_that_reading_names_the_fault() -> None:
    gapped = ct_series(without=[70])
    assert chosen_of(gapped, localizer()) is gapped


def test_localizers_within_a_series_are_left_out_of_it() -> None:
    scout = dataclasses.replace(
        HEADER, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), image_orientation_patient=CORONAL
    )
    slices = [instance.image for instance in ct_series().instances]
    choice = choose([series_of([scout, *slices])])
    assert choice.chosen is not None
    assert [instance.image for instance in choice.chosen.instances] == slices


def test_an_enhanced_image_is_chosen_by_its_frames() -> None:
    enhanced = series_of(
        [dataclasses.replace(HEADER, sop_class_uid=ENHANCED_CT, number_of_frames=200, slice_thickness_mm=1.5)]
    )
    assert chosen_of(enhanced, ct_series(spacing_mm=5.0, count=60), localizer()) is enhanced


def test_the_choice_between_equals_does_not_depend_on_their_order() -> None:
    chosen_of(ct_series(), ct_series(), ct_series())


def test_equals_are_ordered_by_series_number_first() -> None:
    later, earlier = ct_series(series_number=5), ct_series(series_number=4)
    assert chosen_of(later, earlier) is earlier


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4", "modality": "MR"}, ReasonCode.NO_CT),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, ReasonCode.LOCALIZER_ONLY),
        ({"series_description": "Topogram 0.6 T20f", "image_type": ("ORIGINAL",)}, ReasonCode.LOCALIZER_ONLY),
        ({"image_type": ("DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MPR")}, ReasonCode.NO_AXIAL_SERIES),
        ({"image_type": ("DERIVED", "SECONDARY", "SCREEN SAVE")}, ReasonCode.NO_AXIAL_SERIES),
        ({"image_type": ("DERIVED", "PRIMARY", "PERFUSION", "RCBF")}, ReasonCode.NO_AXIAL_SERIES),
        ({"series_description": "Dose Report"}, ReasonCode.NO_AXIAL_SERIES),
        ({"image_orientation_patient": CORONAL}, ReasonCode.NO_AXIAL_SERIES),
        ({"image_orientation_patient": None}, ReasonCode.NO_AXIAL_SERIES),
        ({"has_rescale": False}, ReasonCode.NON_HU),
        ({"rescale_type": "US"}, ReasonCode.NON_HU),
        ({"samples_per_pixel": 3}, ReasonCode.NON_HU),
        ({"count": 7}, ReasonCode.TOO_FEW_SLICES),
        ({"spacing_mm": 10.5, "count": 30}, ReasonCode.SPACING_TOO_WIDE),
    ],
)
def test_a_study_with_nothing_to_score_is_out_of_scope_for_its_own_reason(
    changes: dict[str, Any], code: ReasonCode
) -> None:
    reason = reason_of(ct_series(**changes))
    assert reason.code is code
    assert reason.code in OUT_OF_SCOPE_CODES
    assert "expected" in reason.detail


def test_axial_slices_named_after_their_scout_are_no_scout() -> None:
    assert choose([ct_series(series_description="Chest 1.0 after scout")]).chosen is not None


def test_a_capture_of_slices_is_read_where_it_says_all_that_slices_say() -> None:
    wrapped: dict[str, Any] = {"sop_class_uid": SECONDARY_CAPTURE, "modality": "CT"}
    assert choose([ct_series(**wrapped)]).chosen is not None
    assert choose([ct_series(sop_class_uid="1.2.840.113619.4.30")]).chosen is not None
    reason = reason_of(ct_series(**wrapped, has_rescale=False))
    assert reason == Reason(
        ReasonCode.NO_CT, "expected CT images, found Secondary Capture Image Storage of modality CT"
    )


def test_a_capture_among_slices_is_none_of_them() -> None:
    slices, capture = ct_series(count=20), ct_series(count=1, sop_class_uid=SECONDARY_CAPTURE)
    both = replace(slices, instances=(*slices.instances, *capture.instances))
    chosen = choose([both]).chosen
    assert chosen is not None
    assert chosen.instances == slices.instances


def test_the_captures_of_slices_come_after_the_slices() -> None:
    slices, captures = ct_series(series_number=9), ct_series(series_number=1, sop_class_uid=SECONDARY_CAPTURE)
    assert chosen_of(captures, slices) is slices


def test_the_studys_reason_is_that_of_the_series_that_came_furthest() -> None:
    assert reason_of(dose_report(), localizer()).code is ReasonCode.LOCALIZER_ONLY
    assert reason_of(ct_series(count=5), localizer(), dose_report()).code is ReasonCode.TOO_FEW_SLICES


def test_eight_slices_ten_millimetres_apart_are_still_scored() -> None:
    assert choose([ct_series(count=8, spacing_mm=10.0)]).chosen is not None


def test_too_few_slices_name_their_other_fault_too() -> None:
    assert "1 missing" in reason_of(ct_series(count=6, without=[3])).detail


def test_a_study_without_series_has_no_ct() -> None:
    assert reason_of().code is ReasonCode.NO_CT


def test_the_class_of_a_series_is_its_sop_class_not_its_modality_text() -> None:
    assert choose([ct_series(modality="OT", sop_class_uid=CT)]).chosen is not None


@pytest.mark.parametrize(
    ("headers", "is_chest"),
    [
        ({"body_part_examined": "CHEST"}, True),
        ({"body_part_examined": "THORAX"}, True),
        ({"body_part_examined": None, "series_description": "Low dose LUNG 1.0"}, True),
        ({"body_part_examined": None, "series_description": "Tórax s/c"}, True),
        ({"body_part_examined": None, "series_description": "Abdomen 5.0"}, False),
        ({"body_part_examined": "KNEE", "series_description": "chest protocol"}, False),
        ({"body_part_examined": "CHEST", "modality": "MR", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4"}, False),
        ({"body_part_examined": "CHEST", "image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, False),
    ],
)
def test_of_what_is_out_of_scope_a_ct_that_calls_itself_a_chest_is_told_apart(
    headers: dict[str, Any], is_chest: bool
) -> None:
    choice = choose([ct_series(count=5, **headers)])
    assert choice.chosen is None
    assert choice.calls_itself_one is is_chest
