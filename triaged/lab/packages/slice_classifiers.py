"""Writes ResNet-50 as the paper compares with it as a package of kind `ct-classifier`, beside the package of its lungs.

A label says everything but the graphs: the common part of a manifest, the settings, who reads the lungs, and from which
folder of checkpoints the graphs come. Must not know how a network learns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import Tensor, nn
from torch.export import Dim

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.identity import model_sha256
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER, READER
from triaged.inference.kinds.slice_classifier import CtSliceClassifier
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_package, read_manifest
from triaged.inference.pyramid import SMALLEST_AXIS
from triaged.lab.networks.comparators import ResNetBaseline
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
from triaged.lab.packages.members import COMMON, Exported, read_said
from triaged.lab.packages.packaging import CODES, PARITY, sample_slices
from triaged.lab.training.checkpoints import network_state
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject
from triaged.lab.training.trained import latest

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
    said = _read_label(label)
    network, prior = read_slice_classifier(checkpoints / str(said["networks"][SERIES]))
    if said["training_prior"] != prior:
        raise ConfigError(f"{label}: training_prior: expected {prior}, as trained, found {said['training_prior']}")
    reader = model_sha256(read_manifest(folder.absolute().parent / str(said["parts"][READER])))
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
    _write_manifest(folder, said, entries, reader)
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
    record, checkpoint = folder / RECORD, latest(folder)
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        subject, width, prior = Subject(told["subject"]), int(told["width"]), float(told["training_prior"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{record}: expected what a ResNet-50 was trained as: {error}") from error
    if subject is not Subject.RESNET50:
        raise ConfigError(f"{record}: expected {Subject.RESNET50}, found {subject}")
    network = ResNetBaseline(width)
    try:
        network.load_state_dict(network_state(checkpoint))
    except RuntimeError as error:
        raise ConfigError(f"{checkpoint}: expected the tensors of {subject}, found others") from error
    return network.eval(), prior


def _probability(network: ResNetBaseline, slices: np.ndarray[Any, np.dtype[np.float32]], prior: float) -> float:
    with torch.no_grad():
        logit = float(network(torch.from_numpy(slices)[:, None]))
    return float(1 / (1 + np.exp(-logit) * prior / (1 - prior)))


def _write_manifest(folder: Path, said: Mapping[str, Any], entries: Mapping[str, Any], reader: str) -> None:
    manifest = {
        **{name: said[name] for name in (*COMMON, *SETTINGS)},
        "codes": {
            name: {"value": code.value, "scheme": code.scheme, "meaning": code.meaning} for name, code in CODES.items()
        },
        "networks": entries,
        "parts": {READER: {"package": said["parts"][READER], "sha256": reader}},
    }
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump(manifest, file)


def _read_label(label: Path) -> Mapping[str, Any]:
    said = read_said(label)
    wanted = {*COMMON, *SETTINGS, "networks", "parts"}
    if set(said) != wanted or said["kind"] != CT_CLASSIFIER.name:
        raise ConfigError(f"{label}: expected kind: {CT_CLASSIFIER.name} and {', '.join(sorted(wanted))}")
    for key, name in (("networks", SERIES), ("parts", READER)):
        if not isinstance(said[key], dict) or set(said[key]) != {name}:
            raise ConfigError(f"{label}: {key}: expected {name} alone, found {said[key]}")
    return said
