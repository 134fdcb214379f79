"""Whether planes lie in the patient like the slices of one volume; knows positions only, no pixels and no DICOM.

The order of slices is that of their positions along the slice normal, which is the one attribute every scanner gets
right: instance numbers and slice locations are not looked at (PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

SAME_PLACE_MM = 0.01
SHEAR_DEGREES = 1.0
SHEAR_MM = 0.5
"""A stack is sheared when its slices step off the normal by this angle and, from end to end, by this length: that
leaves short stacks alone whose positions were merely rounded to 0.1 mm."""
STEP_SHARE = 0.1
STEP_MM = 0.11
"""How far a step may be off: a tenth, or the rounding of two positions to 0.1 mm."""
SIDEWAYS_MM = 1.0
LONGEST_MM = 12.0
"""The length of the patient that one slice may stand for."""
_MOST_LAYERS = 600


class FaultKind(StrEnum):
    """What keeps planes from being a volume."""

    DUPLICATE = "duplicate"
    SHEARED = "sheared"
    MISSING = "missing"
    IRREGULAR = "irregular"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a stack; `detail` says what was expected, what was found and where (z in LPS mm)."""

    kind: FaultKind
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Planes in order along the slice normal (row direction x column direction).

    `order` are indices into the positions that were given; `step_mm` is the LPS vector from a slice to the next one,
    on average; `gap_mm` the usual distance along the normal; `fault` is None where the planes are a volume. `along_mm`
    is where each slice lies along the normal, from the first one on.
    """

    order: tuple[int, ...]
    step_mm: NDArray[np.float64]
    gap_mm: float
    fault: Fault | None
    along_mm: NDArray[np.float64]
    is_straight: bool

    @property
    def can_be_spread(self) -> bool:
        """Tell whether all that is wrong is uneven steps, none of them so long that nothing is known of what it spans.

        Sequential scans of the lungs leave gaps on purpose; a slice or two may be lost.
        """
        uneven = self.fault is not None and self.fault.kind in (FaultKind.MISSING, FaultKind.IRREGULAR)
        return uneven and self.is_straight and float(np.diff(self.along_mm).max()) <= LONGEST_MM + SAME_PLACE_MM


@dataclass(frozen=True, slots=True)
class Spread:
    """How slices at uneven steps fill an even grid, each the length that it stands for: half the way to the next ones.

    `shown` is, for each layer of the grid, the slice that fills it; `layers`, for each slice, the layer nearest to it.
    `step_mm` is the distance of the layers, `positions_mm` where each slice lies in truth (LPS).
    """

    shown: tuple[int, ...]
    layers: tuple[int, ...]
    step_mm: float
    positions_mm: tuple[tuple[float, float, float], ...]


def spread(along_mm: NDArray[np.float64], positions_mm: Sequence[Sequence[float]]) -> Spread:
    """Return how slices fill an even grid from the first of them to the last; both arguments in order along the normal.

    The grid is as fine as the smallest step, so that every slice has a layer; at most 600 layers. Nothing is
    interpolated: between slices that lie apart, a mix of both would show tissue that neither has.
    """
    extent = float(along_mm[-1] - along_mm[0])
    count = min(int(np.ceil(extent / float(np.diff(along_mm).min()) - 1e-6)) + 1, _MOST_LAYERS)
    step = extent / (count - 1)
    middles = (along_mm[1:] + along_mm[:-1]) / 2.0
    shown = np.searchsorted(middles, along_mm[0] + step * np.arange(count), side="right")
    layers = np.floor((along_mm - along_mm[0]) / step + 0.5).astype(np.intp)
    shown[layers] = np.arange(along_mm.size)
    places = tuple((float(x), float(y), float(z)) for x, y, z in positions_mm)
    return Spread(tuple(int(i) for i in shown), tuple(int(i) for i in layers), step, places)


def plane_normal(orientation: Sequence[float]) -> NDArray[np.float64]:
    """Return the unit normal of a plane by its six direction cosines; `ValueError` if they are not at right angles."""
    row, column = np.asarray(orientation[:3], dtype=np.float64), np.asarray(orientation[3:], dtype=np.float64)
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not all(map(_is_unit, lengths)) or abs(float(row @ column)) > 0.01:
        raise ValueError(f"orientation: expected two perpendicular unit vectors, found {tuple(orientation)}")
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def unit_vectors(
    orientation: tuple[float, float, float, float, float, float],
) -> tuple[float, float, float, float, float, float]:
    """Return direction cosines of unit length where they are little off it, as those written with few digits are."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if not all(map(_is_unit, lengths)):
        return orientation
    a, b, c, d, e, f = (float(v) + 0.0 for v in (*(row / lengths[0]), *(column / lengths[1])))  # + 0.0: no minus zero
    return a, b, c, d, e, f


def _is_unit(length: float) -> bool:
    return abs(length - 1.0) < 0.05


def same_orientation(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two planes are parallel and turned the same way, to half a degree."""
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() < 0.01)


def arrange(positions_mm: NDArray[np.float64], orientation: Sequence[float]) -> Stack:
    """Return planes in order along their normal, with the first fault that keeps them from being a volume.

    `positions_mm` has one LPS position per plane, of the same corner of each; all planes share `orientation`.
    Fewer than two planes, or an orientation that is none, are a `ValueError`.
    """
    if len(positions_mm) < 2:
        raise ValueError(f"positions: expected at least two planes, found {len(positions_mm)}")
    normal = plane_normal(orientation)
    along = positions_mm @ normal
    order = np.argsort(along, kind="stable")
    placed, along = positions_mm[order], along[order]
    gaps = np.diff(along)
    gap = float(np.median(gaps[gaps > SAME_PLACE_MM])) if (gaps > SAME_PLACE_MM).any() else 0.0
    step = (placed[-1] - placed[0]) / (len(placed) - 1)
    fault = _duplicate(placed, gaps) or _sheared(placed, normal) or _gapped(placed, gaps, gap) or _bent(placed, gap)
    along = along - along[0]
    return Stack(tuple(int(i) for i in order), step, gap, fault, along, _is_straight(placed, along))


def _duplicate(placed: NDArray[np.float64], gaps: NDArray[np.float64]) -> Fault | None:
    same = np.flatnonzero(gaps <= SAME_PLACE_MM)
    if same.size == 0:
        return None
    return Fault(
        FaultKind.DUPLICATE,
        f"expected one slice at each position, found {same.size} more at a position already taken, the first at "
        f"{_where(placed[same[0]])}",
    )


def _sheared(placed: NDArray[np.float64], normal: NDArray[np.float64]) -> Fault | None:
    whole = placed[-1] - placed[0]
    along = float(whole @ normal)
    sideways = float(np.linalg.norm(whole - along * normal))
    angle = float(np.degrees(np.arctan2(sideways, along)))
    if angle <= SHEAR_DEGREES or sideways <= SHEAR_MM:
        return None
    return Fault(
        FaultKind.SHEARED, f"expected slices stacked along their normal, found them stacked {angle:.1f} degrees off it"
    )


def _gapped(placed: NDArray[np.float64], gaps: NDArray[np.float64], gap: float) -> Fault | None:
    tolerance = max(STEP_SHARE * gap, STEP_MM)
    odd = np.flatnonzero(np.abs(gaps - gap) > tolerance)
    if odd.size == 0:
        return None
    counts = np.maximum(np.round(gaps / gap), 1.0)
    whole_steps = np.abs(gaps - counts * gap) <= np.minimum(tolerance * counts, 0.3 * gap)
    place = f"{gaps[odd[0]]:.2f} mm after {_where(placed[odd[0]])}"
    if bool(whole_steps.all()) and 3 * odd.size <= gaps.size:  # else the gaps are how the scan was made
        return Fault(
            FaultKind.MISSING,
            f"expected a slice every {gap:.2f} mm, found {int(counts.sum()) - len(gaps)} missing, the first in {place}",
        )
    return Fault(
        FaultKind.IRREGULAR, f"expected a slice every {gap:.2f} mm, found {odd.size} other steps, the first {place}"
    )


def _bent(placed: NDArray[np.float64], gap: float) -> Fault | None:
    """Return a fault where the slices drift off the even straight line from the first one to the last."""
    line = np.linspace(placed[0], placed[-1], len(placed))
    off = np.linalg.norm(placed - line, axis=1)
    worst = int(np.argmax(off))
    if off[worst] <= max(SIDEWAYS_MM, 0.5 * gap):
        return None
    return Fault(
        FaultKind.IRREGULAR,
        f"expected slices on an even straight line, found one {off[worst]:.2f} mm off it at {_where(placed[worst])}",
    )


def _is_straight(placed: NDArray[np.float64], along: NDArray[np.float64]) -> bool:
    """Tell whether no slice lies to the side of the straight line from the first one to the last."""
    if along[-1] <= 0.0:
        return False
    line = placed[0] + (along / along[-1])[:, None] * (placed[-1] - placed[0])
    return float(np.linalg.norm(placed - line, axis=1).max()) <= SIDEWAYS_MM


def _where(position: NDArray[np.float64]) -> str:
    return f"z = {position[2]:.2f} mm"
