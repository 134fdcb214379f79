"""Writes the U-Nets that the paper compares with as packages of kind `ct-segmenter`, beside the package of their lungs.

A label says everything but the graph: the common part of a manifest, the settings, who reads the lungs, and from which
folder of checkpoints the graph comes. Must not know how a network learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.export import Dim

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.graphs import load_graphs
from triaged.inference.kinds.ct_segmenter import CT_SEGMENTER, MULTIPLE
from triaged.inference.kinds.reader import READER
from triaged.inference.manifest import MANIFEST_NAME, NetworkFile
from triaged.inference.package import load_package
from triaged.inference.pyramid import SMALLEST_AXIS
from triaged.lab.networks.comparators import UNet2d, UNet3d
from triaged.lab.packages.beside import read_checkpoint, read_label, reader_beside, write_manifest
from triaged.lab.packages.export import (
    Storage,
    graph_of,
    halved,
    round_weights,
    slice_graph,
    without_idle_biases,
    without_traces,
    write_graph,
)
from triaged.lab.packages.members import COMMON, Exported
from triaged.lab.packages.packaging import PARITY, sample_slices
from triaged.lab.training.presets import Subject

SETTINGS: Final = ("method", "dimensions", "spacing_mm", "window_hu", "thresholds")
LESIONS: Final = "lesions"
UNETS: Final = (Subject.UNET2D, Subject.UNET2D_PLUS, Subject.UNET3D)
_AXES: Final = ("slices", "rows", "columns")


class _Slices(nn.Module):
    """The lesion logits of a 2D U-Net, without the features that it returns beside them."""

    def __init__(self, network: UNet2d) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> Tensor:
        """Return lesion logits (n, 1, row, column)."""
        lesion: Tensor = self.network(slices)[0]
        return lesion


def export_unet(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package that a label describes into `folder`, and measure it on a generated series.

    Raises:
        ConfigError: the label or the checkpoint is missing, or is not what it must be.
        ModelRefused: the graph does not compute what its network does, or the reader does not fit it.
    """
    said = read_label(label, CT_SEGMENTER.name, SETTINGS, LESIONS)
    network = read_unet(checkpoints / str(said["networks"][LESIONS]))
    dimensions = 3 if isinstance(network, UNet3d) else 2
    if said["dimensions"] != dimensions:
        raise ConfigError(f"{label}: dimensions: expected {dimensions}, as the network has, found {said['dimensions']}")
    reader = reader_beside(folder, str(said["parts"][READER]))
    trained = deepcopy(network)
    if storage == "half":
        round_weights(network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # without it nobody can load a package that is half written
    plain = without_idle_biases(without_traces(_graph(network)))
    entry = write_graph(halved(plain) if storage == "half" else plain, folder / f"{LESIONS}.onnx")
    images = _sample(network)
    stored, before = (_shares(each, images) for each in (network, trained))
    parity = float(np.abs(stored.numpy() - _run(folder, entry, images)).max())
    if parity > PARITY:
        raise ModelRefused(
            f"{folder}: expected the trained network's probabilities within {PARITY}, found {parity:.1e}"
        )
    own = {name: said[name] for name in (*COMMON, *SETTINGS)}
    write_manifest(folder, own, {LESIONS: entry}, reader, coded=("lung", "lesion"))
    load_package(folder, "cpu", 1)
    return Exported({LESIONS: parity}, {LESIONS: float((stored - before).abs().max())})


def read_unet(folder: Path) -> UNet2d | UNet3d:
    """Return the U-Net that a training left in a folder.

    Raises:
        ConfigError: what the training was is not known, or the checkpoint is missing or another's.
    """

    def build(told: Mapping[str, Any], _: Mapping[str, Any]) -> UNet2d | UNet3d:
        width, levels = int(told["width"]), int(told["levels"])
        return UNet3d(width) if told["subject"] == Subject.UNET3D else UNet2d(width, levels)

    network, _ = read_checkpoint(folder, UNETS, build, "a U-Net")
    return network


def _graph(network: UNet2d | UNet3d) -> ModelProto:
    if isinstance(network, UNet2d):
        return slice_graph(_Slices(network).eval(), torch.zeros(2, 1, 24, 40), ["lesion"], SMALLEST_AXIS)
    free = {2 + axis: MULTIPLE * Dim(f"eighths_of_{name}", min=1) for axis, name in enumerate(_AXES)}
    graph = graph_of(network, "block", torch.zeros(1, 1, 16, 24, 40), ["lesion"], free)
    for value in (*graph.graph.input, *graph.graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim[2:], _AXES, strict=True):
            axis.dim_param = name
    return graph


def _sample(network: UNet2d | UNet3d) -> Tensor:
    """Return a part of a generated chest as the network takes it."""
    slices = torch.from_numpy(sample_slices())[:16, None]
    if isinstance(network, UNet2d):
        return slices[:4]
    _, _, rows, columns = slices.shape
    cut = slices[:, :, : rows // MULTIPLE * MULTIPLE, : columns // MULTIPLE * MULTIPLE]
    missing = -len(cut) % MULTIPLE
    return nn.functional.pad(cut, (0, 0, 0, 0, 0, 0, 0, missing)).transpose(0, 1)[None].contiguous()


def _shares(network: UNet2d | UNet3d, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.sigmoid(_Slices(network)(images) if isinstance(network, UNet2d) else network(images))


def _run(folder: Path, entry: Mapping[str, Any], images: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    tensors = [{name: tuple(shape) for name, shape in entry[side].items()} for side in ("inputs", "outputs")]
    file = NetworkFile(folder / entry["file"], entry["sha256"], *tensors)
    (logits,) = load_graphs({LESIONS: file}, "cpu", 1)[LESIONS].run(images.numpy())
    return torch.from_numpy(logits).sigmoid().numpy()
