"""The package that is shipped loads, takes any size of slice, and finds what a generated patient has.

The generated patients here come from seeds that training never saw; what the package does on images of patients stands
in its card.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.imaging.window import to_unit
from triaged.inference.onnx import OnnxCtNetworks, load_package
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom, PhantomOptions

PACKAGE = Path(__file__).parents[2] / "onnx_models" / "ct-phantom"
UNSEEN_SEED = 7_000_000


@pytest.fixture(scope="module")
def shipped() -> OnnxCtNetworks:
    return load_package(PACKAGE, "cpu", threads=2)


def phantom(seed: int, disease: str) -> Phantom:
    if disease == "none":
        return generate(PhantomOptions(seed, disease="none", severity="none", increment_mm=10))
    return generate(PhantomOptions(seed, disease="viral", severity="moderate", increment_mm=10))


def severity(networks: OnnxCtNetworks, drawn: Phantom) -> float:
    lung = drawn.right_lung | drawn.left_lung
    found = networks.lesions(unit(drawn)).probability >= networks.manifest.thresholds.lesion
    return float((found & lung).sum() / lung.sum())


def unit(drawn: Phantom) -> NDArray[np.float32]:
    return to_unit(drawn.voxels_hu)


def test_the_card_stands_beside_the_manifest() -> None:
    assert "generated" in (PACKAGE / "CARD.md").read_text(encoding="utf-8")


def test_the_manifest_asks_for_what_the_networks_were_made_for(shipped: OnnxCtNetworks) -> None:
    """2 mm and -1000 to 300 HU, thresholds of 0.5 and 0.2, 75 % positives (specification, 1.0)."""
    manifest = shipped.manifest
    assert manifest.spacing_mm == (2.0, 2.0)
    assert manifest.window_hu == (-1000.0, 300.0)
    assert (manifest.thresholds.lung, manifest.thresholds.lesion) == (0.5, 0.2)
    assert manifest.training_prior == 0.75


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 61, 97), (9, 33, 40)])
def test_any_number_and_size_of_slices_runs(shipped: OnnxCtNetworks, shape: tuple[int, int, int]) -> None:
    slices = np.random.default_rng(1).random(shape, dtype=np.float32)
    assert shipped.lung_probability(slices).shape == shape
    probability, cells = shipped.lesions(slices)
    assert probability.shape == shape
    assert cells.shape == (shape[0], 8, 85)
    assert 0 <= shipped.identification(cells) <= 1


@pytest.mark.parametrize("disease", ["none", "viral"])
def test_lungs_of_an_unseen_generated_patient_are_found(shipped: OnnxCtNetworks, disease: str) -> None:
    drawn = phantom(UNSEEN_SEED, disease)
    found = shipped.lung_probability(unit(drawn)) >= 0.5
    lung = drawn.right_lung | drawn.left_lung
    assert 2 * (found & lung).sum() / (found.sum() + lung.sum()) > 0.9


def test_disease_of_unseen_generated_patients_is_told_from_health(shipped: OnnxCtNetworks) -> None:
    """The second healthy one has the dense dependent lung that the card names as a known failure: hence the median."""
    healthy = [severity(shipped, phantom(UNSEEN_SEED + index, "none")) for index in range(3)]
    ill = [severity(shipped, phantom(UNSEEN_SEED + index, "viral")) for index in range(2)]
    assert np.median(healthy) < 0.03
    assert max(healthy) < 0.5 * min(ill)
