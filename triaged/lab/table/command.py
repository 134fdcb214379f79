"""The command `triaged model table`: trains what is missing, measures every row, prints and writes the table.

Must not know how a network learns or how a figure comes about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import torch
from rich.console import Console

from triaged.errors import ConfigError
from triaged.inference.identity import model_sha256
from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtMultitask
from triaged.inference.package import load_of_kind
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.series import series_cases
from triaged.lab.evaluation.table import THRESHOLD_METHOD
from triaged.lab.table.blocks import Block, is_of_series, scan_block, series_blocks
from triaged.lab.table.measured import digest, kept_rows
from triaged.lab.table.order import TableOrder
from triaged.lab.table.page import put_between_marks, table_page
from triaged.lab.table.readers import Read, by_thresholds, package_reader, trained_reader
from triaged.lab.table.training import folder_of, train_missing
from triaged.lab.training.trained import head_of, latest

MEASURED: Final = "measured.json"
Cases: TypeAlias = Mapping[str, Sequence[Block]]
"""What is measured on: `generated` series, `real` patients' slices, whole `scans`."""
Runs: TypeAlias = dict[str, list[list[Row]]]


def make_table(order: TableOrder, console: Console) -> bool:
    """Train and measure what is missing, and show the table; return False where the training was interrupted.

    Raises:
        ConfigError: a folder has no series, somebody is trained and measured on, or a training is another.
        UnreadableStudy: a whole scan is none that the daemon would score.
    """
    _demand_others(order)
    if not train_missing(order, console):
        return False
    torch.set_num_threads(order.threads)
    networks = load_of_kind(CT_MULTITASK, order.package, "cpu", order.threads)
    cases = _cases(order, networks)
    runs: dict[str, Runs] = {name: {} for name in cases}
    for method, read, by, path in _readers(order, networks):
        console.print(f"{method}: {path}", markup=False)
        for name, blocks in cases.items():
            runs[name].setdefault(method, []).append(list(kept_rows(blocks, read, by, path)))
    page = table_page(runs["generated"], runs["real"], runs["scans"])
    console.print(page, markup=False)
    if order.out is not None:
        put_between_marks(page, order.out)
    return True


def _cases(order: TableOrder, networks: CtMultitask) -> Cases:
    return {
        "generated": list(series_blocks(order.test)),
        "real": [block for folder in order.real if is_of_series(folder) for block in series_blocks(folder)],
        "scans": [scan_block(folder, networks) for folder in order.real if not is_of_series(folder)],
    }


def _readers(order: TableOrder, networks: CtMultitask) -> Iterator[tuple[str, Read, str, Path]]:
    """Yield every run of every method: its name, what reads, the digest of that, and where its rows are kept."""
    yield THRESHOLD_METHOD, by_thresholds, THRESHOLD_METHOD, order.runs / "threshold" / MEASURED
    for name, method in order.methods.items():
        for seed in order.seeds:
            folder = folder_of(order, method, seed)
            by = digest(*filter(Path.exists, (latest(folder), head_of(folder))))
            yield name, trained_reader(method, folder), by, folder / MEASURED
    said = networks.manifest
    yield f"{said.name} {said.version}", package_reader(networks), model_sha256(said), order.runs / said.name / MEASURED


def _demand_others(order: TableOrder) -> None:
    """Refuse to measure on somebody who is trained or held out; raise ConfigError."""
    folders = [*(source.folder for source in order.sources), order.held_out]
    known = {case.patient for folder in folders for case in series_cases(folder)}
    for folder in (order.test, *filter(is_of_series, order.real)):
        if both := sorted(known & {case.patient for case in series_cases(folder)}):
            raise ConfigError(f"{folder}: expected other people than those trained on, found {len(both)}: {both[0]}")
