"""Prints how far severity drifts with the protocol on the same anatomy; not a test, its figures are not judged.

    python -m tests.bench.drift [PACKAGE]

Phantoms of three severities, and the real series where it is present. The requirement is 3 percentage points.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from triaged.lab.packages.commands import Trial, tabulate_drift

PROJECT = Path(__file__).parents[2]
REAL = PROJECT.parent / "shared" / "data" / "ct_series" / "covid_p001"
SEED = 7_100_001


def main(package: Path) -> None:
    """Try a package on each anatomy in turn."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    real = (REAL,) if REAL.is_dir() else ()
    if not real:
        console.print("covid_p001 is not here: ../shared/data")
    for severity in ("mild", "moderate", "severe"):
        tabulate_drift(Trial(package, (), (SEED,), severity, 1), None, console)
    if real:
        tabulate_drift(Trial(package, real, (), "none", 1), None, console)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "onnx_models" / "ct-open")
