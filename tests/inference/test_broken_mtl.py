"""A package of a multi-task network that is broken is refused with the file and the line that have to be put right."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.inference.breaking import broken, demand_refusal
from tests.inference.members import mtl_graph, write_cascade, write_lesions, write_mtl, write_reader
from triaged.errors import ModelRefused
from triaged.inference.identity import model_sha256
from triaged.inference.package import load_package, read_manifest

SCALED = {"firstorder_mean": (-850.0, 40.0), "glcm_contrast": (3.0, 1.5)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two packages, one of which takes features, and what lies beside them."""
    folder = tmp_path_factory.mktemp("written")
    write_reader(folder / "reader")
    write_lesions(folder / "axial")
    write_cascade(folder / "cascade")
    write_mtl(folder / "mtl")
    write_mtl(folder / "mtl-features", features=SCALED)
    return folder


@pytest.fixture
def models(written: Path, tmp_path: Path) -> Path:
    """Return a copy to break."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return tmp_path


WAYS = [
    ("mtl", "heads: [ct, severity]", "head: [ct]", -8, "heads: expected this key"),
    ("mtl", "heads: [ct, severity]", "heads: ct", 0, "heads: expected a list, found 'ct'"),
    ("mtl", "heads: [ct, severity]", "heads: []", 0, "heads: expected at least one name"),
    ("mtl", "heads: [ct, severity]", "heads: [ct, ct]", 0, "heads: expected at least one name, each once"),
    (
        "mtl",
        "heads: [ct, severity]",
        "heads: [ct, age]",
        0,
        "heads: expected names out of ct, nat, severity, found 'age'",
    ),
    ("mtl", "heads: [ct, severity]", "heads: [severity]", 4, "thresholds: unknown key"),
    ("mtl", "grid_mm: 8.0\n", "", -9, "grid_mm: expected this key"),
    ("mtl", "grid_mm: 8.0", "grid_mm: 0", 0, "grid_mm: expected positive millimetres, found 0"),
    ("mtl", "grid_mm: 8.0", "grid_mm: fine", 0, "grid_mm: expected a number, found 'fine'"),
    ("mtl", "box: [32, 40, 48]", "boxes: 1", -10, "box: expected this key"),
    ("mtl", "box: [32, 40, 48]", "box: [32, 40]", 0, "box: expected slices, rows and columns, each 32 to 256, found"),
    ("mtl", "box: [32, 40, 48]", "box: [16, 40, 48]", 0, "box: expected slices, rows and columns, each 32 to 256"),
    ("mtl", "box: [32, 40, 48]", "box: [32, 40, 4096]", 0, "box: expected slices, rows and columns, each 32 to 256"),
    ("mtl", "box: [32, 40, 48]", "box: [32.5, 40, 48]", 0, "box: expected slices, rows and columns, each 32 to 256"),
    (
        "mtl",
        "box: [32, 40, 48]",
        "box: [32, 40, 40]",
        10,
        "networks.network.inputs.volume: expected [n, 1, 32, 40, 40]",
    ),
    ("mtl", "[-1000, 300]", "[300, -1000]", 0, "window_hu: expected the lower HU first"),
    (
        "mtl",
        "identification: 0.5",
        "identification: 1",
        0,
        "thresholds.identification: expected a number between 0 and 1",
    ),
    ("mtl", "identification: 0.5", "severity: 0.5", 0, "thresholds.identification: expected this key"),
    ("mtl", "training_prior: 0.5\n", "", -13, "training_prior: expected this key"),
    ("mtl", "training_prior: 0.5", "training_prior: 1", 0, "training_prior: expected a number between 0 and 1"),
    ("mtl", "training_prior:", "features: {}\ntraining_prior:", 0, "features: expected a feature, or no such key"),
    (
        "mtl",
        "training_prior:",
        "features: {glcm_contrast: [3, 1]}\ntraining_prior:",
        8,
        "networks.network.inputs.features: expected a tensor [n, 1], found none of this name",
    ),
    ("mtl", "parts:", "part:", -14, "parts: expected a part reader: the network looks at lungs and does not find them"),
    ("mtl", "  reader: {", "  lungs: {", -1, "parts: expected a part reader: the network looks at lungs"),
    ("mtl", "package: reader", "package: axial", 0, "parts.reader: expected the model"),
    ("mtl", "package: reader", "package: gone", None, "gone/manifest.yaml: expected a readable manifest"),
    ("mtl", "  network:\n", "  networks:\n", 0, "networks.network: expected this key"),
    (
        "mtl",
        "volume: [n, 1,",
        "volume: [n, 3,",
        0,
        "networks.network.inputs.volume: expected [n, 1, 32, 40, 48], found [n, 3",
    ),
    (
        "mtl",
        "volume: [n, 1,",
        "volume: [1, 1,",
        0,
        "networks.network.inputs.volume: expected [n, 1, 32, 40, 48], found [1,",
    ),
    (
        "mtl",
        "volume: [n, 1,",
        "image: [n, 1,",
        0,
        "networks.network.inputs.volume: expected a tensor [n, 1, 32, 40, 48]",
    ),
    ("mtl", "heads: [n, 3]", "heads: [n, 2]", 0, "networks.network.inputs.heads: expected [n, 3], found [n, 2]"),
    ("mtl", ", heads: [n, 3]", "", 0, "networks.network.inputs.heads: expected a tensor [n, 3], found none"),
    ("mtl", "heads: [n, 3]", "heads: [n, 3], age: [n, 1]", 0, "networks.network.inputs.age: unknown tensor, expected"),
    (
        "mtl",
        "outputs: {ct: [n, 2]",
        "outputs: {ct: [n, 3]",
        0,
        "networks.network.outputs.ct: expected [n, 2], found [n, 3]",
    ),
    (
        "mtl",
        "outputs: {ct: [n, 2], ",
        "outputs: {",
        0,
        "networks.network.outputs.ct: expected a tensor [n, 2], found none",
    ),
    (
        "mtl",
        "outputs: {ct",
        "outputs: {pcr: [n, 2], ct",
        0,
        "networks.network.outputs.pcr: unknown tensor, expected ct, nat",
    ),
    (
        "mtl",
        "nat: [n, 2], ",
        "",
        None,
        "network.onnx: expected outputs ct (n, 2); severity (n, 3), found ct (n, 2); nat",
    ),
    ("mtl", "file: network.onnx", "file: lungs.onnx", None, "lungs.onnx: expected the network named in the manifest"),
    ("mtl-features", "firstorder_mean", "age", 0, "features.age: unknown feature, expected one of the 394 of triaged"),
    ("mtl-features", "[-850.0, 40.0]", "-850.0", 0, "features.firstorder_mean: expected a list"),
    ("mtl-features", "[-850.0, 40.0]", "[-850.0]", 0, "features.firstorder_mean: expected two numbers, found 1 items"),
    (
        "mtl-features",
        "[-850.0, 40.0]",
        "[-850.0, 0]",
        0,
        "features.firstorder_mean: expected a mean and a positive scale",
    ),
    ("mtl-features", "[-850.0, 40.0]", "[.nan, 40]", 0, "features.firstorder_mean: expected a number, found nan"),
    (
        "mtl-features",
        "  glcm_contrast: [3.0, 1.5]\n",
        "",
        8,
        "networks.network.inputs.features: expected [n, 1], found [n, 2]",
    ),
]


@pytest.mark.parametrize(("package", "found", "replacement", "lines_on", "told"), WAYS)
def test_a_broken_manifest_is_refused_with_its_file_and_line(
    models: Path, package: str, found: str, replacement: str, lines_on: int | None, told: str
) -> None:
    demand_refusal(models / package, found, replacement, lines_on, told)


def test_what_is_broken_is_whole_before(models: Path) -> None:
    assert len(WAYS) >= 30
    for package in ("mtl", "mtl-features"):
        assert load_package(models / package, "cpu", 1).manifest.name == package


@pytest.mark.parametrize("reader", ["axial", "cascade", "mtl-features"])
def test_a_reader_of_another_kind_is_refused(models: Path, reader: str) -> None:
    own, other = (model_sha256(read_manifest(models / name)) for name in ("reader", reader))
    line = broken(models / "mtl", f"package: reader, sha256: {own}", f"package: {reader}, sha256: {other}")
    named = f"mtl/manifest.yaml:{line}: parts.reader: "
    expected = f"{named}expected a package of kind ct-multitask, which finds the lungs, found {reader} of"
    with pytest.raises(ModelRefused, match=re.escape(expected)):
        load_package(models / "mtl", "cpu", 1)


def test_another_content_than_that_of_the_digest_is_refused(models: Path) -> None:
    path = models / "mtl" / "network.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelRefused, match=re.escape(f"{path}: expected sha256")):
        load_package(models / "mtl", "cpu", 1)


def test_a_head_that_answers_though_it_is_not_asked_is_refused(models: Path) -> None:
    """The manifest asks ct and severity alone; this graph tells of the nucleic acid test all the same."""
    path = models / "mtl" / "network.onnx"
    old, content = hashlib.sha256(path.read_bytes()).hexdigest(), mtl_graph(0, masks=False).SerializeToString()
    path.write_bytes(content)
    broken(models / "mtl", old, hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelRefused, match=r"network\.onnx: expected probabilities of ct that add up to 1 and, where"):
        load_package(models / "mtl", "cpu", 1)
