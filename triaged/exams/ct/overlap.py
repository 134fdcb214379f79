"""How far two engines outline the same lesion of one CT: masks here, the other one from its Segmentation.

Knows no findings, and not which of the engines orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import DecodedSeries
from triaged.exams.ct.decoding.slices import read_regions
from triaged.exams.ct.viewing import LESION_LABEL
from triaged.imaging.volume import Mask
from triaged.results.source import single_frames

Key = tuple[str, int]


def overlap(read: DecodedSeries, lesion: Mask, segmentation: Path | None) -> float | None:
    """Return the Dice coefficient of `lesion` and that of a Segmentation of the same series; see `Analysis.overlap`."""
    others: Mapping[Key, NDArray[np.bool_]] = {}
    if segmentation is not None:
        try:
            others = read_regions(segmentation, LESION_LABEL).regions
        except (UnreadableStudy, OSError):
            return None
    both = either = 0
    for plane, key in zip(read.reorientation.undo(lesion.voxels), _keys(read), strict=True):
        other = others.get(key)
        either += int(plane.sum())
        if other is None:
            continue
        if other.shape != plane.shape:
            return None
        either += int(other.sum())
        both += int((plane & other).sum())
    return 2 * both / either if either else None


def _keys(read: DecodedSeries) -> list[Key]:
    """Return the source frame of each slice, as Segmentations refer to it."""
    headers = read.headers if len(read.headers) == len(read.frame_numbers) else read.headers * len(read.frame_numbers)
    frames = single_frames(headers).frames
    return [(frame.sop_instance_uid, number) for frame, number in zip(frames, read.frame_numbers, strict=True)]
