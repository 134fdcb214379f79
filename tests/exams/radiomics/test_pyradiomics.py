"""Every feature beside what pyradiomics 3.0.1 computes of the same voxels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.exams.radiomics import pyradiomics_names as names
from triaged.exams.ct.radiomics.features import NAMES, NoFeatures, features
from triaged.study.radiomics import BANDS

pytestmark = pytest.mark.slow
SimpleITK: Any = pytest.importorskip("SimpleITK")
radiomics: Any = pytest.importorskip("radiomics", reason="pyradiomics, which judges the features, is not installed")

AGREED = 1e-6
"""Largest relative difference."""
FAMILIES = {"firstorder": names.FIRST_ORDER, "glcm": names.COOCCURRENCE, "glrlm": names.RUNS, "glszm": names.ZONES}
OF_BANDS = ("glcm", "glrlm")


def lungs_like(seed: int, shape: tuple[int, int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return HU that are smooth, with dense spots, and an odd region with holes in it."""
    random = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(random.normal(size=shape), 1.2)
    coarse = ndimage.gaussian_filter(random.normal(size=shape), 4.0)
    hu = -820 + 350 * fine / fine.std() * 0.3 + 500 * (coarse > 1.5 * coarse.std())
    return hu.astype(np.float32), ndimage.gaussian_filter(random.normal(size=shape), 3.0) > -0.01


def judged(hu: NDArray[np.floating[Any]], inside: NDArray[np.bool_], spacing_mm: float) -> Mapping[str, float]:
    """Return what pyradiomics says, in our names."""
    from radiomics import firstorder, glcm, glrlm, glszm, imageoperations

    classes = {
        "firstorder": firstorder.RadiomicsFirstOrder,
        "glcm": glcm.RadiomicsGLCM,
        "glrlm": glrlm.RadiomicsGLRLM,
        "glszm": glszm.RadiomicsGLSZM,
    }
    # as float64: of float32 it computes sub-bands in float32, and a value beside the edge of a bin may change its level
    image, mask = (SimpleITK.GetImageFromArray(each) for each in (hu.astype(np.float64), inside.astype(np.uint8)))
    image.SetSpacing([spacing_mm] * 3)
    mask.CopyInformation(image)
    found: dict[str, float] = {}

    def add(prefix: str, filtered: Any, families: Mapping[str, Mapping[str, str]]) -> None:
        for family, named in families.items():
            values = classes[family](filtered, mask, binWidth=25).execute()
            found.update({f"{prefix}{family}_{ours}": float(values[theirs]) for ours, theirs in named.items()})

    add("", image, FAMILIES)
    for band, name, _ in imageoperations.getWaveletImage(image, mask, wavelet="coif1"):
        add(f"coif1_{name.removeprefix('wavelet-')}_", band, {family: FAMILIES[family] for family in OF_BANDS})
    found["firstorder_kurtosis"] -= 3.0  # pyradiomics gives the fourth moment, the manual the excess
    return found


@pytest.mark.parametrize(("seed", "shape"), [(1, (24, 31, 28)), (2, (17, 40, 33)), (3, (30, 22, 45))])
def test_every_feature_is_what_pyradiomics_computes(seed: int, shape: tuple[int, int, int]) -> None:
    hu, inside = lungs_like(seed, shape)
    ours = features(hu, inside, voxel_mm3=8.0)
    assert not isinstance(ours, NoFeatures)
    theirs = judged(hu, inside, spacing_mm=2.0)
    assert set(ours) == set(theirs)
    assert tuple(ours) == NAMES
    assert len(ours) == 18 + 24 + 16 + 16 + len(BANDS) * (24 + 16)
    off = {
        name: (value, theirs[name])
        for name, value in ours.items()
        if value != pytest.approx(theirs[name], rel=AGREED, abs=1e-9)
    }
    assert not off
