"""Members, lungs and cascades are exported with what their kind declares, and compute what was trained."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

import onnxruntime
from ruamel.yaml import YAML
from typer.testing import CliRunner

from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.lab.networks.segmenters import Segmenter
from triaged.lab.packages.members import export_segmenters, read_segmenter
from triaged.lab.training.checkpoints import CHECKPOINT, network_state, take_over
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject
from triaged.lab.training.segmentation import SEGMENTATIONS

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

LABELS = Path(__file__).parents[3] / "triaged" / "lab" / "labels"


def left_by_training(folder: Path, subject: Subject, width: int = 2) -> Segmenter:
    """Leave a network of random weights as a training would."""
    said = SEGMENTATIONS[subject]
    torch.manual_seed(len(subject.value))
    network = Segmenter(said.architecture, width, said.channels_in, said.classes).eval()
    folder.mkdir(parents=True)
    torch.save({"network": network.state_dict(), "step": 1}, folder / CHECKPOINT)
    told = {"subject": subject.value, "architecture": said.architecture, "width": width}
    (folder / RECORD).write_text(json.dumps(told))
    return network


@pytest.mark.parametrize(
    ("label", "subjects"),
    [
        ("ct-lesions-coronal", {"lesions": Subject.UNET_CORONAL}),
        ("ct-lungs", {"axial": Subject.LUNGS3D_AXIAL, "coronal": Subject.LUNGS3D_CORONAL,
                      "sagittal": Subject.LUNGS3D_SAGITTAL}),
        ("ct-cascade", {"lungs": Subject.CASCADE_LUNGS, "lesions": Subject.CASCADE_LESIONS}),
    ],
)  # fmt: skip
def test_a_package_computes_what_was_trained(label: str, subjects: dict[str, Subject], tmp_path: Path) -> None:
    networks = {name: left_by_training(tmp_path / one.value, one) for name, one in subjects.items()}
    package = tmp_path / "package"
    done = export_segmenters(tmp_path, LABELS / f"{label}.yaml", package, "single")
    assert max(done.parity.values()) < 1e-4
    assert max(done.rounding.values()) == 0
    manifest = YAML(typ="safe").load((package / "manifest.yaml").read_text())
    assert list(manifest["networks"]) == list(subjects)
    for name, network in networks.items():
        rows, columns = (
            size if isinstance(size, int) else 41 for size in manifest["networks"][name]["inputs"]["slices"][2:]
        )
        images = torch.rand(3, network.channels_in, rows, columns)
        session = onnxruntime.InferenceSession(package / f"{name}.onnx", providers=["CPUExecutionProvider"])
        with torch.no_grad():
            expected = network(images).numpy()
        np.testing.assert_allclose(session.run(None, {"slices": images.numpy()})[0], expected, atol=1e-4)


def test_half_precision_is_measured_and_told(tmp_path: Path) -> None:
    left_by_training(tmp_path / "run" / "fpn", Subject.FPN, width=8)
    command = ["model", "export", "--checkpoints", str(tmp_path / "run"), "--package", str(tmp_path / "package")]
    ran = CliRunner().invoke(app, [*command, "--label", str(LABELS / "ct-lesions-fpn.yaml")], catch_exceptions=False)
    assert "lesions agrees with the network that it stores" in ran.output
    assert "half precision changed probabilities by at most" in ran.output


def test_an_exported_graph_can_be_the_beginning_of_a_training(tmp_path: Path) -> None:
    network = left_by_training(tmp_path / "fpn", Subject.FPN, width=8)
    export_segmenters(tmp_path, LABELS / "ct-lesions-fpn.yaml", tmp_path / "package", "half")
    begun = Segmenter("fpn-residual", 8)
    assert take_over(begun, tmp_path / "package" / "lesions.onnx") > 100
    torch.testing.assert_close(begun.body.state_dict()["stem.weight"], network.body.state_dict()["stem.weight"])
    large = "encoder.3.0.convolve_1.weight"
    torch.testing.assert_close(begun.body.state_dict()[large], network.body.state_dict()[large], rtol=1e-3, atol=1e-4)


def test_a_stem_of_one_channel_fills_the_first_of_four(tmp_path: Path) -> None:
    network = left_by_training(tmp_path / "fpn", Subject.FPN)
    begun = Segmenter("fpn-residual", 2, channels_in=4)
    take_over(begun, tmp_path / "fpn" / CHECKPOINT)
    stem = begun.body.state_dict()["stem.weight"]
    torch.testing.assert_close(stem[:, :1], network.body.state_dict()["stem.weight"])
    assert not stem[:, 1:].any()


def test_a_file_that_is_no_graph_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(ConfigError, match="expected a graph"):
        network_state(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("plane: axial\n", ""), "missing plane"),
        (("plane:", "colour: red\nplane:"), "unknown colour"),
        (("kind: ct-lesions", "kind: ct-lesion"), "kind: expected one of"),
        (("{lesions: fpn}", "{lesion: fpn}"), "networks: expected a folder for each of lesions"),
        (("{lesions: fpn}", "{lesions: nowhere}"), "nowhere"),
    ],
)
def test_a_label_that_does_not_fit_its_kind_is_refused(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    left_by_training(tmp_path / "fpn", Subject.FPN)
    label = tmp_path / "label.yaml"
    label.write_text((LABELS / "ct-lesions-fpn.yaml").read_text().replace(*change))
    with pytest.raises(ConfigError, match=told):
        export_segmenters(tmp_path, label, tmp_path / "package")
    assert not (tmp_path / "package" / "manifest.yaml").exists()


def test_what_a_training_was_must_be_known(tmp_path: Path) -> None:
    left_by_training(tmp_path / "fpn", Subject.FPN)
    (tmp_path / "fpn" / RECORD).write_text('{"subject": "lungs"}')
    with pytest.raises(ConfigError, match="expected what a network that only segments was trained as"):
        read_segmenter(tmp_path / "fpn")
