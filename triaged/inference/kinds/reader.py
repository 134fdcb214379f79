"""What kinds have in common whose packages leave lungs and lesions to another package, their part `reader`.

Must not know what runs the networks.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from triaged.errors import ModelRefused
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.manifest import Manifest

READER: Final = "reader"
_CERTAIN: Final = 1e-6
"""So near to 0 and 1 a probability counts as such; nothing is certain."""


class Seeing(Protocol):
    """Settings of what sees slices as the reader does."""

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Of rows and columns."""

    @property
    def window_hu(self) -> tuple[float, float]:
        """HU that become 0 and 1."""


def demand_reader(manifest: Manifest[Any], parts: Mapping[str, Manifest[Any]]) -> None:
    """Refuse a reader of another kind than `ct-multitask`."""
    reader = parts[READER]
    if reader.kind != CT_MULTITASK.name:
        expected = f"expected a package of kind {CT_MULTITASK.name}, which finds the lungs"
        raise ModelRefused(f"{manifest.parts[READER].where}: {expected}, found {reader.name} of kind {reader.kind}")


def demand_seen_alike(own: Seeing, reader: Seeing, where: str) -> None:
    """Refuse a reader that sees other pixels or other greys; `where` names it."""
    for key in ("spacing_mm", "window_hu"):
        wanted, found = getattr(reader, key), getattr(own, key)
        if wanted != found:
            raise ModelRefused(f"{where}: expected {key} of the reader, {list(wanted)}, found {list(found)}")


def balanced(told: NDArray[np.floating], prior: float) -> NDArray[np.float64]:
    """Return probabilities with the log-odds of the share of positives in training taken off."""
    certain = np.clip(told.astype(np.float64), _CERTAIN, 1 - _CERTAIN)
    odds = certain / (1 - certain) * (1 - prior) / prior
    result: NDArray[np.float64] = odds / (1 + odds)
    return result
