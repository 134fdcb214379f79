"""Kinds of network as somebody would add them: one with a graph of its own, and two made of other packages."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.measure import Lungs, Verdict, measure
from triaged.exams.ct.pipelines.split import SplitMethod
from triaged.imaging.volume import Mask, Volume
from triaged.inference.graphs import Graph
from triaged.inference.kinds.kind import Kind
from triaged.inference.manifest import Manifest
from triaged.inference.strict_mapping import StrictMapping


@dataclass(frozen=True, slots=True)
class ToySettings:
    """`score`: from which a voxel is lesion."""

    score: float

    @property
    def identity(self) -> tuple[str, ...]:
        return (f"score {self.score}",)


class Toy:
    """One graph, or packages of which each has one."""

    device = "cpu"

    def __init__(self, manifest: Manifest[ToySettings], graphs: Mapping[str, Graph], parts: Mapping[str, Any]) -> None:
        self.manifest, self.graphs, self.parts = manifest, graphs, parts

    def is_dense(self, hu: NDArray[np.float32]) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = self.graphs["dense"].run(hu)[0] > self.manifest.settings.score
        return result


class ToyPipeline:
    """Calls lung what is neither air nor tissue, and lesion what of it the graph calls dense."""

    def __init__(self, networks: Toy, options: CtOptions) -> None:
        self._networks, self._options = networks, options

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        lung = (volume.voxels > -900) & (volume.voxels < 0)
        is_right = np.arange(lung.shape[2]) < lung.shape[2] // 2
        right, left = (Mask(lung & side, volume.geometry) for side in (is_right, ~is_right))
        lesion = Mask(lung & self._networks.is_dense(volume.voxels.astype(np.float32)), volume.geometry)
        lungs = Lungs(right, left, SplitMethod.COMPONENTS)
        return measure(volume, lungs, lesion, Verdict("toy 1", None, None), acquisition, self._options)


def _settings(section: StrictMapping) -> ToySettings:
    return ToySettings(section.share("score"))


TOY: Kind[ToySettings, Toy] = Kind("toy", "Thresholding", ("dense",), _settings, Toy)
TOYS: Kind[ToySettings, Toy] = Kind("toys", "Thresholding", (), _settings, Toy, parts="any")
PAIR: Kind[ToySettings, Toy] = Kind("pair", "Thresholding", (), _settings, Toy, parts=("first", "second"))
TOY_KINDS: dict[str, Kind[Any, Toy]] = {kind.name: kind for kind in (TOY, TOYS, PAIR)}


def write_toy(folder: Path, kind: str = "toy", body: str = "", *, more: str = "") -> None:
    """Write a package: of the one graph where `body` does not say otherwise; `more` are lines before its last keys."""
    folder.mkdir()
    if not body:
        content = _graph().SerializeToString()
        (folder / "dense.onnx").write_bytes(content)
        tensor = "[slices, rows, columns]"
        body = (
            f"networks:\n  dense:\n    file: dense.onnx\n    sha256: {hashlib.sha256(content).hexdigest()}\n"
            f"    inputs: {{hu: {tensor}}}\n    outputs: {{dense: {tensor}}}\n"
        )
    said = f"name: {folder.name}\nversion: '1'\nkind: {kind}\nlicence: Apache-2.0\nterms: tests\ntrained_on: nothing\n"
    (folder / "manifest.yaml").write_text(f"{said}device_uid: 2.25.7\ncodes: {{}}\nscore: 0.5\n{more}{body}")


def _graph() -> onnx.ModelProto:
    """Return HU + 600: more than the score from -599 HU on."""
    nodes = [
        helper.make_node("Constant", [], ["level"], value_float=600.0),
        helper.make_node("Add", ["hu", "level"], ["dense"]),
    ]
    ends = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["slices", "rows", "columns"]) for n in ("hu", "dense"))
    graph = helper.make_graph(nodes, "toy", [next(ends)], [next(ends)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
