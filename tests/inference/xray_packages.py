"""Writes a small package of the kind `cxr-two-stage` whose graphs are simple enough to be computed by hand.

`lungs`: what is darker than half is lung, the right one on the left half of the picture. `disease`: what is brighter
than .3 is affected within the lungs, what is brighter than .4 is solid; present is what the brightest pixel of lung is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE: Final = 64
FAR: Final = 40.0
STEEP: Final = 40.0
SOLID: Final = 0.4
AFFECTED: Final = 0.3

MANIFEST: Final = """\
name: simple-xray
version: "1"
kind: cxr-two-stage
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.4321
thresholds: {{lung: 0.5, affected: 0.5, gate: 0.5, zone: 0.3}}
repeat_sd: 0.04
extent_map:
  extent: [0.0, 0.5, 1.0]
  share: [0.0, 0.3, 0.8]
  low: [0.0, 0.2, 0.6]
  high: [0.05, 0.5, 1.0]
codes:
  lung: {{value: "39607008", scheme: SCT, meaning: Lung}}
networks:
  lungs:
    file: lungs.onnx
    sha256: {lungs}
    inputs: {{picture: [n, 1, 512, 512]}}
    outputs: {{lungs: [n, 2, 512, 512]}}
  disease:
    file: disease.onnx
    sha256: {disease}
    inputs: {{picture: [n, 2, 64, 64]}}
    outputs: {{opacity: [n, {channels}, 64, 64], presence: [n, 1]}}
"""


def write_xray_package(folder: Path, channels: int = 2, seen_columns: int = SIDE) -> str:
    """Write the package, of one or two channels of opacity, and return the text of its manifest.

    `disease` finds nothing affected but in the first `seen_columns`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, model in (("lungs", _lungs()), ("disease", _disease(channels, seen_columns))):
        content = model.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    text = MANIFEST.format(**digests, channels=channels)
    (folder / "manifest.yaml").write_text(text)
    (folder / "CARD.md").write_text("For tests.\n")
    return text


def _lungs() -> onnx.ModelProto:
    sides = np.zeros((1, 2, 512, 512), np.float32)
    sides[:, 0, :, 256:] = sides[:, 1, :, :256] = -FAR
    tensors = [
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
        numpy_helper.from_array(np.array(STEEP, np.float32), "steep"),
        numpy_helper.from_array(sides, "sides"),
    ]
    nodes = [
        helper.make_node("Sub", ["half", "picture"], ["dark"]),
        helper.make_node("Mul", ["dark", "steep"], ["lung"]),
        helper.make_node("Add", ["lung", "sides"], ["lungs"]),
    ]
    return _model(nodes, [1, 512, 512], [("lungs", ["n", 2, 512, 512])], tensors)


def _disease(channels: int, seen_columns: int) -> onnx.ModelProto:
    bounds = np.array([AFFECTED, SOLID, 0.5][:channels], np.float32).reshape(1, channels, 1, 1)
    bounds = np.where(np.arange(SIDE) < seen_columns, bounds, np.float32(2))
    tensors = [
        numpy_helper.from_array(bounds, "bounds"),
        numpy_helper.from_array(np.array(STEEP, np.float32), "steep"),
        numpy_helper.from_array(np.array(AFFECTED, np.float32), "any"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "all"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "plane"),
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
    ]
    nodes = [
        helper.make_node("ReduceProd", ["picture", "channel"], ["within"], keepdims=1),
        helper.make_node("Sub", ["within", "bounds"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["opacity"]),
        helper.make_node("ReduceMax", ["within", "all"], ["top"], keepdims=1),
        helper.make_node("Squeeze", ["top", "plane"], ["brightest"]),
        helper.make_node("Sub", ["brightest", "any"], ["more"]),
        helper.make_node("Mul", ["more", "steep"], ["presence"]),
    ]
    outputs: list[tuple[str, list[str | int]]] = [("opacity", ["n", channels, SIDE, SIDE]), ("presence", ["n", 1])]
    return _model(nodes, [2, SIDE, SIDE], outputs, tensors)


def _model(
    nodes: list[onnx.NodeProto],
    shape: list[int],
    outputs: list[tuple[str, list[str | int]]],
    tensors: list[onnx.TensorProto],
) -> onnx.ModelProto:
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", *shape])
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
    graph = helper.make_graph(nodes, "simple", [picture], results, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
