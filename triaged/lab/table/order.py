"""Says what a table is ordered with: values that a command line gives, before anything is read.

Must not know torch, nor how anything is trained or measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from triaged.lab.table.methods import METHODS, Method
from triaged.lab.training.order import Source


@dataclass(frozen=True, slots=True)
class TableOrder:
    """One table, as asked for.

    Attributes:
        runs: folder of the trainings: METHOD/seed-N.
        test: folder of generated series to measure on, of other people than those trained and held out.
        real: folders of patients' slices with masks, as `triaged model data slices` writes them, and of whole scans.
        package: a `ct-multitask` package: its lung network is what 2D networks start from and what finds the lungs of
            whole scans, and itself is measured as the last row.
        steps: of a network of slices.
        methods: what is trained, by name.
        out: where the table is written (Markdown); None: nowhere.
    """

    runs: Path
    sources: tuple[Source, ...]
    held_out: Path
    test: Path
    real: tuple[Path, ...]
    package: Path
    seeds: tuple[int, ...]
    steps: int
    threads: int
    out: Path | None
    methods: Mapping[str, Method] = field(default_factory=lambda: METHODS)
