"""How far two engines outline the same lesion of one CT: masks here, the other one from its Segmentation.

Knows no findings, and not which of the engines orders.
"""

from __future__ import annotations

from pathlib import Path

from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import DecodedSeries
from triaged.exams.ct.decoding.slices import Regions, read_regions
from triaged.exams.ct.viewing import LESION_LABEL
from triaged.imaging.volume import Mask
from triaged.results.source import single_frames

Key = tuple[str, int]


def overlap(read: DecodedSeries, lesion: Mask, segmentation: Path | None) -> float | None:
    """Return the Dice coefficient of `lesion` and that of a Segmentation of the same series; see `Analysis.overlap`."""
    others: Regions = {}
    if segmentation is not None:
        try:
            others = read_regions(segmentation).get(LESION_LABEL, {})
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
        theirs = other.mask()
        either += int(theirs.sum())
        both += int((plane & theirs).sum())
    return 2 * both / either if either else None


def _keys(read: DecodedSeries) -> list[Key]:
    """Return the source frame of each slice, as Segmentations refer to it."""
    headers = read.headers if len(read.headers) == len(read.frame_numbers) else read.headers * len(read.frame_numbers)
    frames = single_frames(headers).frames
    return [(frame.sop_instance_uid, number) for frame, number in zip(frames, read.frame_numbers, strict=True)]
