"""A trained network of COVID-MTL is exported as a package, tells what was trained, and is silent where it is masked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from ruamel.yaml import YAML
from typer.testing import CliRunner

from tests.inference.members import write_reader
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.inference.kinds.ct_mtl import CtMtl
from triaged.inference.package import load_package
from triaged.lab.networks.mtl import MtlNetwork, Task
from triaged.lab.packages.mtl import export_mtl
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.mtl_task import SIGHT
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")]
LABEL = Path(__file__).parents[3] / "triaged" / "lab" / "labels" / "ct-mtl.yaml"
FEATURES = {"firstorder_mean": (-850.0, 40.0), "glcm_contrast": (3.0, 1.5)}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of packages with one that finds the lungs, called as the label calls it."""
    write_reader(tmp_path / "ct-open")
    return tmp_path


def left_by_training(
    folder: Path, tasks: Sequence[Task], features: Mapping[str, tuple[float, float]] = {}, subject: str = Subject.MTL
) -> MtlNetwork:
    """Leave a network as a training would: of random weights, its normalisation settled, a quarter of it positive."""
    torch.manual_seed(3)
    network = MtlNetwork(tasks, len(features), width=4)
    network.train()(torch.rand(2, 1, *SIGHT.box), torch.zeros(2, len(features)))
    network.know_prior(0.25)
    network.middle, network.spread = (torch.tensor([one[at] for one in features.values()]) for at in (0, 1))
    folder.mkdir(parents=True)
    torch.save({"network": network.state_dict(), "step": 1}, folder / CHECKPOINT)
    (folder / RECORD).write_text(json.dumps({"subject": subject, "width": 4, "features": list(features)}))
    return network.eval()


def label(models: Path, **changes: Any) -> Path:
    said = YAML(typ="safe").load(LABEL.read_text(encoding="utf-8"))
    path = models / "label.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({name: value for name, value in {**said, **changes}.items() if value is not None}, file)
    return path


def loaded(folder: Path) -> CtMtl:
    package = load_package(folder, "cpu", 1)
    assert isinstance(package, CtMtl)
    return package


def test_a_package_tells_what_was_trained_with_the_prior_taken_off(models: Path) -> None:
    network = left_by_training(models / "run" / "mtl", (Task.CT, Task.SEVERITY))
    command = ["model", "export", "--checkpoints", str(models / "run"), "--label", str(LABEL), "--weights", "single"]
    ran = CliRunner().invoke(app, [*command, "--package", str(models / "ct-mtl")], catch_exceptions=False)
    assert "network agrees with the network that it stores" in ran.output
    package = loaded(models / "ct-mtl")
    assert package.manifest.settings.heads == ("ct", "severity")
    volume = np.random.default_rng(1).random(SIGHT.box, dtype=np.float32)
    told = package.tell(volume, None)
    with torch.no_grad():
        logits = network(torch.from_numpy(volume)[None, None], torch.zeros(1, 0))
    np.testing.assert_allclose(told["severity"], logits[Task.SEVERITY].softmax(1)[0].numpy(), atol=1e-4)
    log_odds = float(logits[Task.CT][0, 1] - logits[Task.CT][0, 0]) + np.log(3)  # a quarter was positive
    assert told["ct"][1] == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-4)


def test_features_are_taken_as_they_are_measured_or_at_their_mean(models: Path) -> None:
    network = left_by_training(models / "run" / "mtl", tuple(Task), FEATURES)
    export_mtl(models / "run", label(models, heads=["ct", "nat", "severity"]), models / "all", "single")
    package = loaded(models / "all")
    volume = np.random.default_rng(2).random(SIGHT.box, dtype=np.float32)
    measured = {"firstorder_mean": -790.0, "glcm_contrast": 5.5}
    means = {name: mean for name, (mean, _) in FEATURES.items()}
    answers = {}
    for given, taken in ((measured, measured), (None, means)):
        told = package.tell(volume, given)
        with torch.no_grad():
            row = torch.tensor([[taken[name] for name in FEATURES]])
            logits = network(torch.from_numpy(volume)[None, None], row)
        np.testing.assert_allclose(told["nat"], logits[Task.NAT].softmax(1)[0].numpy(), atol=1e-4)
        answers[given is None] = told["nat"]
    assert np.abs(answers[True] - answers[False]).max() > 1e-3


def test_a_head_that_the_label_leaves_out_gives_nothing_though_it_was_trained(models: Path) -> None:
    left_by_training(models / "run" / "mtl", tuple(Task))
    export_mtl(models / "run", label(models), models / "two")
    package = loaded(models / "two")
    assert set(package.tell(np.zeros(SIGHT.box, dtype=np.float32), None)) == {"ct", "severity"}
    manifest = YAML(typ="safe").load((models / "two" / "manifest.yaml").read_text())
    assert set(manifest["networks"]["network"]["outputs"]) == {"ct", "nat", "severity"}


def test_a_package_without_the_head_of_ct_has_no_threshold(models: Path) -> None:
    left_by_training(models / "run" / "mtl", (Task.SEVERITY,))
    export_mtl(models / "run", label(models, heads=["severity"], thresholds=None), models / "severity")
    assert loaded(models / "severity").manifest.settings.identifying is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": ["ct", "nat"]}, r"heads: expected some of ct, severity, which were trained, found \['nat'\]"),
        ({"heads": ["severity"]}, "expected kind: ct-mtl and"),
        ({"heads": []}, "expected kind: ct-mtl and"),
        ({"heads": [], "thresholds": None}, r"heads: expected a list of some of ct, nat, severity, found \[\]"),
        ({"colour": "green"}, "expected kind: ct-mtl and"),
        ({"parts": {"lungs": "ct-open"}}, "parts: expected reader alone"),
        ({"networks": {"network": "gone"}}, "expected what COVID-MTL was trained as"),
        ({"networks": {"network": "lungs"}}, "expected mtl, found lungs"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(models: Path, changes: dict[str, Any], said: str) -> None:
    left_by_training(models / "run" / "mtl", (Task.CT, Task.SEVERITY))
    left_by_training(models / "run" / "lungs", (Task.CT,), subject="lungs")
    with pytest.raises(ConfigError, match=said):
        export_mtl(models / "run", label(models, **changes), models / "package")
    assert not (models / "package" / "manifest.yaml").exists()
