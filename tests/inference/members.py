"""Writes small packages of every kind: their graphs call a band of Hounsfield units what they seek.

Logits are 300 (half - |x - middle|) of the scaled image x, so that each voxel's answer can be foretold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import TensorProto, helper

from triaged.inference.identity import model_sha256
from triaged.inference.package import read_manifest

LUNG_HU = (-930.0, -560.0)
LESION_HU = (-540.0, -460.0)
NOTHING_HU = (250.0, 290.0)
ANY: list[str | int | None] = ["n", 1, "rows", "columns"]
COMMON = """\
name: {name}
version: "1"
kind: {kind}
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.77
codes: {{}}
"""

WINDOW = "window_hu: [-1000, 300]\n"
SPACING = "spacing_mm: [2.0, 2.0]\n"


class Stump(NamedTuple):
    """A tree on one feature: above `cut` the probability is higher by `step`; `middle` is the feature's usual value."""

    cut: float
    step: float
    middle: float


def write_lesions(folder: Path, plane: str = "axial", band_hu: tuple[float, float] = LESION_HU, more: str = "") -> None:
    """Write a member of an ensemble; `more` replaces spacing and window."""
    graph = _model(_band(band_hu, "lesion"), ("slices", ANY), ("lesion", ANY))
    said = f"plane: {plane}\n{more or SPACING + WINDOW}thresholds: {{lesion: 0.4}}\n"
    _write(folder, "ct-lesions", said, {"lesions": graph})


def write_lungs(folder: Path, *, swapped: bool = False) -> None:
    """Write lungs from three projections: those at x below one half are right, or left if swapped."""
    cube: list[str | int | None] = ["n", 4, 128, 128]
    nodes = [
        helper.make_node("Split", ["slices"], ["image", "x", "y", "z"], axis=1, num_outputs=4),
        *_band(LUNG_HU, "lung", "image"),
        helper.make_node("Constant", [], ["half_way"], value_float=0.5),
        helper.make_node("Constant", [], ["sure"], value_float=-60.0 if swapped else 60.0),
        helper.make_node("Sub", ["half_way", "x"], ["before"]),
        helper.make_node("Mul", ["before", "sure"], ["is_right"]),
        helper.make_node("Add", ["lung", "is_right"], ["right"]),
        helper.make_node("Sub", ["lung", "is_right"], ["left"]),
        helper.make_node("Neg", ["lung"], ["none"]),
        helper.make_node("Concat", ["none", "right", "left"], ["sides"], axis=1),
    ]
    graph = _model(nodes, ("slices", cube), ("sides", ["n", 3, 128, 128]))
    said = WINDOW + "thresholds: {lung: 0.5}\n"
    _write(folder, "ct-lungs", said, dict.fromkeys(("axial", "coronal", "sagittal"), graph))


def write_cascade(folder: Path, slice_mm2: float = 50.0, spacing_mm: float = 1.5) -> None:
    """Write a cascade."""
    square: list[str | int | None] = ["n", 1, 256, 256]
    lungs = _model(_band(LUNG_HU, "lung"), ("slices", square), ("lung", square))
    nodes = [
        *_band(LESION_HU, "seen"),
        helper.make_node("Neg", ["seen"], ["unseen"]),
        helper.make_node("Concat", ["unseen", "seen"], ["lesion"], axis=1),
    ]
    lesions = _model(nodes, ("slices", square), ("lesion", ["n", 2, 256, 256]))
    said = (
        f"spacing_mm: [{spacing_mm}, {spacing_mm}]\n{WINDOW}"
        f"thresholds: {{lung: 0.5, lesion: 0.5}}\nslice_mm2: {slice_mm2}\n"
    )
    _write(folder, "ct-cascade", said, {"lungs": lungs, "lesions": lesions})


def write_reader(folder: Path) -> None:
    """Write a `ct-multitask` package whose probability of disease is that of a logit of 0."""
    cells: list[str | int | None] = ["n", 1, 85]
    zero = [
        helper.make_node("Constant", [], ["nothing"], value_float=0.0),
        helper.make_node("ReduceMax", ["slices", "plane"], ["top"], keepdims=0),
        helper.make_node("Mul", ["top", "nothing"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "last"], ["column"]),
        helper.make_node("Expand", ["column", "shape"], ["cells"]),
    ]
    tensors = [
        helper.make_tensor("plane", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("last", TensorProto.INT64, [1], [2]),
        helper.make_tensor("shape", TensorProto.INT64, [3], [1, 1, 85]),
    ]
    summed = [helper.make_node("ReduceSum", ["pooled", "axis"], ["identification"], keepdims=1)]
    axis = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    graphs = {
        "lungs": _model(_band(LUNG_HU, "lung"), ("slices", ANY), ("lung", ANY)),
        "backbone": _model(
            [*_band(LESION_HU, "lesion"), *zero], ("slices", ANY), ("lesion", ANY), ("cells", cells), tensors=tensors
        ),
        "head": _model(summed, ("pooled", ["n", 585]), ("identification", ["n", 1]), tensors=axis),
    }
    said = SPACING + WINDOW + "thresholds: {lung: 0.5, lesion: 0.2, identification: 0.5}\ntraining_prior: 0.75\n"
    _write(folder, "ct-multitask", said, graphs)


def write_segmenter(folder: Path, reader: str, dimensions: int = 2, more: str = "") -> None:
    """Write a network that only segments; `reader` is the folder beside it that finds the lungs."""
    block: list[str | int | None] = [1, 1, "slices", "rows", "columns"]
    axes, shape = ("slices", ANY) if dimensions == 2 else ("block", block)
    graph = _model(_band(LESION_HU, "lesion", axes), (axes, shape), ("lesion", shape))
    digest = model_sha256(read_manifest(folder.parent / reader))
    said = f"dimensions: {dimensions}\n{more or SPACING + WINDOW}thresholds: {{lesion: 0.4}}\n"
    said += f"parts:\n  reader: {{package: {reader}, sha256: {digest}}}\n"
    _write(folder, "ct-segmenter", said, {"lesions": graph})


def write_classifier(folder: Path, stumps: Mapping[str, Stump], reader: str = "reader", base: float = 0.5) -> None:
    """Write trees on features, one stump each: `base` plus the steps of all features that exceed their cuts.

    `reader` is a folder beside it.
    """
    digest = model_sha256(read_manifest(folder.parent / reader))
    middles = "".join(f"  {name}: {stump.middle}\n" for name, stump in stumps.items())
    said = (
        f"thresholds: {{identification: 0.5}}\ntraining_prior: 0.5\nfeatures:\n{middles}"
        f"parts:\n  reader: {{package: {reader}, sha256: {digest}}}\n"
    )
    _write(folder, "ct-classifier", said, {"trees": trees(list(stumps.values()), base)})


MTL_HEADS = {"ct": 2, "nat": 2, "severity": 3}
MTL_BOX = (32, 40, 48)


def write_mtl(
    folder: Path, heads: Sequence[str] = ("ct", "severity"), features: Mapping[str, tuple[float, float]] | None = None
) -> None:
    """Write a multi-task network of every head; `heads` are those that the manifest asks, `reader` is beside it.

    Each head says the softmax of `MTL_LOGITS` in an empty box; the mean of the box and the sum of the features are
    added to the logit of its last class.
    """
    digest = model_sha256(read_manifest(folder.parent / "reader"))
    said = f"heads: [{', '.join(heads)}]\ngrid_mm: 8.0\nbox: {list(MTL_BOX)}\n{WINDOW}"
    if features:
        said += "features:\n" + "".join(f"  {name}: {list(scaling)}\n" for name, scaling in features.items())
    if "ct" in heads:
        said += "thresholds: {identification: 0.5}\ntraining_prior: 0.5\n"
    said += f"parts:\n  reader: {{package: reader, sha256: {digest}}}\n"
    _write(folder, "ct-mtl", said, {"network": mtl_graph(len(features or {}))})


def mtl_graph(features: int, heads: Mapping[str, int] = MTL_HEADS, *, masks: bool = True) -> onnx.ModelProto:
    """Return the graph of `write_mtl`; without `masks` a head answers whether it is asked or not."""
    nodes = [helper.make_node("ReduceMean", ["volume", "space"], ["mean"], keepdims=0)]
    added = "mean"
    if features:
        nodes += [
            helper.make_node("ReduceSum", ["features", "row"], ["sum"], keepdims=1),
            helper.make_node("Add", ["mean", "sum"], ["both"]),
        ]
        added = "both"
    nodes.append(helper.make_node("Split", ["heads"], list(_ASKED.values()), axis=1, num_outputs=3))
    tensors = [
        helper.make_tensor("space", TensorProto.INT64, [3], [2, 3, 4]),
        helper.make_tensor("row", TensorProto.INT64, [1], [1]),
    ]
    for name, count in heads.items():
        tensors += [
            helper.make_tensor(f"{name}_last", TensorProto.FLOAT, [1, count], [0.0] * (count - 1) + [1.0]),
            helper.make_tensor(f"{name}_own", TensorProto.FLOAT, [1, count], MTL_LOGITS[name][:count]),
        ]
        nodes += [
            helper.make_node("Mul", [added, f"{name}_last"], [f"{name}_gain"]),
            helper.make_node("Add", [f"{name}_gain", f"{name}_own"], [f"{name}_logits"]),
            helper.make_node("Softmax", [f"{name}_logits"], [f"{name}_told" if masks else name], axis=1),
        ]
        if masks:
            nodes.append(helper.make_node("Mul", [f"{name}_told", _ASKED[name]], [name]))
    given: list[tuple[str, list[str | int | None]]] = [("volume", ["n", 1, *MTL_BOX]), ("heads", ["n", 3])]
    if features:
        given.append(("features", ["n", features]))
    shapes: dict[str, list[str | int | None]] = {name: ["n", count] for name, count in heads.items()}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given]
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "mtl", ends, found, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


_ASKED = {"ct": "ask_ct", "nat": "ask_nat", "severity": "ask_severity"}
MTL_LOGITS = {"ct": [0.0, 0.0], "nat": [0.0, -1.0], "severity": [0.0, 0.5, -0.5]}
"""Logits of each head in an empty box."""


def write_slice_classifier(folder: Path, slope: float = 10.0, offset: float = -5.0, reader: str = "reader") -> None:
    """Write a network that gives the brightest and the darkest of each slice of x, and a head on the brightest of all.

    The logit is `slope` times that plus `offset`; `reader` is a folder beside it.
    """
    nodes = [
        helper.make_node("ReduceMax", ["slices", "plane"], ["brightest"], keepdims=0),
        helper.make_node("ReduceMin", ["slices", "plane"], ["darkest"], keepdims=0),
        helper.make_node("Concat", ["brightest", "darkest"], ["numbers"], axis=1),
    ]
    plane = [helper.make_tensor("plane", TensorProto.INT64, [2], [2, 3])]
    head = [
        helper.make_node("MatMul", ["pooled", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "offset"], ["identification"]),
    ]
    weights = [
        helper.make_tensor("slope", TensorProto.FLOAT, [30, 1], [slope] + [0.0] * 29),
        helper.make_tensor("offset", TensorProto.FLOAT, [1], [offset]),
    ]
    graphs = {
        "slices": _model(nodes, ("slices", ANY), ("numbers", ["n", 2]), tensors=plane),
        "head": _model(head, ("pooled", ["n", 30]), ("identification", ["n", 1]), tensors=weights),
    }
    digest = model_sha256(read_manifest(folder.parent / reader))
    said = f"{SPACING}{WINDOW}thresholds: {{identification: 0.6}}\ntraining_prior: 0.5\n"
    _write(folder, "ct-classifier", said + f"parts:\n  reader: {{package: {reader}, sha256: {digest}}}\n", graphs)


def trees(stumps: Sequence[Stump], base: float) -> onnx.ModelProto:
    """Return a graph of one tree of two leaves for each feature."""
    count = len(stumps)
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["probability"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[base],
        nodes_treeids=[tree for tree in range(count) for _ in range(3)],
        nodes_nodeids=[0, 1, 2] * count,
        nodes_featureids=[tree for tree in range(count) for _ in range(3)],
        nodes_modes=["BRANCH_GT", "LEAF", "LEAF"] * count,
        nodes_values=[value for stump in stumps for value in (stump.cut, 0.0, 0.0)],
        nodes_truenodeids=[1, 0, 0] * count,
        nodes_falsenodeids=[2, 0, 0] * count,
        target_treeids=[tree for tree in range(count) for _ in range(2)],
        target_nodeids=[1, 2] * count,
        target_ids=[0, 0] * count,
        target_weights=[weight for stump in stumps for weight in (stump.step, 0.0)],
    )
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", count])
    found = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph([node], "trees", [given], [found])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def write_ensemble(folder: Path, vote: str, parts: Mapping[str, str]) -> None:
    """Write an ensemble: `parts` are folders beside it by name; `vote` is YAML, a group a line."""
    said = COMMON.format(name=folder.name, kind="ct-ensemble") + f"vote:\n{vote}parts:\n"
    for name, package in parts.items():
        digest = model_sha256(read_manifest(folder.parent / package))
        said += f"  {name}: {{package: {package}, sha256: {digest}}}\n"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(said)


def _write(folder: Path, kind: str, said: str, graphs: Mapping[str, onnx.ModelProto]) -> None:
    folder.mkdir()
    text = COMMON.format(name=folder.name, kind=kind) + said + "networks:\n"
    for name, model in graphs.items():
        content = model.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(content)
        text += (
            f"  {name}:\n    file: {name}.onnx\n    sha256: {hashlib.sha256(content).hexdigest()}\n"
            f"    inputs: {_tensors(model.graph.input)}\n    outputs: {_tensors(model.graph.output)}\n"
        )
    (folder / "manifest.yaml").write_text(text)


def _tensors(values: Sequence[onnx.ValueInfoProto]) -> str:
    sizes = {
        value.name: [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim] for value in values
    }
    return "{" + ", ".join(f"{name}: [{', '.join(map(str, each))}]" for name, each in sizes.items()) + "}"


def _band(band_hu: tuple[float, float], output: str, image: str = "slices") -> list[onnx.NodeProto]:
    low, high = ((hu + 1000.0) / 1300.0 for hu in band_hu)
    return [
        helper.make_node("Constant", [], [f"{output}_middle"], value_float=(low + high) / 2),
        helper.make_node("Constant", [], [f"{output}_half"], value_float=(high - low) / 2),
        helper.make_node("Constant", [], [f"{output}_steep"], value_float=300.0),
        helper.make_node("Sub", [image, f"{output}_middle"], [f"{output}_off"]),
        helper.make_node("Abs", [f"{output}_off"], [f"{output}_away"]),
        helper.make_node("Sub", [f"{output}_half", f"{output}_away"], [f"{output}_within"]),
        helper.make_node("Mul", [f"{output}_within", f"{output}_steep"], [output]),
    ]


def _model(
    nodes: list[onnx.NodeProto],
    given: tuple[str, list[str | int | None]],
    *found: tuple[str, list[str | int | None]],
    tensors: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (given, *found)]
    graph = helper.make_graph(nodes, "band", ends[:1], ends[1:], tensors or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
