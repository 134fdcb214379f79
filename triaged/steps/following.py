"""Chooses the earlier study that a new one is compared with, and what is kept of the comparison with the result.

Knows no storage; how the change counts is the policy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triaged.exams.exam import Earlier
from triaged.study.finding import Finding
from triaged.study.ranking import Trend
from triaged.study.ranking_input import Compared, Comparison, EarlierFinding
from triaged.study.records import Prior
from triaged.triage.estimate import is_estimated
from triaged.triage.follow_up import FollowUp, compare, latest
from triaged.triage.scheme import TriageOptions


@dataclass(frozen=True, slots=True)
class Followed:
    """How a study follows an earlier one, for its place, and as the store keeps it."""

    follow_up: FollowUp
    compared: Compared


def chosen(priors: Sequence[Prior], finding: Finding) -> Prior | None:
    """Return the earlier study that is shown beside a new one, of the patient's earlier ones, the last one first.

    The last that counts as followed, one whose shares compare before any other; where none does, the last of all, for
    the pictures only.
    """
    fitting = [each for each in priors if each.interval and latest([_finding(each)], each.interval[0])]
    comparable = [each for each in fitting if is_estimated(each.finding) is is_estimated(finding)]
    return next(iter((*comparable, *fitting, *priors)), None)


def followed(finding: Finding, prior: Prior | None, algorithm: str, options: TriageOptions) -> Followed | None:
    """Return the change since an earlier study; None where there is none, or not from 6 hours to 90 days before."""
    if prior is None or prior.interval is None:
        return None
    at = prior.interval[0]
    follow_up = compare(finding, at, algorithm, _finding(prior), options)
    if follow_up is None:
        return None
    points = None if follow_up.trend is Trend.NOT_COMPARED else follow_up.delta_pp
    trend = Trend.STABLE if follow_up.within_noise else follow_up.trend
    comparison = Comparison(at, algorithm, _finding(prior))
    return Followed(follow_up, Compared(prior.result_id, comparison, trend, points))


def compares(prior: Prior | None, earlier: Earlier | None, follows: Followed | None) -> str:
    """Return what of an earlier study alters the objects: its pictures, or its scores alone where they are lost."""
    if prior is None or (earlier is None and follows is None):
        return ""
    return prior.object_set_uid if earlier is not None else f"{prior.object_set_uid} without its view"


def _finding(prior: Prior) -> EarlierFinding:
    assert prior.interval is not None
    return EarlierFinding(prior.interval[1], prior.algorithm, prior.finding)
