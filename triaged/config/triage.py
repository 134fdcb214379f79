"""The settings of the order: scheme, cut-offs, head starts, discipline, and when the order is no longer trusted.

Must not know where settings come from, nor how the order is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from triaged.config.values import Minutes, Section, Share, refused, wrong
from triaged.exams.ct.options import CtOptions
from triaged.study.modalities import Stratum
from triaged.triage.estimate import SUGGESTED, demand_scores
from triaged.triage.judging import MINUTE, GuardOptions, References
from triaged.triage.prevalence import OperatingPoint, Worth, worth
from triaged.triage.scheme import Discipline, HeadStarts, Scheme, TriageOptions

_TRIAGE, _STARTS, _GUARD = TriageOptions(), HeadStarts(), GuardOptions()

BetweenShares = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class CutOffsSection(Section):
    """Severity shares that separate the classes: mild from `s1`, moderate `s2`, severe `s3`, critical `s4`."""

    s1: Share = _TRIAGE.s1
    s2: Share = _TRIAGE.s2
    s3: Share = _TRIAGE.s3
    s4: Share = _TRIAGE.s4

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not 0 < self.s1 < self.s2 < self.s3 < self.s4:
            raise wrong("rising shares, 0 < s1 < s2 < s3 < s4")
        return self


class CxrSection(Section):
    """Scores of a chest X-ray, affected zones of six, from which it is mild, moderate, severe and critical."""

    mild: Annotated[int, Field(ge=1, le=6)] = SUGGESTED[0]
    moderate: Annotated[int, Field(ge=1, le=6)] = SUGGESTED[1]
    severe: Annotated[int, Field(ge=1, le=6)] = SUGGESTED[2]
    critical: Annotated[int, Field(ge=1, le=6)] = SUGGESTED[3]

    @model_validator(mode="after")
    def _rise(self) -> Self:
        try:
            demand_scores(self.scores())
        except ValueError as error:
            raise refused(error) from None
        return self

    @staticmethod
    def of(scores: tuple[int, int, int, int] | None) -> CxrSection | None:
        """Return the section that says these scores; None where a policy has none."""
        return None if scores is None else CxrSection(**dict(zip(CxrSection.model_fields, scores, strict=True)))

    def scores(self) -> tuple[int, int, int, int]:
        """Return them in their order."""
        return self.mild, self.moderate, self.severe, self.critical


class HeadStartsSection(Section):
    """Minutes that a class counts as having arrived earlier; `suspected_mild` depends on the scheme unless given."""

    critical: Minutes = _STARTS.critical
    severe: Minutes = _STARTS.severe
    suspected_moderate: Minutes = _STARTS.suspected_moderate
    suspected_mild: Minutes | None = None
    unscored: Minutes = _STARTS.unscored
    opacity_not_flagged: Minutes = _STARTS.opacity_not_flagged
    not_flagged: Minutes = _STARTS.not_flagged
    high_order: Minutes = _STARTS.high_order
    cap: Minutes = _STARTS.cap

    @model_validator(mode="after")
    def _keep_the_order_safe(self) -> Self:
        try:
            self.options()
        except ValueError as error:
            raise refused(error) from None
        return self

    def options(self) -> HeadStarts:
        """Return what the scheme needs; raises `ValueError` where more disease would come later than less."""
        given = self.model_dump(exclude={"suspected_mild"})
        if self.suspected_mild is not None:
            for scheme in Scheme:
                given[f"suspected_mild_{scheme.value}"] = self.suspected_mild
        return HeadStarts(**given)


class GuardSection(Section):
    """When the order is given up for that of arrival; a reference share is not judged where it is not known."""

    enabled: bool = True
    window: Annotated[int, Field(ge=10, le=10_000)] = _GUARD.window
    failures: BetweenShares = _GUARD.failures
    lag_min: Annotated[Minutes, Field(ge=1)] = _GUARD.lag // MINUTE
    reference_share: BetweenShares | None = None
    reference_share_cxr: BetweenShares | None = None

    def options(self) -> GuardOptions:
        """Return what the guard needs; a short window is judged when it is full."""
        fewest, lag = min(_GUARD.fewest, self.window), self.lag_min * MINUTE
        return GuardOptions(window=self.window, fewest=fewest, failures=self.failures, lag=lag)

    def references(self) -> References:
        """Return the shares that are usually flagged, where they are known."""
        shares = {Stratum.VOLUME: self.reference_share, Stratum.RADIOGRAPH: self.reference_share_cxr}
        return {stratum: share for stratum, share in shares.items() if share is not None}


class OperatingPointSection(Section):
    """How often the current threshold tells the disease and its absence, as the site measured it."""

    sensitivity: Share
    specificity: Share

    def value(self) -> OperatingPoint:
        """Return what the worth of a flag is computed from."""
        return OperatingPoint(self.sensitivity, self.specificity)


class TriageSection(Section):
    """The scheme that turns scores into an order."""

    scheme: Annotated[Scheme, Field(strict=False)] = _TRIAGE.scheme
    identification_threshold: BetweenShares | None = _TRIAGE.tau
    identification_threshold_cxr: BetweenShares | None = _TRIAGE.tau_cxr
    cut_offs: CutOffsSection = CutOffsSection()
    grade_cut_offs: Annotated[tuple[Share, Share, Share, Share], Field(strict=False)] = CtOptions().grade_cut_offs
    head_start_min: HeadStartsSection = HeadStartsSection()
    discipline: Annotated[Discipline, Field(strict=False)] = _TRIAGE.discipline
    strict_cap_min: Annotated[Minutes, Field(ge=1)] = int(_TRIAGE.strict_cap_min)
    repeat_sd_points: Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)] = _TRIAGE.repeat_sd_pp
    cxr: CxrSection | None = CxrSection.of(_TRIAGE.cxr)
    guard: GuardSection = GuardSection()
    prevalence: Share | None = None
    operating_point: OperatingPointSection | None = None
    prevalence_cxr: Share | None = None
    operating_point_cxr: OperatingPointSection | None = None

    @model_validator(mode="after")
    def _grades_rise(self) -> Self:
        if list(self.grade_cut_offs) != sorted(set(self.grade_cut_offs)) or self.grade_cut_offs[0] <= 0:
            raise wrong("four rising shares above 0", key="grade_cut_offs")
        return self

    def worth(self) -> Mapping[Stratum, Worth]:
        """Return what a flag is worth at the site, where it says how often there is what is flagged."""
        said = {
            Stratum.VOLUME: (self.prevalence, self.operating_point),
            Stratum.RADIOGRAPH: (self.prevalence_cxr, self.operating_point_cxr),
        }
        return {
            stratum: worth(prevalence, None if point is None else point.value(), stratum)
            for stratum, (prevalence, point) in said.items()
            if prevalence is not None
        }

    def options(self) -> TriageOptions:
        """Return what the scheme needs."""
        return TriageOptions(
            scheme=self.scheme,
            tau=self.identification_threshold,
            tau_cxr=self.identification_threshold_cxr,
            head_starts=self.head_start_min.options(),
            repeat_sd_pp=self.repeat_sd_points,
            discipline=self.discipline,
            strict_cap_min=float(self.strict_cap_min),
            cxr=None if self.cxr is None else self.cxr.scores(),
            **self.cut_offs.model_dump(),
        )
