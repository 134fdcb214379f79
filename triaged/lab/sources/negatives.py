"""Puts into real lungs what a network must not call a viral lesion: the generator's other diseases.

Must not know scans or files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.random import Generator

from triaged.lab.phantom.opacities import RECIPES
from triaged.lab.sources.opacity import Change
from triaged.lab.sources.tissue import TISSUE_HU, Tissue

FREQUENCIES: Final = {
    "bacterial": 0.22,
    "bronchopneumonia": 0.14,
    "oedema": 0.1,
    "fibrosis": 0.06,
    "nodules": 0.16,
    "mass": 0.06,
    "effusion": 0.12,
    "atelectasis": 0.14,
}


def draw_disease(rng: Generator) -> str:
    """Return the name of a disease that is not viral pneumonia."""
    return str(rng.choice(list(FREQUENCIES), p=list(FREQUENCIES.values())))


def other_change(rng: Generator, tissue: Tissue, disease: str) -> Change:
    """Return what a disease does to these lungs; inside is where its opacity reaches one half."""
    lung = replace(tissue.lung, hu=tissue.base.copy())
    opacity = RECIPES[disease](rng, tissue.field, lung)
    share = (lung.hu - tissue.base) / (TISSUE_HU - tissue.base)
    return Change(np.clip(share, -0.3, 1.6).astype(np.float32), opacity >= 0.5)
