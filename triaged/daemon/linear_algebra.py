"""Prepares the linear algebra library of a worker; the receiver, which needs none, does not import it."""

from __future__ import annotations

import numpy as np


def take_buffers() -> None:
    """Have OpenBLAS take its buffers now: where it finds no memory for them later, it ends the process without a word.

    A study that does not fit ends with a MemoryError then, which a worker can tell of.
    """
    square = np.eye(512)
    np.linalg.inv(square @ square)
