"""A study is complete when what is to be scored is whole and quiet, when nothing comes any more, or at last anyway."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.exams.ct_headers import ENHANCED_CT, HEADER, NOON, ct_series, dose_report, localizer, series_of
from triaged.exams.ct.choice import is_whole
from triaged.study.completeness import Candidate, Cause, Complete, CompletionOptions, Verdict, Wait, decide
from triaged.study.ranking import RequestPriority
from triaged.study.records import InstanceHeader, Series
from triaged.study.uids import StudyUID

OPTIONS = CompletionOptions(settle_s=2.0, quiet_s=30.0, max_wait_s=600.0)
MILLISECOND = timedelta(milliseconds=1)
QUIET = timedelta(seconds=30)


def candidate(
    series: Sequence[Series],
    *,
    open_associations: int = 0,
    closed_at: datetime | None = None,
    first_at: datetime | None = None,
) -> Candidate:
    arrivals = [instance.received_at for each in series for instance in each.instances]
    return Candidate(
        study_uid=StudyUID.parse("1.2.3"),
        revision=1,
        first_instance_at=first_at or min(arrivals),
        last_instance_at=max(arrivals),
        open_associations=open_associations,
        last_association_closed_at=closed_at or (None if open_associations else max(arrivals)),
        order_priority=RequestPriority.UNKNOWN,
        series=tuple(series),
    )


def _arriving(headers: Sequence[InstanceHeader], arrivals: Sequence[datetime]) -> Series:
    """Return a series whose instances arrived at these times."""
    series = series_of(headers)
    instances = tuple(
        dataclasses.replace(instance, received_at=at) for instance, at in zip(series.instances, arrivals, strict=True)
    )
    return dataclasses.replace(series, instances=instances)


def verdict(study: Candidate, at: datetime) -> Verdict:
    return decide(study, is_whole, options=OPTIONS, now=at)


class TestDecision:
    def test_a_whole_series_is_complete_as_soon_as_it_settled_and_not_a_millisecond_before(self) -> None:
        study = candidate([ct_series()])
        settled = study.last_instance_at + timedelta(seconds=2)
        assert verdict(study, settled) == Complete(Cause.WHOLE)
        assert verdict(study, settled - MILLISECOND) == Wait(settled)

    def test_settling_counts_from_the_end_of_the_last_association(self) -> None:
        closed = NOON + timedelta(seconds=10)
        study = candidate([ct_series()], closed_at=closed)
        assert verdict(study, closed + timedelta(seconds=2)) == Complete(Cause.WHOLE)
        assert verdict(study, closed + timedelta(seconds=2) - MILLISECOND) == Wait(closed + timedelta(seconds=2))

    def test_settling_counts_from_the_last_instance_when_an_association_ended_before(self) -> None:
        study = candidate([ct_series()], closed_at=NOON - timedelta(seconds=20))
        settled = study.last_instance_at + timedelta(seconds=2)
        assert verdict(study, settled - MILLISECOND) == Wait(settled)

    def test_a_whole_series_waits_while_an_association_is_open(self) -> None:
        study = candidate([ct_series()], open_associations=1)
        assert verdict(study, study.last_instance_at + timedelta(seconds=29)) == Wait(
            study.last_instance_at + timedelta(seconds=30)
        )

    def test_an_idle_open_association_does_not_hold_the_study_for_ever(self) -> None:
        study = candidate([ct_series()], open_associations=1)
        assert verdict(study, study.last_instance_at + timedelta(seconds=30)) == Complete(Cause.QUIET)

    def test_a_series_with_a_gap_waits_until_it_is_quiet_and_not_a_millisecond_less(self) -> None:
        study = candidate([ct_series(without=[70])])
        quiet = study.last_instance_at + timedelta(seconds=30)
        assert verdict(study, quiet - MILLISECOND) == Wait(quiet)
        assert verdict(study, quiet) == Complete(Cause.QUIET)

    def test_a_study_that_never_falls_quiet_is_read_after_the_longest_wait(self) -> None:
        headers = [each.image for each in ct_series(count=60, without=[30]).instances]
        arrivals = [NOON + timedelta(seconds=11 * number) for number in range(len(headers))]
        study = candidate([_arriving(headers, arrivals)], open_associations=1)
        longest = NOON + timedelta(seconds=600)
        assert study.last_instance_at > longest
        assert verdict(study, longest) == Complete(Cause.MAX_WAIT)
        assert verdict(study, longest - MILLISECOND) == Wait(longest)

    def test_a_late_slice_starts_the_longest_wait_anew(self) -> None:
        old = ct_series(without=[70])
        late = ct_series(count=20, without=[7], at=NOON + timedelta(days=1))
        study = candidate([old, late], open_associations=1)
        quiet = study.last_instance_at + timedelta(seconds=30)
        assert verdict(study, study.last_instance_at + timedelta(seconds=1)) == Wait(quiet)

    @pytest.mark.parametrize(("pause", "begins_after"), [(QUIET, QUIET), (QUIET - MILLISECOND, timedelta(0))])
    def test_the_longest_wait_begins_anew_after_a_pause_of_just_the_quiet_time(
        self, pause: timedelta, begins_after: timedelta
    ) -> None:
        headers = [each.image for each in ct_series(count=60, without=[30]).instances]
        arrivals = [NOON, *(NOON + pause + timedelta(seconds=11 * number) for number in range(len(headers) - 1))]
        study = candidate([_arriving(headers, arrivals)], open_associations=1)
        longest = NOON + begins_after + timedelta(seconds=600)
        assert verdict(study, longest) == Complete(Cause.MAX_WAIT)
        assert verdict(study, longest - MILLISECOND) == Wait(longest)

    def test_a_study_without_anything_to_score_waits_until_it_is_quiet(self) -> None:
        study = candidate([localizer(), dose_report()])
        assert verdict(study, study.last_instance_at + timedelta(seconds=29)) == Wait(
            study.last_instance_at + timedelta(seconds=30)
        )


class TestWholeness:
    def test_even_slices_are_whole(self) -> None:
        assert is_whole([localizer(), ct_series()])

    @pytest.mark.parametrize("missing", [1, 70, 148])
    def test_one_missing_slice_in_between_is_not_whole(self, missing: int) -> None:
        assert not is_whole([ct_series(without=[missing])])

    def test_two_slices_at_one_place_are_not_whole(self) -> None:
        headers = [instance.image for instance in ct_series().instances]
        assert not is_whole([series_of([*headers, headers[3]])])

    def test_a_thick_series_does_not_stand_in_for_a_thin_one_that_still_arrives(self) -> None:
        thick, thin = ct_series(spacing_mm=5.0, count=60), ct_series(spacing_mm=1.0, count=300, without=[150])
        assert is_whole([thick])
        assert not is_whole([thick, thin])

    def test_the_number_of_images_in_the_acquisition_counts_where_it_is_given(self) -> None:
        assert not is_whole([ct_series(count=100, images_in_acquisition=150)])
        assert is_whole([ct_series(count=150, images_in_acquisition=150)])
        assert is_whole([ct_series(count=150, images_in_acquisition=120)])

    def test_a_multi_frame_image_is_whole_by_itself(self) -> None:
        enhanced = dataclasses.replace(HEADER, sop_class_uid=ENHANCED_CT, number_of_frames=120)
        assert is_whole([series_of([enhanced])])

    def test_fewer_than_eight_slices_are_not_whole(self) -> None:
        assert not is_whole([ct_series(count=7)])

    def test_a_study_of_localizers_is_not_whole(self) -> None:
        assert not is_whole([localizer()])

    def test_slices_need_not_arrive_in_order(self) -> None:
        headers = [instance.image for instance in ct_series().instances]
        assert is_whole([series_of([*headers[::2], *headers[1::2]])])
