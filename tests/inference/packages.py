"""Writes small model packages whose graphs are simple enough to be computed by hand.

`lungs` gives 20 (x - 0.5) as logit, `backbone` gives 20 (x - 0.5) and cells that repeat each slice's maximum, `head`
gives the sum of its inputs.
"""

import hashlib
from pathlib import Path

import onnx
from onnx import TensorProto, helper

CELLS = 85
POOLED = 585
SLICES: list[str | int | None] = ["n", 1, "rows", "columns"]

MANIFEST = """\
name: simple
version: "1"
kind: ct-multitask
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.1234
spacing_mm: [2.0, 2.0]
window_hu: [-1000, 300]
thresholds: {{lung: 0.5, lesion: 0.2, identification: 0.5}}
training_prior: 0.75
codes:
  lung: {{value: "39607008", scheme: SCT, meaning: Lung}}
networks:
  lungs:
    file: lungs.onnx
    sha256: {lungs}
    inputs: {{slices: [n, 1, rows, columns]}}
    outputs: {{lung: [n, 1, rows, columns]}}
  backbone:
    file: backbone.onnx
    sha256: {backbone}
    inputs: {{slices: [n, 1, rows, columns]}}
    outputs: {{lesion: [n, 1, rows, columns], cells: [n, 1, 85]}}
  head:
    file: head.onnx
    sha256: {head}
    inputs: {{pooled: [n, 585]}}
    outputs: {{identification: [n, 1]}}
"""


def write_package(folder: Path) -> str:
    """Write the package and return the text of its manifest."""
    digests = {}
    for name, model in (("lungs", _lungs()), ("backbone", _backbone()), ("head", _head())):
        content = model.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    text = MANIFEST.format(**digests)
    (folder / "manifest.yaml").write_text(text)
    return text


def _lungs() -> onnx.ModelProto:
    nodes = _scaled("lung")
    return _model(nodes, [_value("slices", SLICES)], [_value("lung", SLICES)])


def _backbone() -> onnx.ModelProto:
    nodes = [
        *_scaled("lesion"),
        helper.make_node("ReduceMax", ["slices", "plane"], ["top"], keepdims=1),
        helper.make_node("Squeeze", ["top", "last"], ["each"]),
        helper.make_node("Expand", ["each", "shape"], ["cells"]),
    ]
    tensors = [
        helper.make_tensor("plane", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("last", TensorProto.INT64, [1], [3]),
        helper.make_tensor("shape", TensorProto.INT64, [3], [1, 1, CELLS]),
    ]
    outputs = [_value("lesion", SLICES), _value("cells", ["n", 1, CELLS])]
    return _model(nodes, [_value("slices", SLICES)], outputs, tensors)


def _head() -> onnx.ModelProto:
    nodes = [helper.make_node("ReduceSum", ["pooled", "axis"], ["identification"], keepdims=1)]
    tensors = [helper.make_tensor("axis", TensorProto.INT64, [1], [1])]
    return _model(nodes, [_value("pooled", ["n", POOLED])], [_value("identification", ["n", 1])], tensors)


def _scaled(output: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("Constant", [], ["steep"], value_float=20.0),
        helper.make_node("Sub", ["slices", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "steep"], [output]),
    ]


def _value(name: str, shape: list[str | int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    tensors: list[onnx.TensorProto] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "simple", inputs, outputs, tensors or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
