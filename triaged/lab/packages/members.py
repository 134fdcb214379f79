"""Writes networks that only segment as a package of their kind: members of an ensemble, lungs, a cascade.

A label says everything but the graphs: the common part of a manifest, the kind's own settings, and from which folder of
checkpoints each graph comes. Must not know how a network learns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from torch import Tensor, nn
from torch.export import Dim

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.graphs import Graph, load_graphs
from triaged.inference.manifest import MANIFEST_NAME, NetworkFile
from triaged.inference.pyramid import SMALLEST_AXIS
from triaged.lab.networks.segmenters import Segmenter
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
from triaged.lab.packages.packaging import CODES, PARITY, sample_slices
from triaged.lab.training.checkpoints import network_state
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject
from triaged.lab.training.segmentation import SEGMENTATIONS
from triaged.lab.training.trained import latest

COMMON: Final = ("name", "version", "kind", "licence", "terms", "trained_on", "device_uid")


@dataclass(frozen=True, slots=True)
class KindOfPackage:
    """What the packages of a kind hold.

    Attributes:
        graphs: output of each graph, by its name.
        size: rows and columns that its graphs take; None where any will do.
        settings: keys of the manifest beside the common part.
        coded: the outputs that the manifest names concepts for.
    """

    graphs: Mapping[str, str]
    size: int | None
    settings: tuple[str, ...]
    coded: tuple[str, ...]


KINDS: Final[Mapping[str, KindOfPackage]] = MappingProxyType(
    {
        "ct-lesions": KindOfPackage(
            {"lesions": "lesion"}, None, ("plane", "spacing_mm", "window_hu", "thresholds"), ("lesion",)
        ),
        "ct-lungs": KindOfPackage(
            dict.fromkeys(("axial", "coronal", "sagittal"), "lung"), 128, ("window_hu", "thresholds"), ("lung",)
        ),
        "ct-cascade": KindOfPackage(
            {"lungs": "lung", "lesions": "lesion"},
            256,
            ("spacing_mm", "window_hu", "thresholds", "slice_mm2"),
            ("lung", "lesion"),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export was measured at: the largest difference of a probability, by graph.

    Attributes:
        parity: of the graph against the network that it stores.
        rounding: of that network against the one that was trained.
    """

    parity: Mapping[str, float]
    rounding: Mapping[str, float]


def kind_of_label(path: Path) -> str:
    """Return the kind that a label names; packages of `ct-multitask` name none.

    Raises:
        ConfigError: the file is no mapping.
    """
    return str(read_said(path).get("kind", "ct-multitask"))


def export_segmenters(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package that a label describes into `folder`, and measure it on a generated series.

    Raises:
        ConfigError: the label or a checkpoint is missing, or is not what it must be.
        ModelRefused: a graph does not compute what its network does.
    """
    said = read_said(label)
    kind = _demand_whole(said, label)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # without it nobody can load a package that is half written
    entries, parity, rounding = {}, {}, {}
    for name, output in kind.graphs.items():
        network = read_segmenter(checkpoints / str(said["networks"][name]))
        trained = deepcopy(network)
        if storage == "half":
            round_weights(network)
        entries[name] = _written(network, folder / f"{name}.onnx", output, kind, storage)
        images = _sample(network, kind.size)
        stored = _shares(network, images)
        rounding[name] = float((stored - _shares(trained, images)).abs().max())
        parity[name] = float(np.abs(stored.numpy() - _graph_shares(folder, name, entries[name], images)).max())
        if parity[name] > PARITY:
            raise ModelRefused(
                f"{folder}: {name}: expected the probabilities of the trained network within {PARITY}, "
                f"found differences of {parity[name]:.1e}"
            )
    _write_manifest(folder, said, kind, entries)
    return Exported(parity, rounding)


def read_segmenter(folder: Path) -> Segmenter:
    """Return the network that a training left in a folder.

    Raises:
        ConfigError: what the training was is not known, or the checkpoint is missing or another's.
    """
    record, checkpoint = folder / RECORD, latest(folder)
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        said = SEGMENTATIONS[Subject(told["subject"])]
        network = Segmenter(told["architecture"], int(told["width"]), said.channels_in, said.classes)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{record}: expected what a network that only segments was trained as: {error}") from error
    try:
        network.load_state_dict(network_state(checkpoint))
    except RuntimeError as error:
        raise ConfigError(f"{checkpoint}: expected the tensors of {told['architecture']}, found others") from error
    return network.eval()


def _written(network: Segmenter, path: Path, output: str, kind: KindOfPackage, storage: Storage) -> dict[str, Any]:
    images = _sample(network, kind.size)[:2]
    if kind.size is None:
        graph = slice_graph(network, images[:, :, :24, :40], [output], SMALLEST_AXIS)
    else:
        graph = graph_of(network, "slices", images, [output], {0: Dim("n", min=1)})
    plain = without_idle_biases(without_traces(graph))
    return write_graph(halved(plain) if storage == "half" else plain, path)


def _write_manifest(folder: Path, said: dict[str, Any], kind: KindOfPackage, entries: Mapping[str, Any]) -> None:
    codes = {name: CODES[name] for name in kind.coded}
    coded = {name: {"value": one.value, "scheme": one.scheme, "meaning": one.meaning} for name, one in codes.items()}
    manifest = {
        **{name: said[name] for name in (*COMMON, *kind.settings)},
        **({"method": said["method"]} if "method" in said else {}),
        "codes": coded,
        "networks": entries,
    }
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump(manifest, file)


def _graph_shares(folder: Path, name: str, entry: Mapping[str, Any], images: Tensor) -> NDArray[np.float32]:
    file = NetworkFile(
        folder / entry["file"],
        entry["sha256"],
        {key: tuple(shape) for key, shape in entry["inputs"].items()},
        {key: tuple(shape) for key, shape in entry["outputs"].items()},
    )
    graph: Graph = load_graphs({name: file}, "cpu", 1)[name]
    return np.asarray(_probability(torch.from_numpy(graph.run(images.numpy())[0])).numpy())


def _shares(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return _probability(network(images))


def _probability(logits: Tensor) -> Tensor:
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


def _sample(network: Segmenter, size: int | None) -> Tensor:
    """Return slices of a generated chest as the graphs take them: their middle on zeros, and ramps for places."""
    slices = torch.from_numpy(sample_slices())[:4, None]
    if size is not None:
        rows, columns = slices.shape[2:]
        top, left = (size - rows) // 2, (size - columns) // 2
        margins = (left, size - columns - left, top, size - rows - top)
        slices = nn.functional.pad(slices, margins)
    more = network.channels_in - 1
    ramp = torch.linspace(0, 1, slices.shape[3]).expand(len(slices), more, *slices.shape[2:])
    return torch.cat([slices, ramp], dim=1).contiguous()


def read_said(path: Path) -> dict[str, Any]:
    """Return what a label says, by key.

    Raises:
        ConfigError: the file is missing or no mapping.
    """
    try:
        said = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: expected a readable label, found {error}") from error
    if not isinstance(said, dict):
        raise ConfigError(f"{path}: expected a mapping, found {type(said).__name__}")
    return said


def _demand_whole(said: Mapping[str, Any], path: Path) -> KindOfPackage:
    kind = KINDS.get(str(said.get("kind")))
    if kind is None:
        raise ConfigError(f"{path}: kind: expected one of {', '.join(KINDS)}, found {said.get('kind')}")
    wanted = {*COMMON, *kind.settings, "networks"}
    names = set(said) - {"method"}
    if names != wanted:
        missing, unknown = (", ".join(sorted(rest)) or "none" for rest in (wanted - names, names - wanted))
        raise ConfigError(f"{path}: expected {', '.join(sorted(wanted))}; missing {missing}, unknown {unknown}")
    networks = said["networks"]
    if not isinstance(networks, dict) or set(networks) != set(kind.graphs):
        raise ConfigError(f"{path}: networks: expected a folder for each of {', '.join(kind.graphs)}")
    return kind
