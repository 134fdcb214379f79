"""Of several examinations one reads a study, and the page says of every series why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tests.exams.ct_headers import ct_series, localizer
from tests.exams.xray.headers import shot
from triaged.exams.ct.choice import choose as choose_ct
from triaged.exams.exam import Choice, Examination, first_that_accepts
from triaged.exams.xray.choice import choose as choose_radiograph
from triaged.study.assessment import ReasonCode
from triaged.study.records import Series


@dataclass(frozen=True)
class Chooser:
    """An examination as far as choosing goes."""

    chooses: Any

    def choose(self, series: Sequence[Series]) -> Choice:
        return cast("Choice", self.chooses(series))


CT, XRAY = (cast("Examination", Chooser(each)) for each in (choose_ct, choose_radiograph))
BOTH = [CT, XRAY]


def test_a_study_with_a_readable_ct_and_a_radiograph_is_read_as_ct_and_says_so() -> None:
    ct, frontal, lateral = ct_series(), shot(), shot(view_position="LL")
    examination, choice = first_that_accepts(BOTH, [frontal, lateral, ct])
    assert examination is CT
    assert choice.chosen == ct
    assert dict(choice.declined) == {
        frontal.series_uid: "the study is read as CT, which comes first where it can be read",
        lateral.series_uid: "expected a frontal view, found View Position LL; the study is read as CT",
    }


def test_a_radiograph_beside_a_ct_that_cannot_be_read_is_read() -> None:
    scout, frontal = localizer(), shot()
    examination, choice = first_that_accepts(BOTH, [scout, frontal])
    assert examination is XRAY
    assert choice.chosen == frontal
    assert dict(choice.declined) == {
        scout.series_uid: "expected slices, found 2 localizer images; the study is read as DX",
    }


def test_a_series_that_is_of_neither_kind_and_one_of_the_kind_that_is_read_keep_their_own_reasons() -> None:
    ct, scout, other = ct_series(), localizer(), ct_series(sop_class_uid="1.2.840.1", modality="MR")
    found = dict(first_that_accepts(BOTH, [ct, scout, other, shot()])[1].declined)
    assert found[scout.series_uid] == "expected slices, found 2 localizer images"
    assert found[other.series_uid] == "expected CT images, found MR"


def test_a_study_that_none_reads_says_of_each_series_what_its_own_examination_says() -> None:
    scout, lateral = localizer(), shot(view_position="LL")
    _, choice = first_that_accepts(BOTH, [scout, lateral])
    assert choice.chosen is None
    assert dict(choice.declined) == {
        scout.series_uid: "expected slices, found 2 localizer images",
        lateral.series_uid: "expected a frontal view, found View Position LL",
    }


def test_a_study_that_none_reads_has_the_reason_of_the_one_that_came_furthest() -> None:
    reasons = [
        first_that_accepts(BOTH, series)[1].reason
        for series in ([shot(view_position="LL")], [localizer()], [ct_series(sop_class_uid="1.2.840.1", modality="MR")])
    ]
    assert [reason.code for reason in reasons if reason] == [
        ReasonCode.NO_FRONTAL_CHEST,
        ReasonCode.LOCALIZER_ONLY,
        ReasonCode.NO_CT,
    ]
