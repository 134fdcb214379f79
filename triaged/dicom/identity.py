"""Who an instance is where neither its data set nor whoever brought it says so; a function of its header alone.

Anonymisers leave such instances behind. A slice without a name is still a slice.
"""

from __future__ import annotations

from collections.abc import Sequence

from triaged.study.uids import derived_uid


def derived_instance(study: str, series: str, number: int | None, position: Sequence[float]) -> str | None:
    """Return an SOP Instance UID made of where an image stands in its series; None where it does not say."""
    if not series or (number is None and not position):
        return None
    return derived_uid("absent SOPInstanceUID", study, series, str(number), *(str(float(mm)) for mm in position))
