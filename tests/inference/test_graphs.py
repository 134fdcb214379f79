"""A graph that is not what its manifest says is refused, and it runs where it is asked to."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.errors import ConfigError, ModelRefused
from triaged.inference import graphs
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.package import load_of_kind, load_package
from triaged.inference.runtime import onnxruntime


def pixels(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random(shape, dtype=np.float32)


@pytest.mark.parametrize("name", ["lungs", "backbone", "head"])
def test_a_changed_file_is_refused_with_both_digests(package: Path, name: str) -> None:
    path = package / f"{name}.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelRefused, match=f"{name}.onnx: expected sha256 [0-9a-f]{{64}}, found [0-9a-f]{{64}}"):
        load_package(package, "cpu", 0)


def test_a_missing_file_is_refused(package: Path) -> None:
    (package / "head.onnx").unlink()
    with pytest.raises(ModelRefused, match=r"head\.onnx: expected the network named in the manifest"):
        load_package(package, "cpu", 0)


@pytest.mark.parametrize(
    ("found", "replacement", "expected"),
    [
        ("cells: [n, 1, 85]", "cells: [n, 8, 85]", r"backbone\.onnx: expected outputs .*8, 85.*, found .*1, 85"),
        ("pooled: [n, 585]", "pooled: [585]", r"head\.onnx: expected inputs .*, found pooled \(n, 585\)"),
        ("{lung: [n", "{lungs: [n", r"lungs\.onnx: expected outputs lungs .*, found lung "),
    ],
)
def test_other_tensors_than_declared_are_refused(
    package: Path, manifest_text: str, found: str, replacement: str, expected: str
) -> None:
    assert found in manifest_text
    (package / "manifest.yaml").write_text(manifest_text.replace(found, replacement))
    with pytest.raises(ModelRefused, match=expected):
        load_package(package, "cpu", 0)


def test_a_file_that_is_no_graph_is_refused(package: Path, manifest_text: str) -> None:
    path = package / "lungs.onnx"
    old, new = hashlib.sha256(path.read_bytes()).hexdigest(), hashlib.sha256(b"not a graph").hexdigest()
    path.write_bytes(b"not a graph")
    (package / "manifest.yaml").write_text(manifest_text.replace(old, new))
    with pytest.raises(ModelRefused, match=r"lungs\.onnx: expected an ONNX graph"):
        load_package(package, "cpu", 0)


def cuda_works(package: Path) -> bool:
    return load_package(package, "auto", 0).device == "cuda"


def test_auto_runs_anywhere(package: Path) -> None:
    assert load_of_kind(CT_MULTITASK, package, "auto", 0).lung_probability(pixels(1, 8, 8)).shape == (1, 8, 8)


def test_cuda_is_refused_where_it_does_not_work(package: Path) -> None:
    if cuda_works(package):
        pytest.skip("CUDA works here, so nothing is refused")
    with pytest.raises(ConfigError, match="expected cuda, as configured"):
        load_package(package, "cuda", 0)


def test_cuda_and_cpu_agree(package: Path) -> None:
    if not cuda_works(package):
        pytest.skip("CUDA does not work here: needs an NVIDIA GPU and onnxruntime-gpu[cuda,cudnn]")
    slices = pixels(9, 16, 24)
    cpu, cuda = (load_of_kind(CT_MULTITASK, package, device, 0) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda.lung_probability(slices), cpu.lung_probability(slices), atol=1e-3)


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ("cpu", ["CPUExecutionProvider"]),
        ("cuda", ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("cuda:1", [("CUDAExecutionProvider", {"device_id": "1"}), "CPUExecutionProvider"]),
    ],
)
def test_one_of_several_gpus_is_asked_for_by_its_number(
    package: Path, monkeypatch: pytest.MonkeyPatch, device: str, wanted: list[object]
) -> None:
    asked: list[object] = []

    def session(_name: str, _options: object, *, providers: object) -> None:
        asked.append(providers)
        raise graphs.UNREADABLE_GRAPH[0]("seen")

    monkeypatch.setattr(graphs, "_find_cuda_libraries", lambda: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [graphs.CUDA, graphs.CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with pytest.raises(ModelRefused, match="seen"):
        load_package(package, device, 0)
    assert asked == [wanted]
