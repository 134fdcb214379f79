"""What is shipped computes what was trained, for any number and size of slices."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from triaged.inference.manifest import Code, Thresholds
from triaged.inference.onnx import OnnxCtNetworks, load_package
from triaged.lab.export import Label, write_package
from triaged.lab.networks import LungNetwork, MultitaskSpatial1

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

LABEL = Label(
    name="tiny",
    version="1",
    licence="Apache-2.0",
    terms="for tests",
    trained_on="nothing",
    device_uid="2.25.7",
    thresholds=Thresholds(lung=0.5, lesion=0.2, identification=0.5),
    training_prior=0.75,
    codes={"lung": Code("39607008", "SCT", "Lung")},
)


@pytest.fixture(scope="module")
def trained() -> tuple[LungNetwork, MultitaskSpatial1]:
    """Untrained networks of few resolutions, whose normalisation is not the identity, as after training."""
    torch.manual_seed(0)
    networks = LungNetwork(1, levels=3), MultitaskSpatial1(1, levels=3)
    for network in networks:
        for module in network.eval().modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.2)
    return networks


@pytest.fixture(scope="module")
def folder(trained: tuple[LungNetwork, MultitaskSpatial1], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package")
    write_package(path, *trained, LABEL)
    return path


@pytest.fixture(scope="module")
def shipped(folder: Path) -> OnnxCtNetworks:
    return load_package(folder, "cpu", threads=1)


def test_the_package_is_accepted_and_says_what_the_label_says(shipped: OnnxCtNetworks) -> None:
    assert shipped.manifest.name == "tiny"
    assert shipped.manifest.codes == LABEL.codes
    assert shipped.manifest.thresholds == LABEL.thresholds


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 109, 151), (11, 64, 33), (19, 17, 96)])
def test_the_graphs_agree_with_the_networks(
    shape: tuple[int, int, int], shipped: OnnxCtNetworks, trained: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    slices = np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)
    image = torch.from_numpy(slices)[:, None]
    with torch.no_grad():
        lung = torch.sigmoid(trained[0](image))[:, 0]
        lesion, identification = trained[1](image)
    probability, cells = shipped.lesions(slices)
    np.testing.assert_allclose(shipped.lung_probability(slices), lung, atol=1e-4)
    np.testing.assert_allclose(probability, torch.sigmoid(lesion)[:, 0], atol=1e-4)
    expected = torch.sigmoid(identification - np.log(3)).item()
    assert shipped.identification(cells) == pytest.approx(expected, abs=1e-4)


def test_large_weights_take_half_the_space(folder: Path) -> None:
    """Most of the head's 585 * 128 weights."""
    assert (folder / "head.onnx").stat().st_size < 1.1 * 2 * 585 * 128


def test_no_folder_of_the_training_machine_is_shipped(folder: Path) -> None:
    here = str(Path(__file__).parents[3]).encode()
    for path in folder.glob("*.onnx"):
        assert here not in path.read_bytes()
