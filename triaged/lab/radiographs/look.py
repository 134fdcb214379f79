"""What a manufacturer's processing makes of a detector's signal: logarithm, equalisation, sharpening, window, border.

Must not know: anatomy, physics. Dense tissue is bright in all pictures here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from triaged.lab.phantom.options import F32, Bool
from triaged.lab.portable import broad_gaussian, cos, exp, log, power


@dataclass(frozen=True, slots=True)
class Look:
    """One style of processing.

    `flatten`: how much of the broad differences of density (over `broad_mm`) is taken away; `detail`: gain of what is
    finer; `sharpen` and `sharpen_mm`: unsharp mask; `clahe`: clip limit, 0 for none; `low`, `high`: quantiles of the
    exposed field that are shown black and white; `gamma` and `sigmoid` bend the curve between; `margin`: grey outside
    of the collimation, None where the picture is cropped to it.
    """

    flatten: float
    broad_mm: float
    detail: float
    sharpen: float
    sharpen_mm: float
    clahe: float
    low: float
    high: float
    gamma: float
    sigmoid: float
    grey: tuple[float, float]
    monochrome1: bool


def draw_look(rng: np.random.Generator) -> Look:
    """Return a random style, from plain film-like to strongly equalised."""
    flat = rng.random() < 0.65
    return Look(
        flatten=float(rng.uniform(0.45, 0.85)) if flat else float(rng.uniform(0.15, 0.45)),
        broad_mm=float(rng.uniform(14, 40)),
        detail=float(rng.uniform(1.0, 1.7)),
        sharpen=float(rng.uniform(0, 1.4)),
        sharpen_mm=float(rng.uniform(0.6, 4.0)),
        clahe=float(rng.uniform(1.0, 3.0)) if rng.random() < 0.25 else 0.0,
        low=float(rng.uniform(0.0, 0.02)),
        high=float(rng.uniform(0.965, 1.0)),
        gamma=float(exp(rng.normal(-0.05, 0.25))),
        sigmoid=float(rng.uniform(0, 1)),
        grey=(float(rng.choice([rng.uniform(0, 0.1), rng.uniform(0, 0.25)])), float(rng.uniform(0.65, 1.0))),
        monochrome1=bool(rng.random() < 0.15),
    )


def process(signal: F32, body: Bool, field: Bool, look: Look, pitch_mm: float) -> F32:
    """Return the picture (row, column) in [0, 1]; `body` is where there is tissue, `field` what was exposed."""
    density = -log(signal)
    inside = field & body
    floor = float(np.quantile(density[inside], 0.002)) if inside.any() else float(density.min())
    density = np.maximum(density, floor - 0.9)
    broad = broad_gaussian(density, look.broad_mm / pitch_mm)
    fine = density - broad
    picture = (1 - look.flatten) * broad + look.detail * fine
    soft = broad_gaussian(picture, max(look.sharpen_mm / pitch_mm, 0.4))
    picture = picture + look.sharpen * (picture - soft)
    low, high = np.quantile(picture[inside] if inside.any() else picture, [look.low, look.high])
    shown = np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1)
    shown = power(shown, look.gamma)
    bent = 0.5 - 0.5 * cos(np.pi * shown)
    shown = shown + look.sigmoid * 0.7 * (bent - shown)
    if look.clahe:
        shown = equalised(shown, look.clahe)
    result: F32 = (look.grey[0] + (look.grey[1] - look.grey[0]) * shown).astype(np.float32)
    return result


def equalised(picture: F32, clip: float) -> F32:
    """Return the picture (in [0, 1]) after contrast-limited adaptive histogram equalisation on eight by eight tiles."""
    tool = cv2.createCLAHE(clip, (8, 8))
    levels: NDArray[np.uint16] = np.rint(picture * 4095).astype(np.uint16)
    result: F32 = (tool.apply(levels << 4) / np.float32(65535)).astype(np.float32)
    return result
