"""Networks that identify otherwise than the shipped one are exported as packages, and compute what was trained."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from typer.testing import CliRunner

from tests.inference.members import write_reader
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.inference.kinds.ct_multitask import CtMultitask
from triaged.inference.kinds.slice_classifier import CtSliceClassifier
from triaged.inference.package import load_package
from triaged.lab.networks.comparators import ResNetBaseline
from triaged.lab.networks.multitask import LungNetwork, Multitask
from triaged.lab.packages.packaging import export
from triaged.lab.packages.slice_classifiers import export_slice_classifier
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.order import RECORD

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")]
LABELS = Path(__file__).parents[3] / "triaged" / "lab" / "labels"


def left_by_training(folder: Path, network: torch.nn.Module, **told: object) -> None:
    """Leave a network as a training would."""
    folder.mkdir(parents=True)
    torch.save({"network": network.state_dict(), "step": 1}, folder / CHECKPOINT)
    (folder / RECORD).write_text(json.dumps(told))


def variant(folder: Path, levels: int, level: int) -> Multitask:
    torch.manual_seed(3)
    network = Multitask(2, levels, level)
    left_by_training(folder / "lungs", LungNetwork(2, 4), training_prior=None)
    left_by_training(folder / "multitask", network, training_prior=0.75)
    return network.eval()


def exported(run: Path, label: str, package: Path) -> str:
    command = ["model", "export", "--checkpoints", str(run), "--label", str(LABELS / label), "--package", str(package)]
    ran = CliRunner().invoke(app, command, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


@pytest.mark.parametrize(("name", "levels"), [("ct-latent", 4), ("ct-spatial-4", 5)])
def test_a_variant_of_the_multitask_network_identifies_as_it_was_trained(
    name: str, levels: int, tmp_path: Path
) -> None:
    """Slices of 21 by 30 pixels have features of 3 by 4 on the fourth level: fewer than the pyramid's 8."""
    network = variant(tmp_path / "run", levels, 4)
    exported(tmp_path / "run", f"{name}.yaml", tmp_path / name)
    package = load_package(tmp_path / name, "cpu", 1)
    assert isinstance(package, CtMultitask)
    slices = torch.rand(11, 21, 30)
    with torch.no_grad():
        lesion, identified = network(slices[:, None])
    maps = package.lesions(slices.numpy())
    torch.testing.assert_close(torch.from_numpy(maps.probability), lesion.sigmoid()[:, 0], atol=2e-3, rtol=0)
    expected = torch.sigmoid(identified - torch.tensor(3.0).log()).item()
    assert package.identification(maps.cells) == pytest.approx(expected, abs=2e-3)


def test_a_variant_by_the_name_of_the_shipped_network_is_refused(tmp_path: Path) -> None:
    variant(tmp_path / "run", 4, 2)
    with pytest.raises(ConfigError, match="expected the name of a network that identifies by level 2, found Multitask"):
        export(tmp_path / "run", LABELS / "ct-open.yaml", tmp_path / "package")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of packages with one that finds the lungs, called as the label calls it."""
    write_reader(tmp_path / "ct-open")
    return tmp_path


def test_resnet_identifies_as_it_was_trained_whatever_the_number_of_slices(models: Path) -> None:
    torch.manual_seed(3)
    network = ResNetBaseline(2)
    left_by_training(models / "run" / "resnet50", network, subject="resnet50", width=2, training_prior=0.5)
    assert "series agrees with the network" in exported(models / "run", "ct-resnet50.yaml", models / "ct-resnet50")
    package = load_package(models / "ct-resnet50", "cpu", 1)
    assert isinstance(package, CtSliceClassifier)
    for count in (3, 8, 21):
        slices = torch.rand(count, 45, 60)
        with torch.no_grad():
            expected = torch.sigmoid(network.eval()(slices[:, None])).item()
        assert package.identification(package.lesions(slices.numpy()).cells) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"subject": "unet2d", "width": 2, "training_prior": 0.5}, "expected resnet50, found unet2d"),
        ({"subject": "resnet50", "width": 2, "training_prior": 0.75}, r"training_prior: expected 0\.75, as trained"),
        ({"subject": "resnet50", "width": 2}, "expected what a ResNet-50 was trained as"),
        ({"subject": "resnet50", "width": 1, "training_prior": 0.5}, "expected the tensors of resnet50, found others"),
    ],
)
def test_another_training_than_the_label_says_is_refused(models: Path, told: dict[str, object], expected: str) -> None:
    left_by_training(models / "run" / "resnet50", ResNetBaseline(2), **told)
    with pytest.raises(ConfigError, match=expected):
        export_slice_classifier(models / "run", LABELS / "ct-resnet50.yaml", models / "package")
