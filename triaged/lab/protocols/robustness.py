"""Scans one anatomy again and again, as other protocols would have, and tells how far the severity drifts.

Must not know networks or files: a pipeline and a volume come in, rows of figures go out. What is varied is the list of
the evaluation specification (section 5.1): slice thickness from 0.5 to 8 mm, averaged and decimated, kernel, noise,
field of view. Nothing of the patient changes, so that every difference is an error of the pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator

from triaged.errors import UnreadableStudy
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.finding import Acquisition, CtNumbers, LungAnalysis
from triaged.imaging.volume import Volume
from triaged.lab.protocols.variation import Footprint, Kernel, Protocol, field_of_view, scanned

THIN_MM: Final = 1.0
"""Thickness of the slices of a decimated series (MosMed: 0.8 mm, of which every tenth is kept)."""
TOLERATED_PP: Final = 3.0
REFERENCE: Final = Protocol("2 mm averaged, medium kernel", 2.0, 2.0)


@dataclass(frozen=True, slots=True)
class Drift:
    """What a pipeline found under one protocol.

    `expected` is the severity that the reference's masks have within this protocol's field of view; `drift_pp` is the
    difference to it in percentage points, and not a number where the series was refused, for the reason in `refused`.
    """

    protocol: Protocol
    slices: int
    severity: float
    expected: float
    lungs_ml: float
    lesion_ml: float
    refused: str = ""

    @property
    def drift_pp(self) -> float:
        """Severity found less severity expected, in percentage points of lung."""
        return 100 * (self.severity - self.expected)


def protocols() -> tuple[Protocol, ...]:
    """Return the protocols that an anatomy is scanned by, without the reference."""
    averaged = [Protocol(f"{mm:g} mm averaged", mm, mm) for mm in (0.5, 1.0, 3.0, 5.0, 8.0)]
    decimated = [Protocol(f"{THIN_MM:g} mm every {mm:g} mm", THIN_MM, mm) for mm in (2.0, 3.0, 5.0, 8.0)]
    kernels: list[Kernel] = ["soft", "sharp"]
    kernel = [Protocol(f"{mm:g} mm averaged, {k} kernel", mm, mm, k) for k in kernels for mm in (1.0, 2.0, 5.0)]
    return (
        *averaged,
        *decimated,
        *kernel,
        Protocol(f"{THIN_MM:g} mm every 8 mm, sharp kernel", THIN_MM, 8.0, "sharp"),
        *(replace(REFERENCE, name=f"2 mm averaged, noise {sd:g} HU", noise_sd_hu=sd) for sd in (10.0, 40.0, 80.0)),
        replace(REFERENCE, name="field 5 mm around the lungs", margin_mm=5.0),
        replace(REFERENCE, name="field 10 mm into the lungs", margin_mm=-10.0),
    )


def drifts(
    pipeline: Pipeline, anatomy: Volume, acquisition: Acquisition, chosen: Sequence[Protocol], rng: Generator
) -> Iterator[Drift]:
    """Yield what the pipeline finds in the reference scan of `anatomy`, and then under each of the chosen protocols.

    `anatomy` is canonical with square slices, the thinner the better: a protocol with thinner slices interpolates.

    Raises:
        UnreadableStudy: the pipeline refuses the reference scan itself.
    """
    everywhere = np.ones(anatomy.geometry.shape[1:], dtype=np.bool_)
    first = scanned(anatomy, REFERENCE, everywhere, rng)
    reference = pipeline.read(first, replace(acquisition, slice_thickness_mm=REFERENCE.slice_mm))
    footprint = np.any(reference.right_lung.voxels | reference.left_lung.voxels, axis=0)
    found = CtNumbers.of(reference.finding)
    yield Drift(REFERENCE, len(first.voxels), found.severity, found.severity, found.lungs_ml, found.lesion_ml)
    for protocol in chosen:
        expected = _severity_within(reference, field_of_view(footprint, protocol.margin_mm, anatomy.geometry))
        volume = scanned(anatomy, protocol, footprint, rng)
        count = len(volume.voxels)
        try:
            reading = pipeline.read(volume, replace(acquisition, slice_thickness_mm=protocol.slice_mm))
        except UnreadableStudy as refusal:
            yield Drift(protocol, count, math.nan, expected, math.nan, math.nan, str(refusal))
            continue
        found = CtNumbers.of(reading.finding)
        yield Drift(protocol, count, found.severity, expected, found.lungs_ml, found.lesion_ml)


def _severity_within(reading: LungAnalysis, field: Footprint) -> float:
    """Return the severity that a reading's masks have where the field of view reaches."""
    if field.all():
        return reading.finding.urgency
    shares = []
    for lung in (reading.right_lung.voxels, reading.left_lung.voxels):
        inside = lung & field
        lesion, whole = int(np.count_nonzero(inside & reading.lesion.voxels)), int(np.count_nonzero(inside))
        shares.append(lesion / max(1, whole))
    return max(shares)
