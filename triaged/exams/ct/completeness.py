"""Tells whether a chest CT has arrived in full, from headers alone; when to stop waiting is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from triaged.exams.ct.choice import ScopeOptions, aim
from triaged.study.records import Series


def is_whole(series: Sequence[Series], scope: ScopeOptions | None = None) -> bool:
    """Tell whether the series to score has arrived as one volume.

    That is a multi-frame image; or slices at even steps without gap or duplicate, as many as Images in Acquisition
    (0020,1002) says where it is given. Slices missing at either end cannot be seen without that number.
    """
    target = aim(series, scope)
    if target is None or target.fault is not None:
        return False
    expected = max((instance.image.images_in_acquisition or 0 for instance in target.slices), default=0)
    return target.is_multi_frame or target.count >= expected
