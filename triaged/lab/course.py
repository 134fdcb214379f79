"""Runs the course of training from folders of generated series to a model package.

Must not know how a network learns or how a graph is written. Used from the command line:
`python -m triaged.lab.course lungs|multitask|settle|identification|export ...`, in this order.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from ruamel.yaml import YAML
from torch import Tensor, nn

from triaged.inference.manifest import Code, Thresholds
from triaged.lab.export import Label, write_package
from triaged.lab.identification import fit_head, pooled_series, ranking
from triaged.lab.networks import PAPER_WIDTH, LungNetwork, MultitaskSpatial1
from triaged.lab.normalisation import settle_normalisation
from triaged.lab.sampling import GeneratedSeries, around_lungs, draw_slices, join, read_series
from triaged.lab.training import CHECKPOINT, LESION_CROP, LUNG_CROP, LungTask, MultitaskTask, Schedule, train

HELD_OUT: Final = 12
VARIANTS: Final = 2
SETTLED: Final = "settled.pt"
CODES: Final = {
    "lung": Code("39607008", "SCT", "Lung"),
    "lesion": Code("52988006", "SCT", "Lesion"),
    "identification": Code("840539006", "SCT", "COVID-19"),
}


def main(arguments: Sequence[str]) -> None:
    """Run one part of the course."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.part == "export":
        _export(options)
    elif options.part == "settle":
        _settle(options)
    elif options.part == "identification":
        _fit_identification(options)
    else:
        _train(options)


def _train(options: argparse.Namespace) -> None:
    schedule = Schedule(options.steps, options.batch, options.rate, options.measure_every, options.seed)
    series, held_out = _read(options.phantoms, options.most), _read(options.held_out, HELD_OUT)
    folder = options.out / options.part
    if options.part == "lungs":
        train(LungTask(LungNetwork(options.width), series, held_out), schedule, folder, time.monotonic, _report)
        return
    network = MultitaskSpatial1(options.width)
    if not (folder / CHECKPOINT).exists():
        _start_from_lungs(network, options.out / "lungs" / CHECKPOINT)
    train(MultitaskTask(network, series, held_out), schedule, folder, time.monotonic, _report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="triaged.lab.course", description=__doc__)
    parser.add_argument("part", choices=["lungs", "multitask", "settle", "identification", "export"])
    parser.add_argument("--phantoms", type=Path, help="folder of generated series to learn from")
    parser.add_argument("--held-out", type=Path, help="folder of generated series to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    parser.add_argument("--label", type=Path, help="YAML file with what the package says about itself")
    parser.add_argument("--package", type=Path, help="folder of the package to write")
    parser.add_argument("--width", type=int, default=PAPER_WIDTH)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--measure-every", type=int, default=250)
    parser.add_argument("--most", type=int, default=2000, help="most series to keep in memory")
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def _read(folder: Path, most: int) -> list[GeneratedSeries]:
    return [read_series(path) for path in sorted(folder.glob("*.npz"))[:most]]


def _start_from_lungs(network: MultitaskSpatial1, checkpoint: Path) -> None:
    """Take every tensor of the lung network's body that the multitask network also has."""
    state = torch.load(checkpoint, weights_only=True)["network"]
    body = {name.removeprefix("body."): tensor for name, tensor in state.items() if name.startswith("body.")}
    wanted = network.segmentation.body.state_dict()
    network.segmentation.body.load_state_dict({name: body[name] for name in wanted})


def _settle(options: argparse.Namespace) -> None:
    """Settle the normalisation of both networks on varied slices, and keep them as `settled.pt`."""
    series = _read(options.phantoms, options.most)
    shown = [around_lungs(one) for one in series]
    rng = np.random.default_rng(options.seed)
    lungs, multitask = LungNetwork(options.width), MultitaskSpatial1(options.width)
    _load(lungs, options.out / "lungs" / CHECKPOINT)
    _load(multitask, options.out / "multitask" / CHECKPOINT)
    for network, chosen, crop in ((lungs, series, LUNG_CROP), (multitask.segmentation, shown, LESION_CROP)):
        settle_normalisation(network, partial(_scattered, chosen, options.batch, crop, rng), options.steps)
    torch.save({"network": lungs.state_dict()}, options.out / "lungs" / SETTLED)
    torch.save({"network": multitask.state_dict()}, options.out / "multitask" / SETTLED)


def _scattered(series: Sequence[GeneratedSeries], count: int, size: tuple[int, int], rng: Generator) -> Tensor:
    """Return the images of `count` random slices of random series."""
    chosen = rng.integers(len(series), size=count)
    return join([draw_slices(series[int(index)], 1, size, 20, rng) for index in chosen]).images


def _fit_identification(options: argparse.Namespace) -> None:
    """Fit the head on the frozen slice-wise part, and keep it beside that part's checkpoint."""
    network = MultitaskSpatial1(options.width)
    _load(network, options.out / "multitask" / SETTLED)
    rng = np.random.default_rng(options.seed)
    pooled = pooled_series(network.segmentation, _read(options.phantoms, options.most), VARIANTS, rng)
    held_out = pooled_series(network.segmentation, _read(options.held_out, options.most), 1, rng)
    ranking(network, held_out, _report)
    fit_head(network, pooled, options.steps, rng)
    ranking(network, held_out, _report)
    folder = options.out / "identification"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"network": network.identification.state_dict()}, folder / CHECKPOINT)


def _export(options: argparse.Namespace) -> None:
    lungs, multitask = LungNetwork(options.width), MultitaskSpatial1(options.width)
    _load(lungs, options.out / "lungs" / SETTLED)
    _load(multitask, options.out / "multitask" / SETTLED)
    _load(multitask.identification, options.out / "identification" / CHECKPOINT)
    said = YAML(typ="safe").load(options.label.read_text(encoding="utf-8"))
    thresholds = Thresholds(**said.pop("thresholds"))
    write_package(options.package, lungs, multitask, Label(**said, thresholds=thresholds, codes=CODES))


def _load(network: nn.Module, checkpoint: Path) -> None:
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["network"])


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
