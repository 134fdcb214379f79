"""Puts the last scored study of the same patient beside this one; no DICOM, and never a patient attribute."""

from __future__ import annotations

from dataclasses import dataclass

from triaged.results.projection import Projection
from triaged.study.records import Prior


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier study of the same patient: what it was scored, and its coronal view as it was drawn then."""

    prior: Prior
    coronal: Projection
