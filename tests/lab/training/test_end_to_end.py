"""A tiny model goes all the way: generated chests, training, export, and evaluation through the daemon's pipeline."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")
pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")
pytest.importorskip("nibabel", reason="the lab needs nibabel: pip install triaged[lab]")

from typer.testing import CliRunner

from tests.exams.pipelines.bodies import Ball
from tests.lab.evaluation.scans import Scan, save, scan
from triaged.cli.program import app
from triaged.lab.training.metrics import METRICS, read_metrics

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

PROJECT = Path(__file__).parents[3]
SPACING_MM = (40.0, 2.0, 2.0)
"""Few slices, on the networks' grid, are enough to learn from."""
BALLS = (Ball((-72.0, 10.0, 10.0), 40.0), Ball((72.0, -20.0, 30.0), 30.0), Ball((-80.0, 30.0, -50.0), 35.0))
LABEL = """name: tiny
version: "1"
licence: Apache-2.0
terms: for tests
trained_on: ellipsoids
device_uid: 2.25.7
thresholds: {lung: 0.5, lesion: 0.2, identification: 0.5}
training_prior: 0.75
"""


def command(*words: object) -> None:
    ran = CliRunner().invoke(app, ["model", *map(str, words)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output


def pace(steps: int, batch: int, rate: float) -> tuple[object, ...]:
    """Return the options of a training that is measured four times."""
    return "--steps", steps, "--batch", batch, "--rate", rate, "--measure-every", steps // 4


def write_series(folder: Path, name: str, drawn: Scan) -> None:
    folder.mkdir(exist_ok=True)
    np.savez_compressed(
        folder / f"{name}.npz",
        voxels=drawn.volume.voxels,
        right=drawn.right,
        left=drawn.left,
        lesion=drawn.lesion,
        other=np.zeros_like(drawn.lesion),
        spacing=np.array(SPACING_MM),
        disease=np.array("viral" if drawn.lesion.any() else "none"),
        severity=np.zeros(2),
    )


@pytest.mark.timeout(900)
def test_a_tiny_model_is_trained_exported_and_measured(tmp_path: Path) -> None:
    """Lungs of an unseen chest are found, and its figures stand where the issue wants them."""
    for name, balls in (("ill", BALLS[:1]), ("worse", BALLS[1:]), ("healthy", ())):
        write_series(tmp_path / "learnt", name, scan(balls, SPACING_MM))
    write_series(tmp_path / "held_out", "other", scan(BALLS[2:], SPACING_MM))
    folders = ("--data", tmp_path / "learnt", "--held-out", tmp_path / "held_out")
    tiny = ("--preset", "paper", "--width", 4, "--levels", 4, "--device", "cpu", "--threads", 1)
    lungs, lesions = tmp_path / "trained" / "lungs", tmp_path / "trained" / "multitask"
    command("train", "lungs", *folders, *tiny, *pace(40, 4, 0.01), "--out", lungs)
    start = ("--start-from", lungs / "checkpoint.pt")
    command("train", "lesions", *folders, *tiny, *pace(16, 4, 0.002), *start, "--out", lesions)
    for folder in (lungs, lesions):
        loss = read_metrics(folder / METRICS)["loss"]
        assert loss[-1] < 0.9 * loss[0]

    (tmp_path / "label.yaml").write_text(LABEL)
    package = tmp_path / "package"
    command("export", "--package", package, "--checkpoints", tmp_path / "trained", "--label", tmp_path / "label.yaml")

    unseen = scan(BALLS[2:])
    images = save(tmp_path / "ct.nii.gz", unseen.volume.voxels, unseen.geometry)
    lung_mask = save(tmp_path / "lungs.nii.gz", unseen.lung, unseen.geometry)
    lesion_mask = save(tmp_path / "lesions.nii.gz", unseen.lesion, unseen.geometry)
    (tmp_path / "cases.csv").write_text(
        "case,patient,group,images,lungs,lesions,severity\n"
        f"unseen,unseen,covid,{images.name},{lung_mask.name},{lesion_mask.name},\n"
    )
    figures = tmp_path / "figures.json"
    where = ("--cases", tmp_path / "cases.csv", "--package", package, "--config", PROJECT / "config.yaml")
    command("evaluate", *where, "--threads", 1, "--json", figures)
    told = json.loads(figures.read_text())
    assert told["lung_dice"]["n"] == told["lesion_dice"]["n"] == 1
    assert told["lung_dice"]["value"] > 0.9
    assert 0 <= told["lesion_dice"]["value"] <= 1
