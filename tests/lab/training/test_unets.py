"""The U-Nets that the paper compares with are exported as packages, and compute what was trained."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from ruamel.yaml import YAML
from typer.testing import CliRunner

from tests.inference.members import write_reader
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.inference.kinds.ct_segmenter import CtSegmenter
from triaged.inference.package import load_package
from triaged.lab.networks.comparators import UNet2d, UNet3d
from triaged.lab.packages.unets import export_unet
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")]
LABELS = Path(__file__).parents[3] / "triaged" / "lab" / "labels"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of packages with one that finds the lungs, called as the labels call it."""
    write_reader(tmp_path / "ct-open")
    return tmp_path


def left_by_training(folder: Path, subject: Subject) -> UNet2d | UNet3d:
    """Leave a network of random weights as a training would."""
    torch.manual_seed(3)
    network = UNet3d(2) if subject is Subject.UNET3D else UNet2d(2, 4)
    folder.mkdir(parents=True)
    torch.save({"network": network.state_dict(), "step": 1}, folder / CHECKPOINT)
    (folder / RECORD).write_text(json.dumps({"subject": subject.value, "width": 2, "levels": 4}))
    return network.eval()


@pytest.mark.parametrize("subject", [Subject.UNET2D, Subject.UNET2D_PLUS, Subject.UNET3D])
def test_a_package_computes_what_was_trained(subject: Subject, models: Path) -> None:
    network = left_by_training(models / "run" / subject.value, subject)
    name = f"ct-{subject.value}".replace("+", "-plus")
    command = ["model", "export", "--checkpoints", str(models / "run"), "--label", str(LABELS / f"{name}.yaml")]
    ran = CliRunner().invoke(app, [*command, "--package", str(models / name)], catch_exceptions=False)
    assert "lesions agrees with the network that it stores" in ran.output
    package = load_package(models / name, "cpu", 1)
    assert isinstance(package, CtSegmenter)
    block = torch.rand(11, 21, 30)
    with torch.no_grad():
        logits = network(block[None, None])[0, 0] if subject is Subject.UNET3D else network(block[:, None])[0][:, 0]
    found = torch.from_numpy(package.lesion_probability(block.numpy()))
    # weights are stored in half precision
    torch.testing.assert_close(found, logits.sigmoid(), atol=2e-3, rtol=0)


def test_a_label_of_other_dimensions_is_refused(models: Path) -> None:
    left_by_training(models / "run" / "unet2d", Subject.UNET2D)
    said = YAML(typ="safe").load((LABELS / "ct-unet2d.yaml").read_text(encoding="utf-8"))
    label = models / "label.yaml"
    with label.open("w", encoding="utf-8") as file:
        YAML().dump({**said, "dimensions": 3}, file)
    with pytest.raises(ConfigError, match="dimensions: expected 2, as the network has, found 3"):
        export_unet(models / "run", label, models / "package")
