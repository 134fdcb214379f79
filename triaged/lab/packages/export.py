"""Writes trained networks as a model package: three ONNX graphs and the manifest that the daemon checks them against.

Must not know how the networks were trained; what the manifest says about that, the caller passes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import onnx
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from ruamel.yaml import YAML
from torch import Tensor, nn
from torch.export import Dim

from triaged.inference.kinds.ct_multitask import CT_MULTITASK, Thresholds
from triaged.inference.manifest import MANIFEST_NAME
from triaged.lab.networks.multitask import (
    SMALLEST_AXIS,
    LungNetwork,
    Multitask,
    SegmentationBranch,
)
from triaged.study.coding import Code

SPACING_MM: Final = (2.0, 2.0)
WINDOW_HU: Final = (-1000, 300)
SMALLEST_HALVED: Final = 1024
"""Tensors of fewer values stay in single precision: halving them saves nothing."""

Storage: TypeAlias = Literal["half", "single"]
"""How large weights are stored; computation is in single precision either way."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the author says about a package; see `Manifest` and `CtSettings` of `triaged.inference` for each entry."""

    name: str
    version: str
    licence: str
    terms: str
    trained_on: str
    device_uid: str
    thresholds: Thresholds
    training_prior: float
    codes: Mapping[str, Code]
    method: str = CT_MULTITASK.method


class Backbone(nn.Module):
    """The slice-wise part of the multitask network with the in-plane half of its pooling, as it is shipped."""

    def __init__(self, segmentation: SegmentationBranch) -> None:
        super().__init__()
        self.segmentation = segmentation

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Return lesion logits (n, 1, row, column) and pyramid cells (n, channel, 85)."""
        lesion, features = self.segmentation(slices)
        return lesion, self.segmentation.cells(features)


def write_package(
    folder: Path, lungs: LungNetwork, multitask: Multitask, label: Label, storage: Storage = "half"
) -> None:
    """Write `lungs.onnx`, `backbone.onnx`, `head.onnx` and `manifest.yaml` into `folder`.

    With `half` the weights of convolutions and linear layers are first rounded to half precision, in place, and so
    stored without further loss in half the space; with `single` they are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for network in (lungs.eval(), multitask.eval()):
        if storage == "half":
            round_weights(network)
    slices = torch.zeros(2, 1, 24, 40)
    pooled = torch.zeros(2, multitask.identification.hidden.in_features)
    graphs = {
        "lungs": slice_graph(lungs, slices, ["lung"], 1),
        "backbone": slice_graph(Backbone(multitask.segmentation).eval(), slices, ["lesion", "cells"], SMALLEST_AXIS),
        "head": graph_of(multitask.identification, "pooled", pooled, ["identification"], {0: Dim("n", min=1)}),
    }
    entries = {}
    for name, graph in graphs.items():
        plain = without_idle_biases(without_traces(graph))
        entries[name] = write_graph(halved(plain) if storage == "half" else plain, folder / f"{name}.onnx")
    write_manifest(folder, label, entries)


def write_graph(graph: ModelProto, path: Path) -> dict[str, Any]:
    """Write a graph and return what the manifest says about it."""
    content = graph.SerializeToString()
    path.write_bytes(content)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": {value.name: _shape(value) for value in graph.graph.input},
        "outputs": {value.name: _shape(value) for value in graph.graph.output},
    }


def write_manifest(folder: Path, label: Label, networks: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the manifest of a package from its label and from what `write_graph` returned for each network."""
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump({**_described(label), "networks": networks}, file)


def slice_graph(network: nn.Module, slices: Tensor, outputs: list[str], smallest: int) -> ModelProto:
    """Return the ONNX graph of a network of slices, with free count, rows and columns."""
    axes = {0: Dim("n", min=1), 2: Dim("rows", min=smallest), 3: Dim("columns", min=smallest)}
    return graph_of(network, "slices", slices, outputs, axes)


def round_weights(network: nn.Module) -> None:
    """Round, in place, the parameters that `halved` can store in half precision."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1 and parameter.numel() >= SMALLEST_HALVED:
                parameter.copy_(parameter.half().float())


def halved(graph: ModelProto) -> ModelProto:
    """Return a copy that stores every large tensor in half precision, where that loses nothing, and casts it back.

    The runtime folds the casts when it loads the graph.
    """
    result = ModelProto()
    result.CopyFrom(graph)
    casts = []
    for tensor in result.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *result.graph.node]
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


def without_traces(graph: ModelProto) -> ModelProto:
    """Return a copy without the exporter's notes: source lines and folders of the machine that trained."""
    result = ModelProto()
    result.CopyFrom(graph)
    del result.metadata_props[:]
    del result.graph.metadata_props[:]
    for part in (result.graph.node, result.graph.value_info, result.graph.initializer):
        for entry in part:
            entry.doc_string = ""
            del entry.metadata_props[:]
    for value in (*result.graph.input, *result.graph.output):
        del value.metadata_props[:]
    return result


def without_idle_biases(graph: ModelProto) -> ModelProto:
    """Return a copy whose convolutions lack the zeros that the exporter gives them for a bias.

    It makes them anew from the input's type at each run, so that the runtime can neither fold the normalisation into
    the convolution nor choose its fastest layout: 1.3 times the time.
    """
    result = ModelProto()
    result.CopyFrom(graph)
    made_by = {output: node for node in result.graph.node for output in node.output}
    for node in result.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and _is_made_of_zero(node.input[2], made_by):
            del node.input[2]
    while idle := _idle(result):
        for node in idle:
            result.graph.node.remove(node)
    return result


def _is_made_of_zero(name: str, made_by: Mapping[str, NodeProto]) -> bool:
    """Tell whether a tensor is the constant 0, however it was cast and expanded."""
    node = made_by.get(name)
    while node is not None and node.op_type in ("Expand", "CastLike", "Cast"):
        node = made_by.get(node.input[0])
    if node is None or node.op_type != "Constant":
        return False
    values = [numpy_helper.to_array(entry.t) for entry in node.attribute if entry.name == "value"]
    return bool(values) and not values[0].any()


def _idle(graph: ModelProto) -> list[NodeProto]:
    used = {name for node in graph.graph.node for name in node.input} | {value.name for value in graph.graph.output}
    return [node for node in graph.graph.node if used.isdisjoint(node.output)]


def graph_of(network: nn.Module, name: str, example: Tensor, outputs: list[str], axes: Mapping[int, Any]) -> ModelProto:
    """Return the ONNX graph of a network of one input; `axes` are those that stay free."""
    return _exported(network, {name: example}, outputs, (dict(axes),))


def graph_of_many(network: nn.Module, examples: Mapping[str, Tensor], outputs: list[str]) -> ModelProto:
    """Return the ONNX graph of a network of several inputs by name, whose common first axis, `n`, stays free."""
    free = [
        Dim("n", min=1),
        *(Dim.DYNAMIC for _ in examples),
    ]  # named once: the exporter warns of a name that is shared
    return _exported(network, examples, outputs, tuple({0: axis} for axis, _ in zip(free, examples, strict=False)))


def _exported(
    network: nn.Module, examples: Mapping[str, Tensor], outputs: list[str], axes: tuple[dict[int, Any], ...]
) -> ModelProto:
    program = torch.onnx.export(
        network,
        tuple(examples.values()),
        input_names=list(examples),
        output_names=outputs,
        dynamo=True,
        dynamic_shapes=axes,
        verbose=False,
        optimize=False,
    )
    if program is None:
        raise RuntimeError(f"expected the exporter to return the graph of {type(network).__name__}, found none")
    return program.model_proto


def _shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _described(label: Label) -> dict[str, Any]:
    return {
        "name": label.name,
        "version": label.version,
        "kind": CT_MULTITASK.name,
        **({} if label.method == CT_MULTITASK.method else {"method": label.method}),
        "licence": label.licence,
        "terms": label.terms,
        "trained_on": label.trained_on,
        "device_uid": label.device_uid,
        "spacing_mm": list(SPACING_MM),
        "window_hu": list(WINDOW_HU),
        "thresholds": {
            "lung": label.thresholds.lung,
            "lesion": label.thresholds.lesion,
            "identification": label.thresholds.identification,
        },
        "training_prior": label.training_prior,
        "codes": {
            name: {"value": code.value, "scheme": code.scheme, "meaning": code.meaning}
            for name, code in label.codes.items()
        },
    }
