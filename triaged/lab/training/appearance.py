"""Varies how generated slices look: tissue contrast, breathing, texture, vessels, kernel, noise.

What is varied is what differs between scanners, protocols and people, and whatever the generator may draw too plainly
(see the specification of the generator, 4.3 and 4.4.7). Must not know series, files or networks. Arrays are HU,
(slice, row, column) at 2 mm; the slices of one call belong to one series and share its draws, except for noise.
"""

from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

CURVE_HU: Final = np.array([-1100.0, -1000, -870, -700, -500, -250, 0, 60, 150, 400, 3100])
CURVE_SPREAD_HU: Final = np.array([0.0, 8, 35, 35, 30, 30, 15, 15, 30, 60, 0])


def vary_appearance(hu: Tensor, lung: Tensor, lesion: Tensor, rng: Generator) -> Tensor:
    """Return `hu` as another scanner and another person might have shown it; the masks are 0 or 1 and stay true."""
    inside = _blurred(lung, 0.8)
    varied = _curve(hu, rng)
    if rng.random() < 0.7:
        varied = _couch(varied, (hu < -800) & (lung == 0), rng)
    if rng.random() < 0.4:
        varied = _faded(varied, lesion, rng)
    varied = varied + inside * _parenchyma(lung, lesion, rng)
    if rng.random() < 0.5:
        varied = _vessels(varied, inside, rng)
    varied = _kernel(varied, rng)
    varied = varied + _noise(hu.shape, rng)
    return _kept_as_picture(varied, rng) if rng.random() < 0.15 else varied


def smooth_field(shape: tuple[int, ...], sigma_px: float, rng: Generator) -> Tensor:
    """Return (slice, row, column) Gaussian noise of unit variance, correlated over `sigma_px` in plane."""
    step = max(1, int(sigma_px / 1.5))
    coarse = tuple(-(-extent // step) + 2 for extent in shape[1:])
    field = _blurred(_white((shape[0], *coarse), rng), sigma_px / step)
    field = functional.interpolate(field[:, None], scale_factor=float(step), mode="bilinear")[:, 0]
    field = field[:, : shape[1], : shape[2]]
    return field / field.std().clamp_min(1e-6)


def _curve(hu: Tensor, rng: Generator) -> Tensor:
    """Bend the HU scale monotonically: calibration, contrast medium, inspiration."""
    bent = np.maximum.accumulate(CURVE_HU + rng.normal(0, 1, len(CURVE_HU)) * CURVE_SPREAD_HU)
    return torch.from_numpy(np.interp(hu.numpy(), CURVE_HU, bent).astype(np.float32))


def _couch(hu: Tensor, air: Tensor, rng: Generator) -> Tensor:
    """Lay the patient on foam in a bent shell: air around and below the body is not always at -1000 HU."""
    rows, columns = hu.shape[1:]
    x = torch.linspace(-1, 1, columns)[None, None, :]
    y = torch.linspace(0, 1, rows)[None, :, None]
    bend, tilt, top = rng.uniform(-0.25, 0.25), rng.normal(0, 0.06), rng.uniform(0.5, 1.0)
    below = y - (top - bend * x**2 + tilt * x)
    depth = rng.uniform(0.04, 0.5)
    foam = ((below > 0) & (below < depth)).float() * float(rng.uniform(0, 150))
    shell = sum((below - edge).abs() < 0.008 for edge in (0.0, depth)) * float(rng.choice([0, rng.uniform(50, 900)]))
    clutter = (smooth_field((hu.shape[0], rows, columns), 5.0, rng) - 1.2).clamp_min(0) * float(rng.uniform(0, 200))
    return hu + air * (foam + shell + clutter * (below < 0))


def _parenchyma(lung: Tensor, lesion: Tensor, rng: Generator) -> Tensor:
    """Return HU to add inside the lungs: density towards the back, cloudiness, grain, and lesions' own contrast."""
    count, rows, columns = lung.shape
    shape = (count, rows, columns)
    depth = torch.linspace(-0.5, 0.5, rows)[None, :, None].expand(shape)
    added = depth * float(rng.choice([0, rng.uniform(0, 90), rng.uniform(60, 180)]))
    added = added + smooth_field(shape, rng.uniform(6, 20), rng) * float(rng.uniform(0, 25))
    added = added + smooth_field(shape, rng.uniform(0.8, 2.5), rng) * float(rng.uniform(0, 35))
    return added + lesion * _within_lesion(shape, rng)


def _within_lesion(shape: tuple[int, int, int], rng: Generator) -> Tensor:
    """Return HU to add to lesions: density of their own, patches, and at times the threads of crazy paving."""
    patches = smooth_field(shape, rng.uniform(0.8, 4.0), rng) * float(
        rng.choice([rng.uniform(0, 60), rng.uniform(60, 180)])
    )
    within = patches + float(rng.normal(0, 40))
    if rng.random() < 0.3:
        threads = (float(rng.uniform(0.1, 0.3)) - smooth_field(shape, rng.uniform(1.5, 3.5), rng).abs()).clamp_min(0)
        within = within + threads * float(rng.uniform(500, 2000))
    return within


def _faded(hu: Tensor, lesion: Tensor, rng: Generator) -> Tensor:
    """Thin lesions toward healthy lung: the faintest ground glass is hardly denser than what surrounds it."""
    healthy = float(rng.uniform(-880, -800))
    return hu - lesion * (hu - healthy).clamp_min(0) * float(rng.uniform(0.1, 0.65))


def _vessels(hu: Tensor, inside: Tensor, rng: Generator) -> Tensor:
    """Add bright dots and threads to the lungs: vessels and septa, thin against any lesion."""
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    grains = smooth_field(shape, rng.uniform(0.7, 2.0), rng) - float(rng.uniform(1.9, 2.8))
    threads = float(rng.uniform(0.04, 0.12)) - smooth_field(shape, rng.uniform(2.5, 5.0), rng).abs()
    where = smooth_field(shape, 8.0, rng) > float(rng.uniform(0, 2))
    coverage = torch.maximum((grains * 1.5).clamp(0, 1), (threads * 8).clamp(0, 1) * where)
    coverage = coverage * inside * float(rng.uniform(0.3, 1.0))
    return hu + coverage * (30 - hu).clamp_min(0)


def _kernel(hu: Tensor, rng: Generator) -> Tensor:
    """Soften or sharpen in plane; sharp kernels overshoot at the pleura."""
    kind = rng.random()
    if kind < 0.35:
        return _blurred(hu, rng.uniform(0.2, 0.9))
    if kind < 0.7:
        return hu + (hu - _blurred(hu, rng.uniform(0.5, 1.2))) * float(rng.uniform(0.2, 1.5))
    return hu


def _noise(shape: torch.Size, rng: Generator) -> Tensor:
    """Return noise of a dose and a kernel, with streaks across the shoulders at times."""
    extent = (shape[0], shape[1], shape[2])
    sd_hu = float(np.exp(rng.uniform(np.log(4), np.log(70))))
    share = rng.uniform(0, 1)
    noise = _white(extent, rng) * np.sqrt(share) + smooth_field(extent, rng.uniform(0.5, 1.5), rng) * np.sqrt(1 - share)
    if rng.random() < 0.1:
        streaks = functional.avg_pool1d(_white(extent, rng), 15, stride=1, padding=7)
        noise = noise + streaks / streaks.std()
    scaled: Tensor = noise * sd_hu
    return scaled


def _kept_as_picture(hu: Tensor, rng: Generator) -> Tensor:
    """Cut to a window, with 8 bits and the blocks of a lossy picture: so teaching files and some archives keep CT."""
    low, high = float(rng.uniform(-1400, -1000)), float(rng.uniform(120, 500))
    levels = (hu.clamp(low, high) - low) / (high - low) * 255
    if rng.random() < 0.5:
        levels = levels + functional.interpolate(
            _white((len(hu), -(-hu.shape[1] // 4), -(-hu.shape[2] // 4)), rng)[:, None],
            scale_factor=4.0,
            mode="nearest",
        )[:, 0, : hu.shape[1], : hu.shape[2]] * float(rng.uniform(0, 3))
    return levels.round() / 255 * (high - low) + low


def _white(shape: tuple[int, ...], rng: Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _blurred(images: Tensor, sigma_px: float) -> Tensor:
    """Return (slice, row, column) images under an in-plane Gaussian."""
    reach = max(1, round(3 * sigma_px))
    offsets = np.arange(-reach, reach + 1)
    weights: NDArray[np.float64] = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = torch.from_numpy((weights / weights.sum()).astype(np.float32))
    padded = functional.pad(images[:, None], (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, kernel[None, None, :, None])
    return functional.conv2d(rows, kernel[None, None, None, :])[:, 0]
