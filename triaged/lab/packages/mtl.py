"""Writes a trained COVID-MTL network as a package of kind `ct-mtl`, beside the package that finds its lungs.

A label says everything but the graph: the common part of a manifest, which heads are asked, thresholds, who reads the
lungs, and from which folder of checkpoints the graph comes. Must not know how a network learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triaged.errors import ConfigError, ModelRefused
from triaged.exams.ct.pipelines.lung_box import lungs_in_box
from triaged.inference.graphs import load_graphs
from triaged.inference.kinds.ct_mtl import ASKED, CLASSES, CT, CT_MTL, FEATURES, NETWORK, VOLUME
from triaged.inference.kinds.reader import READER
from triaged.inference.manifest import MANIFEST_NAME, NetworkFile
from triaged.inference.package import load_package
from triaged.lab.networks.mtl import MtlNetwork, Task
from triaged.lab.packages.beside import read_checkpoint, read_label, reader_beside, write_manifest
from triaged.lab.packages.export import (
    Storage,
    graph_of_many,
    halved,
    round_weights,
    without_idle_biases,
    without_traces,
    write_graph,
)
from triaged.lab.packages.members import COMMON, Exported, read_said
from triaged.lab.packages.packaging import PARITY, SAMPLE_SEED
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions
from triaged.lab.training.mtl_task import SIGHT
from triaged.lab.training.presets import Subject

IDENTIFYING: Final = "thresholds"
"""Key of a label that asks the head `ct`, and of no other."""
_MASKS: Final = ((1, 1, 1), (0, 1, 1), (1, 0, 0), (0, 0, 0))
"""Which heads are asked when a graph is compared with its network."""


class Asked(nn.Module):
    """A trained network as it is shipped: probabilities instead of logits, 0 of heads that are not asked."""

    def __init__(self, network: MtlNetwork) -> None:
        super().__init__()
        self.network = network
        self.places = [list(CLASSES).index(task.value) for task in network.tasks]

    def forward(self, volume: Tensor, heads: Tensor, features: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return (n, class) of each head; `heads` is (n, 3), `features` less their mean, in spreads."""
        logits = self.network.judge(volume, volume.new_zeros(0) if features is None else features)
        return tuple(
            logits[task].softmax(1) * heads[:, place : place + 1]
            for task, place in zip(self.network.tasks, self.places, strict=True)
        )


def export_mtl(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package that a label describes into `folder`, and measure it on a generated series.

    Raises:
        ConfigError: the label or the checkpoint is missing, is not what it must be, or lacks a head that is asked.
        ModelRefused: the graph does not compute what its network does, or the reader does not fit it.
    """
    said = _read_label(label)
    network, features = read_mtl(checkpoints / str(said["networks"][NETWORK]))
    known = [task.value for task in network.tasks]
    if unknown := [name for name in said["heads"] if name not in known]:
        raise ConfigError(f"{label}: heads: expected some of {', '.join(known)}, which were trained, found {unknown}")
    reader = reader_beside(folder, str(said["parts"][READER]))
    trained = Asked(deepcopy(network)).eval()
    if storage == "half":
        round_weights(network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # without it nobody can load a package that is half written
    stored = Asked(network).eval()
    inputs = _sample(len(features))
    graph = graph_of_many(stored, inputs, known)
    plain = without_idle_biases(without_traces(graph))
    entry = write_graph(halved(plain) if storage == "half" else plain, folder / f"{NETWORK}.onnx")
    own, before = (_answers(each, inputs) for each in (stored, trained))
    parity = float(np.abs(own - _run(folder, entry, inputs)).max())
    if not parity <= PARITY:
        raise ModelRefused(
            f"{folder}: expected the trained network's probabilities within {PARITY}, found {parity:.1e}"
        )
    write_manifest(folder, _own(said, network, features), {NETWORK: entry}, reader)
    load_package(folder, "cpu", 1)
    return Exported({NETWORK: parity}, {NETWORK: float(np.abs(own - before).max())})


def read_mtl(folder: Path) -> tuple[MtlNetwork, tuple[str, ...]]:
    """Return the network that a training left in a folder, and the names of its features.

    Raises:
        ConfigError: what the training was is not known, or the checkpoint is missing or another's.
    """

    def build(told: Mapping[str, Any], state: Mapping[str, Any]) -> MtlNetwork:
        tasks = [task for task in Task if f"outputs.{task.value}.weight" in state]
        return MtlNetwork(tasks, len(told["features"]), int(told["width"]))

    network, told = read_checkpoint(folder, (Subject.MTL,), build, "COVID-MTL")
    return network, tuple(map(str, told["features"]))


def _sample(features: int) -> dict[str, Tensor]:
    """Return two generated chests, one mirrored, as the network takes them; asked for each mask."""
    drawn = generate(PhantomOptions(SAMPLE_SEED, matrix=160, pixel_mm=2.2, increment_mm=20.0))
    box = lungs_in_box(drawn.voxels_hu, drawn.right_lung | drawn.left_lung, (20.0, 2.2, 2.2), SIGHT)
    volumes = torch.from_numpy(np.stack([box, box[:, :, ::-1]] * (len(_MASKS) // 2)))[:, None]
    inputs = {VOLUME: volumes, ASKED: torch.tensor(_MASKS, dtype=torch.float32)}
    if features:
        inputs[FEATURES] = torch.linspace(-7, 7, len(_MASKS) * features).reshape(len(_MASKS), features)
    return inputs


def _answers(network: Asked, inputs: Mapping[str, Tensor]) -> NDArray[np.float32]:
    with torch.no_grad():
        return torch.cat(network(*inputs.values()), dim=1).numpy()


def _run(folder: Path, entry: Mapping[str, Any], inputs: Mapping[str, Tensor]) -> NDArray[np.float32]:
    tensors = [{name: tuple(shape) for name, shape in entry[side].items()} for side in ("inputs", "outputs")]
    graph = load_graphs({NETWORK: NetworkFile(folder / entry["file"], entry["sha256"], *tensors)}, "cpu", 1)[NETWORK]
    return np.concatenate(list(graph.run_named({name: each.numpy() for name, each in inputs.items()}).values()), axis=1)


def _own(said: Mapping[str, Any], network: MtlNetwork, features: tuple[str, ...]) -> dict[str, Any]:
    """Return what the manifest says of the network, beside what all manifests say."""
    heads = list(said["heads"])
    scaling = zip(features, network.middle.tolist(), network.spread.tolist(), strict=True)
    return {
        **{name: said[name] for name in (*COMMON, "method", "heads")},
        "grid_mm": SIGHT.grid_mm,
        "box": list(SIGHT.box),
        "window_hu": list(SIGHT.window_hu),
        **({FEATURES: {name: [mean, spread] for name, mean, spread in scaling}} if features else {}),
        **({IDENTIFYING: said[IDENTIFYING], "training_prior": round(float(network.prior), 4)} if CT in heads else {}),
    }


def _read_label(label: Path) -> Mapping[str, Any]:
    asked = read_said(label).get("heads")
    is_identifying = isinstance(asked, list) and CT in asked
    settings = ("method", "heads", *((IDENTIFYING,) if is_identifying else ()))
    said = read_label(label, CT_MTL.name, settings, NETWORK)
    if not isinstance(asked, list) or not asked:
        raise ConfigError(f"{label}: heads: expected a list of some of {', '.join(CLASSES)}, found {asked}")
    return said
