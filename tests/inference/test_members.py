"""The networks of members, lungs from three projections and cascades answer as their graphs say."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.inference.members import write_cascade, write_ensemble, write_lesions, write_lungs, write_reader
from triaged.inference.kinds.ct_cascade import CtCascade
from triaged.inference.kinds.ct_ensemble import CtEnsemble
from triaged.inference.kinds.ct_lesions import CtLesions, Plane
from triaged.inference.kinds.ct_lungs import CtLungs
from triaged.inference.package import load_package
from triaged.inference.vote import Group, Rule

LUNG, LESION, TISSUE = ((hu + 1000.0) / 1300.0 for hu in (-860.0, -500.0, 40.0))


def test_a_member_answers_for_every_slice_of_any_size(tmp_path: Path) -> None:
    write_lesions(tmp_path / "flat", "coronal")
    member = load_package(tmp_path / "flat", "cpu", 1)
    assert isinstance(member, CtLesions)
    assert member.manifest.settings.plane is Plane.CORONAL
    slices = np.full((19, 7, 11), LUNG, dtype=np.float32)
    slices[17, 3, 5] = LESION
    found = member.probability(slices)
    assert found.shape == slices.shape
    assert np.argwhere(found > 0.5).tolist() == [[17, 3, 5]]


def test_three_projections_see_where_in_the_cube_each_voxel_lies(tmp_path: Path) -> None:
    """The graph tells right from left by the channel of x alone, whichever way the planes are cut."""
    write_lungs(tmp_path / "lungs")
    networks = load_package(tmp_path / "lungs", "cpu", 1)
    assert isinstance(networks, CtLungs)
    cube = np.full((128, 128, 128), TISSUE, dtype=np.float32)
    cube[10:20, 30:40, 50:78] = LUNG
    named = networks.classes(cube).argmax(axis=0)
    expected = np.zeros_like(named)
    expected[10:20, 30:40, 50:64], expected[10:20, 30:40, 64:78] = 1, 2
    assert (named == expected).all()
    with pytest.raises(ValueError, match="expected 128 slices, rows and columns"):
        networks.classes(cube[:64])


def test_probabilities_of_the_three_classes_add_up_to_one(tmp_path: Path) -> None:
    write_lungs(tmp_path / "lungs")
    networks = load_package(tmp_path / "lungs", "cpu", 1)
    assert isinstance(networks, CtLungs)
    cube = np.random.default_rng(3).random((128, 128, 128), dtype=np.float32)
    np.testing.assert_allclose(networks.classes(cube).sum(axis=0), 1.0, atol=1e-5)


def test_a_cascade_weighs_lesion_against_none(tmp_path: Path) -> None:
    write_cascade(tmp_path / "cascade")
    cascade = load_package(tmp_path / "cascade", "cpu", 1)
    assert isinstance(cascade, CtCascade)
    slices = np.zeros((9, 256, 256), dtype=np.float32)
    slices[8, 100, 20], slices[8, 100, 21] = LESION, LUNG
    assert np.argwhere(cascade.lesion_probability(slices) > 0.5).tolist() == [[8, 100, 20]]
    assert np.argwhere(cascade.lung_probability(slices) > 0.5).tolist() == [[8, 100, 21]]


def test_an_ensemble_has_its_parts_by_place_and_the_vote_of_its_manifest(tmp_path: Path) -> None:
    write_reader(tmp_path / "first")
    write_lungs(tmp_path / "sides")
    write_lesions(tmp_path / "front", "coronal")
    vote = "  - {members: [reader, c], rule: mean, for: 0.5}\n  - {members: [c], rule: all, against: 0.1}\n"
    write_ensemble(tmp_path / "all", vote, {"reader": "first", "lungs": "sides", "c": "front"})
    ensemble = load_package(tmp_path / "all", "cpu", 1)
    assert isinstance(ensemble, CtEnsemble)
    assert ensemble.reader.manifest.name == "first"
    assert ensemble.lungs is not None
    assert list(ensemble.members) == ["c"]
    assert ensemble.manifest.settings.vote == (
        Group(("reader", "c"), Rule.MEAN, 0.5, None),
        Group(("c",), Rule.ALL, None, 0.1),
    )
    assert dict(ensemble.thresholds) == {"reader": 0.2, "c": 0.4}
    assert ensemble.device == "cpu"
