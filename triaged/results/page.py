"""A picture of a result, ready to be written into an object; light, since whoever draws or shows one needs it.

Knows neither what it shows nor how it is encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""RGB pixels: (row, column, 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One picture: RGB `pixels`; `pixel_mm` and `orientation` (rows, columns) only where one kind of view fills it;
    `scale` says what the pixels were measured on.

    `slices` are the source images that it shows, as indices on the canonical volume; none for projections. `key` tells
    apart pages of one name whose content differs although they were made from the same inputs. `is_resampled`: it shows
    the source image itself in another size, and no projection of it.
    """

    name: str
    title: str
    pixels: Picture
    pixel_mm: float | None
    orientation: tuple[str, str] | None
    key: str = ""
    slices: tuple[int, ...] = ()
    scale: str = ""
    is_resampled: bool = False
