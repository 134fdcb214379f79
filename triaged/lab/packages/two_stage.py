"""Writes the two networks for chest X-rays as a package of kind `cxr-two-stage`, and shows that it computes the same.

A label says everything but graphs and what is fitted afterwards (`two_stage_fit`); until then thresholds are those of
the paper, and the map of extents says that nothing is known. Must not know how a network learns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch import Tensor, nn
from torch.export import Dim

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.graphs import load_graphs
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE, LUNGS_SIDE
from triaged.inference.manifest import MANIFEST_NAME, NetworkFile
from triaged.lab.networks.two_stage import VIEWS, Halved
from triaged.lab.packages.export import (
    Storage,
    graph_of,
    halved,
    round_weights,
    without_idle_biases,
    without_traces,
    write_graph,
)
from triaged.lab.packages.members import COMMON, Exported, read_said
from triaged.lab.packages.packaging import PARITY
from triaged.lab.training.checkpoints import network_state
from triaged.lab.training.film_batches import DISEASE_SIDE
from triaged.lab.training.film_parts import ARCHITECTURES, film_network
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject
from triaged.lab.training.trained import latest
from triaged.study.concepts import LUNGS, OPACITY

SUBJECTS: Final[Mapping[str, Subject]] = {"lungs": Subject.CXR_LUNGS, "disease": Subject.CXR_DISEASE}
OUTPUTS: Final[Mapping[str, list[str]]] = {"lungs": ["lungs"], "disease": ["opacity", "presence"]}
UNFITTED: Final = {
    "thresholds": {"lung": 0.5, "affected": 0.5, "gate": 0.5, "zone": 0.3},
    "repeat_sd": 0.1,
    "extent_map": {"extent": [0.0, 1.0], "share": [0.0, 1.0], "low": [0.0, 0.0], "high": [1.0, 1.0]},
}
"""What a package holds before anything is fitted: the paper's thresholds, and an interval that tells nothing."""
SAMPLE_SEED: Final = 13


def export_two_stage(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package that a label describes into `folder`.

    Raises:
        ConfigError: the label or a checkpoint is missing, or is not what it must be.
        ModelRefused: a graph does not compute what its network does.
    """
    said = _said(label)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # without it nobody can load a package that is half written
    entries, parity, rounding = {}, {}, {}
    for name, subject in SUBJECTS.items():
        network = _shipped(read_film_network(checkpoints / said["networks"][name], subject))
        pictures = _sample(LUNGS_SIDE) if name == "lungs" else _sample(DISEASE_SIDE, VIEWS)
        trained = _answers(network, pictures)
        if storage == "half":
            round_weights(network)
        graph = graph_of(network, "pictures", pictures, OUTPUTS[name], {0: Dim("n", min=1)})
        plain = without_idle_biases(without_traces(graph))
        entries[name] = write_graph(halved(plain) if storage == "half" else plain, folder / f"{name}.onnx")
        stored = _answers(network, pictures)
        rounding[name] = _apart(stored, trained)
        parity[name] = _apart(stored, _graph_answers(folder, name, entries[name], pictures))
        if parity[name] > PARITY:
            raise ModelRefused(
                f"{folder}: {name}: expected the probabilities of the trained network within {PARITY}, "
                f"found differences of {parity[name]:.1e}"
            )
    _write_manifest(folder, said, entries)
    return Exported(parity, rounding)


def read_film_network(folder: Path, subject: Subject) -> nn.Module:
    """Return the network for chest X-rays that a training left in a folder.

    Raises:
        ConfigError: what the training was is not known, or the checkpoint is missing or another's.
    """
    record, checkpoint = folder / RECORD, latest(folder)
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        if told["subject"] != subject.value:
            raise ValueError(f"expected {subject}, found {told['subject']}")
        network = film_network(subject, str(told["architecture"] or ARCHITECTURES[subject]), int(told["width"]))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{record}: expected what a network for chest X-rays was trained as: {error}") from error
    try:
        network.load_state_dict(network_state(checkpoint))
    except RuntimeError as error:
        raise ConfigError(f"{checkpoint}: expected the tensors of {told['architecture']}, found others") from error
    return network.eval()


def _shipped(network: nn.Module) -> nn.Module:
    """Return what is exported of a network: the first stage takes pictures of twice the side that it learnt on."""
    return network if hasattr(network, "presence") else Halved(network).eval()


def _said(label: Path) -> dict[str, Any]:
    said = read_said(label)
    names, wanted = set(said) - {"method"}, {*COMMON, "networks"}
    if names != wanted or said["kind"] != CXR_TWO_STAGE.name or set(said["networks"]) != set(SUBJECTS):
        raise ConfigError(
            f"{label}: expected {', '.join(sorted(wanted))}, kind {CXR_TWO_STAGE.name} and a folder of checkpoints "
            f"each for {' and '.join(SUBJECTS)}, found {', '.join(sorted(names))}"
        )
    return said


def _write_manifest(folder: Path, said: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
    codes = {"lungs": LUNGS.code, "opacity": OPACITY.code}
    manifest = {
        **{name: said[name] for name in COMMON},
        **({"method": said["method"]} if "method" in said else {}),
        **UNFITTED,
        "codes": {
            name: {"value": one.value, "scheme": one.scheme, "meaning": one.meaning} for name, one in codes.items()
        },
        "networks": entries,
    }
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump(manifest, file)


def _sample(side: int, channels: int = 1) -> Tensor:
    """Return pictures of smooth and of fine noise."""
    rng = np.random.default_rng(SAMPLE_SEED)
    coarse = torch.from_numpy(rng.random((1, channels, 16, 16), dtype=np.float32))
    smooth = nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    return torch.cat([smooth, torch.from_numpy(rng.random((1, channels, side, side), dtype=np.float32))])


def _answers(network: nn.Module, pictures: Tensor) -> list[NDArray[np.float32]]:
    with torch.no_grad():
        outputs = network(pictures)
    return [one.sigmoid().numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,))]


def _graph_answers(folder: Path, name: str, entry: Mapping[str, Any], pictures: Tensor) -> list[NDArray[np.float32]]:
    inputs, outputs = ({key: tuple(shape) for key, shape in entry[side].items()} for side in ("inputs", "outputs"))
    file = NetworkFile(folder / entry["file"], entry["sha256"], inputs, outputs)
    graph = load_graphs({name: file}, "cpu", 1)[name]
    return [torch.from_numpy(one).sigmoid().numpy() for one in graph.run(pictures.numpy())]


def _apart(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(first, second, strict=True))
