"""Findings of chest X-rays as tests make them: every number by its name."""

from __future__ import annotations

from triaged.exams.xray.finding import LungNumbers, XrayNumbers
from triaged.study.finding import Finding, QualityFlag


def xray_finding(
    *,
    estimated: float,
    low: float | None = None,
    high: float | None = None,
    score: int = 2,
    right: float = 0.4,
    left: float = 0.2,
    presence: float = 0.97,
    engine: str = "cxr 1",
    quality: tuple[QualityFlag, ...] = (),
) -> Finding:
    """Return a finding with these numbers; one chest scatters by 4 points."""
    return XrayNumbers(
        right=LungNumbers(right, right, (right / 2, right, right * 1.5)),
        left=LungNumbers(left, left, (left / 2, left, left * 1.5)),
        estimated=estimated,
        low=estimated if low is None else low,
        high=estimated if high is None else high,
        score=score,
        presence=presence,
        gate=0.5,
        repeat_sd=0.04,
    ).finding(engine, quality)
