"""The settings of the order: scheme, cut-offs, head starts, discipline, and when the order is no longer trusted.

Must not know where settings come from, nor how the order is made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from triaged.config.values import Minutes, Section, Share, refused, wrong
from triaged.triage.guard import GuardOptions
from triaged.triage.prevalence import OperatingPoint, Worth, worth
from triaged.triage.scheme import REPEAT_SD_PP, Discipline, HeadStarts, Scheme, TriageOptions

_FEWEST = 50
"""A share of fewer studies is not judged, unless the window itself is shorter."""

BetweenShares = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class CutOffsSection(Section):
    """Severity shares that separate the classes: mild from `s1`, moderate `s2`, severe `s3`, critical `s4`."""

    s1: Share = 0.01
    s2: Share = 0.25
    s3: Share = 0.50
    s4: Share = 0.75

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not 0 < self.s1 < self.s2 < self.s3 < self.s4:
            raise wrong("rising shares, 0 < s1 < s2 < s3 < s4")
        return self


class HeadStartsSection(Section):
    """Minutes by which a class stands earlier than it arrived; `suspected_mild` depends on the scheme unless given."""

    critical: Minutes = 240
    severe: Minutes = 180
    suspected_moderate: Minutes = 120
    suspected_mild: Minutes | None = None
    unscored: Minutes = 45
    opacity_not_flagged: Minutes = 60
    not_flagged: Minutes = 0
    high_order: Minutes = 120
    cap: Minutes = 240

    @model_validator(mode="after")
    def _keep_the_order_safe(self) -> Self:
        try:
            self.options()
        except ValueError as error:
            raise refused(error) from None
        return self

    def options(self) -> HeadStarts:
        """Return what the scheme needs.

        Raises:
            ValueError: more disease would come later than less.
        """
        given = self.model_dump(exclude={"suspected_mild"})
        if self.suspected_mild is not None:
            for scheme in Scheme:
                given[f"suspected_mild_{scheme.value}"] = self.suspected_mild
        return HeadStarts(**given)


class GuardSection(Section):
    """When the order is given up for that of arrival; `reference_share` is not judged where it is not known."""

    enabled: bool = True
    window: Annotated[int, Field(ge=10, le=10_000)] = 200
    failures: BetweenShares = 0.10
    lag_min: Annotated[Minutes, Field(ge=1)] = 15
    reference_share: BetweenShares | None = None

    def options(self) -> GuardOptions:
        """Return what the guard needs."""
        return GuardOptions(
            window=self.window,
            fewest=min(_FEWEST, self.window),
            failures=self.failures,
            lag=timedelta(minutes=self.lag_min),
        )


class OperatingPointSection(Section):
    """How often the threshold in force tells the disease and its absence, as the site measured it."""

    sensitivity: Share
    specificity: Share

    def value(self) -> OperatingPoint:
        """Return what the worth of a flag is computed from."""
        return OperatingPoint(self.sensitivity, self.specificity)


class TriageSection(Section):
    """The scheme that turns scores into an order."""

    scheme: Annotated[Scheme, Field(strict=False)] = Scheme.SEVERITY
    identification_threshold: BetweenShares | None = None
    cut_offs: CutOffsSection = CutOffsSection()
    grade_cut_offs: Annotated[tuple[Share, Share, Share, Share], Field(strict=False)] = (0.01, 0.25, 0.50, 0.75)
    head_start_min: HeadStartsSection = HeadStartsSection()
    discipline: Annotated[Discipline, Field(strict=False)] = Discipline.HEAD_START
    strict_cap_min: Annotated[Minutes, Field(ge=1)] = 240
    repeat_sd_points: Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)] = REPEAT_SD_PP
    guard: GuardSection = GuardSection()
    prevalence: Share | None = None
    operating_point: OperatingPointSection | None = None

    @model_validator(mode="after")
    def _grades_rise(self) -> Self:
        if list(self.grade_cut_offs) != sorted(set(self.grade_cut_offs)) or self.grade_cut_offs[0] <= 0:
            raise wrong("four rising shares above 0", key="grade_cut_offs")
        return self

    def worth(self) -> Worth | None:
        """Return what a flag is worth at the site; None where the site does not say how often the disease is there."""
        if self.prevalence is None:
            return None
        return worth(self.prevalence, None if self.operating_point is None else self.operating_point.value())

    def options(self) -> TriageOptions:
        """Return what the scheme needs."""
        shares = self.cut_offs.model_dump()
        return TriageOptions(
            scheme=self.scheme,
            tau=self.identification_threshold,
            head_starts=self.head_start_min.options(),
            repeat_sd_pp=self.repeat_sd_points,
            discipline=self.discipline,
            strict_cap_min=float(self.strict_cap_min),
            **shares,
        )
