"""Writes ResNet-50 as the paper compares with it as a package of kind `ct-classifier`, beside the package of its lungs.

A label says everything but the graphs: the common part of a manifest, the settings, who reads the lungs, and from which
folder of checkpoints the graphs come. Must not know how a network learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER
from triaged.inference.kinds.reader import READER
from triaged.inference.kinds.slice_classifier import CtSliceClassifier
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_package
from triaged.inference.pyramid import SMALLEST_AXIS
from triaged.lab.networks.comparators import ResNetBaseline
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

SETTINGS: Final = ("method", "spacing_mm", "window_hu", "thresholds", "training_prior")
SERIES: Final = "series"
"""How a label calls the one network of which both graphs are made."""


class _Head(nn.Module):
    """What follows the pooling: one logit of the maxima of a series."""

    def __init__(self, network: ResNetBaseline) -> None:
        super().__init__()
        self.hidden, self.output = network.hidden, network.output

    def forward(self, pooled: Tensor) -> Tensor:
        """Return identification logits (n, 1)."""
        logits: Tensor = self.output(torch.relu(self.hidden(pooled)))
        return logits


def export_slice_classifier(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package that a label describes into `folder`, and measure it on a generated series.

    Raises:
        ConfigError: the label or the checkpoint is missing, or is not what it must be.
        ModelRefused: the graphs do not compute what the network does, or the reader does not fit it.
    """
    said = read_label(label, CT_CLASSIFIER.name, SETTINGS, SERIES)
    network, prior = read_slice_classifier(checkpoints / str(said["networks"][SERIES]))
    if said["training_prior"] != prior:
        raise ConfigError(f"{label}: training_prior: expected {prior}, as trained, found {said['training_prior']}")
    reader = reader_beside(folder, str(said["parts"][READER]))
    trained = deepcopy(network)
    if storage == "half":
        round_weights(network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # without it nobody can load a package that is half written
    pooled = torch.zeros(2, network.hidden.in_features)
    graphs = {
        "slices": slice_graph(network.slices, torch.zeros(2, 1, 24, 40), ["numbers"], SMALLEST_AXIS),
        "head": graph_of(_Head(network).eval(), "pooled", pooled, ["identification"], {0: Dim("n", min=1)}),
    }
    entries = {}
    for name, graph in graphs.items():
        plain = without_idle_biases(without_traces(graph))
        entries[name] = write_graph(halved(plain) if storage == "half" else plain, folder / f"{name}.onnx")
    write_manifest(folder, {name: said[name] for name in (*COMMON, *SETTINGS)}, entries, reader)
    slices = sample_slices()
    stored, before = (_probability(each, slices, prior) for each in (network, trained))
    loaded = load_package(folder, "cpu", 1)
    assert isinstance(loaded, CtSliceClassifier)
    parity = abs(loaded.identification(loaded.lesions(slices).cells) - stored)
    if parity > PARITY:
        (folder / MANIFEST_NAME).unlink()
        raise ModelRefused(f"{folder}: expected the trained network's probability within {PARITY}, found {parity:.1e}")
    return Exported({SERIES: parity}, {SERIES: abs(stored - before)})


def read_slice_classifier(folder: Path) -> tuple[ResNetBaseline, float]:
    """Return ResNet-50 as a training left it in a folder, and the share of positives that it saw.

    Raises:
        ConfigError: what the training was is not known, or the checkpoint is missing or another's.
    """

    def build(told: Mapping[str, Any], _: Mapping[str, Any]) -> ResNetBaseline:
        float(told["training_prior"])
        return ResNetBaseline(int(told["width"]))

    network, told = read_checkpoint(folder, (Subject.RESNET50,), build, "a ResNet-50")
    return network, float(told["training_prior"])


def _probability(network: ResNetBaseline, slices: np.ndarray[Any, np.dtype[np.float32]], prior: float) -> float:
    with torch.no_grad():
        logit = float(network(torch.from_numpy(slices)[:, None]))
    return float(1 / (1 + np.exp(-logit) * prior / (1 - prior)))
