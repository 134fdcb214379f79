"""One radiograph of a study is scored, by rules that can be read, and every other one has its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exams.ct_headers import NOON, SECONDARY_CAPTURE, ct_series, localizer, series_of
from tests.exams.xray.files import CR, RAW
from tests.exams.xray.headers import HEADER, header, shot
from triaged.exams.xray.choice import choose, choose_again, is_whole
from triaged.study.assessment import OUT_OF_SCOPE_CODES, Reason, ReasonCode
from triaged.study.completeness import Candidate, Cause, Complete, CompletionOptions, Wait, decide
from triaged.study.ranking import RequestPriority
from triaged.study.records import InstanceHeader, Series
from triaged.study.uids import SOPInstanceUID, StudyUID


def chosen_of(*series: Series) -> Series:
    """Return the chosen one, the same whatever order the series came in."""
    choices = [choose(series[start:] + series[:start]) for start in range(len(series))]
    assert len({choice.chosen for choice in choices}) == 1
    (first, *_) = choices
    assert first.chosen is not None
    assert first.reason is None
    assert len(first.chosen.instances) == 1
    return next(each for each in series if each.series_uid == first.chosen.series_uid)


def reason_of(*series: Series) -> Reason:
    choice = choose(series)
    assert choice.chosen is None
    assert choice.reason is not None
    assert choice.reason.code in OUT_OF_SCOPE_CODES | {ReasonCode.TOO_LARGE}
    assert {uid for uid, _ in choice.declined} == {each.series_uid for each in series}
    return choice.reason


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sop_class_uid": CR, "modality": "CR", "intent": None},
        {"sop_class_uid": RAW, "intent": "FOR PROCESSING"},
        {"view_position": "AP", "posture": "supine"},
        {"view_position": None, "body_part_examined": None},
        {"radiography": None},
        {"rows": 512, "columns": 640},
    ],
)
def test_a_frontal_chest_alone_is_chosen(changes: dict[str, Any]) -> None:
    series = series_of([replace(HEADER, radiography=None)]) if "radiography" in changes else shot(**changes)
    assert choose([series]).chosen == series


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"sop_class_uid": SECONDARY_CAPTURE}, ReasonCode.NOT_A_RADIOGRAPH, "Secondary Capture"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.2", "modality": "MG"}, ReasonCode.NOT_A_RADIOGRAPH, "found MG"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.3", "modality": "IO"}, ReasonCode.NOT_A_RADIOGRAPH, "found IO"),
        ({"samples_per_pixel": 3}, ReasonCode.NOT_A_RADIOGRAPH, "colour"),
        ({"number_of_frames": 20}, ReasonCode.NOT_A_RADIOGRAPH, "20"),
        ({"series_description": "Chest PA BONE SUPPRESSED"}, ReasonCode.NOT_A_RADIOGRAPH, "'bone suppress'"),
        ({"descriptions": ("Dual Energy soft tissue",)}, ReasonCode.NOT_A_RADIOGRAPH, "'dual energy'"),
        ({"descriptions": ("Tube/line enhanced", "line enhanced")}, ReasonCode.NOT_A_RADIOGRAPH, "'line enhanc'"),
        ({"series_description": "CAD mark-up"}, ReasonCode.NOT_A_RADIOGRAPH, "expected an image as it was exposed"),
        ({"image_type": ("DERIVED", "PRIMARY", "ENERGY_SUB")}, ReasonCode.NOT_A_RADIOGRAPH, "ENERGY in Image Type"),
        ({"image_type": ("DERIVED", "SECONDARY", "SCREEN SAVE")}, ReasonCode.NOT_A_RADIOGRAPH, "SCREEN in Image Type"),
        ({"body_part_examined": "HAND"}, ReasonCode.NOT_CHEST, "another part"),
        ({"body_part_examined": "ABDOMEN"}, ReasonCode.NOT_CHEST, "another part"),
        ({"body_part_examined": "TSPINE"}, ReasonCode.NOT_CHEST, "another part"),
        ({"body_part_examined": None, "anatomic_region": "Knee joint"}, ReasonCode.NOT_CHEST, "another part"),
        ({"body_part_examined": None, "series_description": "Abdomen a.p."}, ReasonCode.NOT_CHEST, "another part"),
        ({"body_part_examined": None, "ordered": ("XR left foot",)}, ReasonCode.NOT_CHEST, "another part"),
        ({"view_position": "LL"}, ReasonCode.NO_FRONTAL_CHEST, "View Position LL"),
        ({"view_position": "LATERAL"}, ReasonCode.NO_FRONTAL_CHEST, "lateral"),
        ({"view_position": "LPO"}, ReasonCode.NO_FRONTAL_CHEST, "View Position LPO"),
        ({"view_position": "RLD"}, ReasonCode.NO_FRONTAL_CHEST, "View Position RLD"),
        ({"view_position": None, "view_meaning": "left lateral"}, ReasonCode.NO_FRONTAL_CHEST, "lateral"),
        (
            {"view_position": None, "view_code": "399312000", "view_meaning": "antero-posterior oblique"},
            ReasonCode.NO_FRONTAL_CHEST,
            "oblique",
        ),
        ({"view_position": None, "patient_orientation": ("A", "F")}, ReasonCode.NO_FRONTAL_CHEST, "from back to front"),
        (
            {"view_position": None, "patient_orientation": (), "series_description": "Thorax seitlich"},
            ReasonCode.NO_FRONTAL_CHEST,
            "seitlich",
        ),
        ({"rows": 511}, ReasonCode.TOO_SMALL, "511 x 2500"),
        ({"rows": None}, ReasonCode.TOO_SMALL, "0 x 2500"),
        ({"rows": 9000, "columns": 8000}, ReasonCode.TOO_LARGE, "72000000"),
    ],
)
def test_what_is_no_frontal_chest_has_its_reason(changes: dict[str, Any], code: ReasonCode, words: str) -> None:
    reason = reason_of(shot(**changes))
    assert reason.code is code
    assert words in reason.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"body_part_examined": "CHEST_TO_PELVIS"},
        {"body_part_examined": None, "series_description": "Chest and abdomen"},
        {"body_part_examined": "CHEST", "series_description": "Ribs"},
        {"ordered": ("Chest PA and lateral",)},
        {"view_position": None, "patient_orientation": (), "ordered": ("Chest PA and lateral",)},
        {"series_description": "Chest portable, tube position?"},
        {"image_type": ("ORIGINAL", "PRIMARY", "", "STANDARD")},
    ],
)
def test_words_that_name_a_chest_among_others_decline_nothing(changes: dict[str, Any]) -> None:
    assert choose([shot(**changes)]).chosen is not None


@pytest.mark.parametrize(
    ("better", "worse", "words"),
    [
        ({}, {"body_part_examined": None}, "a chest: chest, here unsaid"),
        ({"view_position": "AP"}, {"view_position": None, "patient_orientation": ()}, "is said: AP, here unknown"),
        ({}, {"view_position": None}, "a view that is said: PA, here frontal by its orientation"),
        (
            {"view_position": None},
            {"view_position": None, "patient_orientation": (), "acquired_at": None},
            "a view that is said: frontal by its orientation, here unknown",
        ),
        (
            {"view_position": None},
            {"view_position": None, "acquired_at": "20260105120100.0"},
            "most often from the front",
        ),
        ({"view_position": None}, {"view_position": None, "instance_number": 2}, "most often from the front"),
        ({}, {"image_type": ("DERIVED", "SECONDARY")}, "an image as acquired"),
        ({}, {"sop_class_uid": RAW, "intent": "FOR PROCESSING"}, "presentation: presentation, here raw"),
        ({}, {"rows": 1800}, "a whole field: 1470 cm2, here 882 cm2"),
        ({}, {"posture": None}, "an upright PA view: PA, upright position, here PA, unknown position"),
        ({}, {"view_position": "AP"}, "an upright PA view"),
        ({"view_position": "AP"}, {"view_position": "AP", "posture": "supine"}, "here AP, supine position"),
        ({"acquired_at": "20260105120001.000000"}, {}, "the latest exposure: 12:00:01, here 12:00:00"),
        ({}, {"acquired_at": None}, "here no time"),
        ({"instance_number": 2}, {"rows": 3100}, "the later image: image 2, here image 1"),
        ({"rows": 3100}, {}, "the larger field: 1519 cm2, here 1470 cm2"),
    ],
)
def test_of_two_frontal_chests_the_better_one_is_read(
    better: dict[str, Any], worse: dict[str, Any], words: str
) -> None:
    first, second = shot(**better), shot(**worse)
    assert chosen_of(first, second) is first
    ((uid, why),) = choose([second, first]).declined
    assert uid == second.series_uid
    assert words in why
    assert str(first.series_uid) in why


def test_a_difference_that_matters_more_decides_against_all_that_matter_less() -> None:
    first = shot(view_position="AP", posture="supine", acquired_at=None, rows=2200)
    second = shot(sop_class_uid=RAW, intent="FOR PROCESSING", acquired_at="20260106120000.0", rows=3100)
    assert chosen_of(first, second) is first


def test_areas_are_not_compared_where_one_of_them_has_no_millimetres() -> None:
    coarse = shot(rows=1000, columns=900, detector_spacing_mm=None, acquired_at="20260105120001.0")
    assert chosen_of(coarse, shot()) is coarse


def test_several_exposures_of_one_series_have_their_reasons_too() -> None:
    images = [
        header(instance_number=1, acquired_at="20260105120000.0"),
        header(instance_number=2, acquired_at="20260105120500.0"),
        header(instance_number=3, view_position="LL"),
        header(instance_number=None, series_description="bone suppressed"),
    ]
    series = series_of(images)
    choice = choose([series])
    assert choice.chosen == Series(series.series_uid, series.instances[1:2])
    assert choice.declined == ()
    said = choice.words.split("; ")
    assert said[0] == "chosen: image 2"
    assert "image 3: expected a frontal view, found View Position LL" in said
    assert any(part.startswith("image 1: image 2 is preferred for the latest exposure") for part in said)
    assert any("'bone suppress'" in part and str(series.instances[3].sop_instance_uid) in part for part in said)


def test_a_series_of_one_image_is_just_chosen() -> None:
    assert choose([shot(), shot(view_position="LL")]).words == "chosen"


def test_the_images_of_a_declined_series_are_named_where_their_reasons_differ() -> None:
    alike = series_of([header(view_position="LL", instance_number=number) for number in (1, 2)])
    mixed = series_of([header(view_position="LL"), header(rows=100, instance_number=2)])
    reasons = dict(choose([shot(), alike, mixed]).declined)
    assert reasons[alike.series_uid] == "expected a frontal view, found View Position LL"
    assert reasons[mixed.series_uid] == (
        "image 1: expected a frontal view, found View Position LL; "
        "image 2: expected at least 512 rows and columns, found 100 x 2500"
    )


def test_the_study_has_the_reason_of_the_image_that_came_furthest() -> None:
    assert reason_of(ct_series(), localizer(), shot(view_position="LL")).code is ReasonCode.NO_FRONTAL_CHEST
    assert reason_of(ct_series()).code is ReasonCode.NOT_A_RADIOGRAPH
    assert choose([]).reason == Reason(ReasonCode.NOT_A_RADIOGRAPH, "expected a radiograph, found no image")


def test_no_reason_quotes_what_a_person_wrote() -> None:
    secret = "Doe^Jane 1970"
    told = shot(
        view_position=f"LATERAL {secret}",
        series_description=f"{secret} bone suppressed {secret}",
        descriptions=(secret,),
        body_part_examined=secret,
        patient_orientation=(f"A{secret}", "F"),
    )
    assert "Doe" not in str(choose([told]))


sights = st.fixed_dictionaries(
    {
        "view_position": st.sampled_from(["PA", "AP", "LL", None, "", "QX"]),
        "posture": st.sampled_from(["erect", "supine", None]),
        "body_part_examined": st.sampled_from(["CHEST", None, "HAND"]),
        "rows": st.sampled_from([None, 100, 2000, 3000]),
        "acquired_at": st.sampled_from([None, "20260105120000.0"]),
    }
)


@given(st.lists(st.lists(sights, min_size=1, max_size=3), max_size=3))
def test_every_image_of_any_study_is_chosen_or_has_a_reason(study: list[list[dict[str, Any]]]) -> None:
    series = [series_of([header(instance_number=number, **each) for number, each in enumerate(one)]) for one in study]
    choice = choose(series)
    assert (choice.chosen is None) != (choice.reason is None)
    named = {uid for uid, _ in choice.declined}
    uid = None if choice.chosen is None else choice.chosen.series_uid
    assert named == {one.series_uid for one in series} - {uid}
    if choice.chosen is not None:
        assert len(choice.chosen.instances) == 1
        beside = next(len(one.instances) for one in series if one.series_uid == uid) - 1
        assert choice.words.count("image") >= beside


def candidate(*series: Series, open_associations: int = 0, seconds: float = 0.0) -> Candidate:
    last = max(instance.received_at for each in series for instance in each.instances)
    return Candidate(
        StudyUID.parse("1.2.3"),
        1,
        NOON,
        last,
        open_associations,
        None if open_associations else last + timedelta(seconds=seconds),
        RequestPriority.UNKNOWN,
        tuple(series),
    )


def test_a_study_is_complete_when_the_association_that_brought_a_frontal_image_has_ended_and_settled() -> None:
    options = CompletionOptions(settle_s=2.0, quiet_s=30.0)
    frontal, later = candidate(shot()), NOON + timedelta(seconds=3)
    assert decide(frontal, is_whole, options=options, now=later) == Complete(Cause.WHOLE)
    assert isinstance(decide(frontal, is_whole, options=options, now=NOON), Wait)
    still_open = candidate(shot(), open_associations=1)
    assert isinstance(decide(still_open, is_whole, options=options, now=later), Wait)
    lateral = candidate(shot(view_position="LL"))
    assert isinstance(decide(lateral, is_whole, options=options, now=later), Wait)


def test_a_radiograph_kept_by_an_earlier_version_is_still_one() -> None:
    old = InstanceHeader(CR, "CR", body_part_examined="CHEST", rows=2000, columns=2000, samples_per_pixel=1)
    assert is_whole([series_of([old])])


def _refused(*seen: Series, code: ReasonCode = ReasonCode.NO_FRONTAL_CHEST) -> dict[SOPInstanceUID, Reason]:
    return {each.instances[0].sop_instance_uid: Reason(code, "expected two lungs, found none") for each in seen}


def test_where_the_chosen_image_is_no_frontal_chest_the_next_one_is_read_and_says_so() -> None:
    unsaid = [shot(view_position="", patient_orientation=(), acquired_at=f"2026010512000{n}") for n in range(4)]
    first = choose(unsaid).chosen
    assert first == unsaid[0]
    again = choose_again(unsaid, _refused(unsaid[0]))
    assert again is not None
    assert again.chosen == unsaid[1]
    declined = dict(again.declined)
    assert declined[unsaid[0].series_uid] == "expected two lungs, found none"
    assert f"series {unsaid[1].series_uid} is preferred" in declined[unsaid[2].series_uid]
    assert choose_again(unsaid, _refused(unsaid[0])) == again


def test_three_images_are_tried_and_only_for_another_view() -> None:
    unsaid = [shot(view_position="", acquired_at=f"2026010512000{n}") for n in range(4)]
    assert choose_again(unsaid, _refused(*unsaid[:2])) is not None
    assert choose_again(unsaid, _refused(*unsaid[:3])) is None
    assert choose_again(unsaid[:2], _refused(*unsaid[:2])) is None
    assert choose_again(unsaid, _refused(unsaid[0], code=ReasonCode.CORRUPT)) is None
