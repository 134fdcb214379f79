"""Which reconstruction kernels are sharp, as lungs are read with, and which are soft; an unknown name is neither."""

from __future__ import annotations

import re
from enum import IntEnum


class Sharpness(IntEnum):
    """How a convolution kernel suits lungs, the best one first."""

    LUNG = 0
    UNKNOWN = 1
    SOFT = 2


_NAMES: tuple[tuple[re.Pattern[str], Sharpness], ...] = tuple(
    (re.compile(pattern), sharpness)
    for pattern, sharpness in (
        # GE
        (r"(LUNG|BONE|BONEPLUS|CHEST|EDGE|ULTRA|HD ?LUNG|HD ?BONE)\b", Sharpness.LUNG),
        (r"(SOFT|STANDARD|STND|STD)\b", Sharpness.SOFT),
        # Philips
        (r"(L|YA|YB|YC|YD|YE)\Z", Sharpness.LUNG),
        (r"(A|B|C|SA|SB|EB|EC|SMOOTH)\Z", Sharpness.SOFT),
        # Canon and Toshiba: FC50 to FC59 lung, FC80 to FC89 high resolution, FC01 to FC29 body and head
        (r"FC(5\d|8\d)\b", Sharpness.LUNG),
        (r"FC[012]\d\b", Sharpness.SOFT),
    )
)
_SIEMENS = re.compile(r"(BL|BR|BV|BF|QR|HR|UR|[BDHIQU])(\d{2})[A-Z]?\b")
_SIEMENS_SHARP_FROM = 50
"""The number in a Siemens name is its sharpness: B31f, D40s and Br40 are soft, B50f, B80s and Br59 are sharp."""


def sharpness(convolution_kernel: str | None) -> Sharpness:
    """Return how a Convolution Kernel (0018,1210) suits lungs; of several values the first counts."""
    name = (convolution_kernel or "").split("\\")[0].strip().upper()
    siemens = _SIEMENS.match(name)
    if siemens is not None:
        sharp = siemens[1] == "BL" or int(siemens[2]) >= _SIEMENS_SHARP_FROM
        return Sharpness.LUNG if sharp else Sharpness.SOFT
    return next((found for pattern, found in _NAMES if pattern.match(name)), Sharpness.UNKNOWN)
