"""Does what the commands `triaged model export` and `triaged model drift` ask for, and says it line by line.

Must not know the command line's library, nor how anything is computed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import torch

from triaged.lab.export import Storage
from triaged.lab.packaging import export


def export_trained(checkpoints: Path, label: Path, package: Path, storage: Storage, threads: int) -> Iterator[str]:
    """Write the package of a training, and yield what it was measured at; see `triaged.lab.packaging.export`."""
    torch.set_num_threads(threads)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of a library that nothing here needs
    done = export(checkpoints, label, package, storage)
    yield f"{package}: the graphs agree with the networks that they store within {done.parity.largest:.1e}"
    if storage == "half":
        yield (
            f"{package}: storing weights in half precision changed probabilities by at most {done.rounding.lung:.1e} "
            f"(lung), {done.rounding.lesion:.1e} (lesion) and {done.rounding.identification:.1e} (identification)"
        )
    size = sum(path.stat().st_size for path in package.iterdir() if path.is_file())
    yield f"{package}: {size / 2**20:.1f} MiB; write its CARD.md before it is shipped"
