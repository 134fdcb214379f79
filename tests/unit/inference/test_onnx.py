"""A package runs as its graphs say, and one that is not what its manifest says is refused."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.onnx import SLICES_AT_ONCE, load_package
from triaged.inference.predictor import CtNetworks


def pixels(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random(shape, dtype=np.float32)


def logistic(logit: NDArray[np.float32]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-logit.astype(np.float64)))
    return result


@pytest.fixture
def networks(package: Path) -> CtNetworks:
    return load_package(package, "cpu", threads=1)


@pytest.mark.parametrize("count", [1, SLICES_AT_ONCE, SLICES_AT_ONCE + 1, 3 * SLICES_AT_ONCE - 1])
def test_lung_probability_keeps_the_order_and_number_of_slices(networks: CtNetworks, count: int) -> None:
    slices = pixels(count, 9, 13)
    np.testing.assert_allclose(networks.lung_probability(slices), logistic(20 * (slices - 0.5)), atol=1e-5)


def test_lesions_come_with_the_cells_of_every_slice(networks: CtNetworks) -> None:
    slices = pixels(11, 9, 13)
    probability, cells = networks.lesions(slices)
    np.testing.assert_allclose(probability, logistic(20 * (slices - 0.5)), atol=1e-5)
    np.testing.assert_array_equal(cells, np.broadcast_to(slices.max(axis=(1, 2))[:, None, None], (11, 1, 85)))


def test_a_box_smaller_than_the_pyramid_is_extended_and_cut_back(networks: CtNetworks) -> None:
    slices = pixels(4, 3, 13)
    probability, cells = networks.lesions(slices)
    assert probability.shape == slices.shape
    np.testing.assert_array_equal(cells[:, 0, 0], slices.max(axis=(1, 2)))


def test_identification_takes_off_the_prior_of_the_training(networks: CtNetworks) -> None:
    """The head adds up 585 equal cells; a prior of 0.75 is three to one (specification, 5.3)."""
    cells = np.full((10, 1, 85), 2 / 585, dtype=np.float32)
    odds = math.exp(2) / 3
    assert networks.identification(cells) == pytest.approx(odds / (1 + odds), abs=1e-5)


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
    assert load_package(package, "auto", 0).lung_probability(pixels(1, 8, 8)).shape == (1, 8, 8)


def test_cuda_is_refused_where_it_does_not_work(package: Path) -> None:
    if cuda_works(package):
        pytest.skip("CUDA works here, so nothing is refused")
    with pytest.raises(ConfigError, match="expected CUDA, as configured"):
        load_package(package, "cuda", 0)


def test_cuda_and_cpu_agree(package: Path) -> None:
    if not cuda_works(package):
        pytest.skip("CUDA does not work here: needs an NVIDIA GPU and onnxruntime-gpu[cuda,cudnn]")
    slices = pixels(9, 16, 24)
    cpu, cuda = load_package(package, "cpu", 0), load_package(package, "cuda", 0)
    np.testing.assert_allclose(cuda.lung_probability(slices), cpu.lung_probability(slices), atol=1e-3)
