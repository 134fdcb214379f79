"""COVID-MTL learns each task from those of whom it is known, and refuses labels that would mislead it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch
from rich.console import Console

from tests.lab.training.chests import write_series
from triaged.errors import ConfigError
from triaged.lab.networks.mtl import CLASSES, Fire, MtlNetwork, Shift, Shift3D, SqueezeNet3D, Task
from triaged.lab.training.metrics import METRICS, read_metrics
from triaged.lab.training.mtl_labels import UNKNOWN, read_features, read_labels
from triaged.lab.training.mtl_parts import mtl_learner
from triaged.lab.training.mtl_task import SIGHT, MtlCase, MtlTask, seen
from triaged.lab.training.order import Keeping, MtlChoices, Order, Source
from triaged.lab.training.place import CPU
from triaged.lab.training.presets import PresetName, Subject, recipe_of
from triaged.lab.training.run import run
from triaged.lab.training.sampling import read_series

pytestmark = pytest.mark.slow
HEADER = "series,ct,nat,severity\n"
QUIET = Console(quiet=True)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + "a,1,1,severe\nb,0,0,control\nc,1,,\nd,,,mild\n", encoding="utf-8")
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    learnt, held_out = tmp_path / "learnt", tmp_path / "held-out"
    for folder, names in ((learnt, "ab"), (held_out, "cd")):
        folder.mkdir()
        for name in names:
            write_series(folder / f"{name}.npz", "viral" if name in "ac" else "none")
    return learnt, held_out


def order(folders: tuple[Path, Path], out: Path, mtl: MtlChoices | None) -> Order:
    recipe = recipe_of(Subject.MTL, PresetName.DEFAULT, steps=2, batch=2, width=1)
    source, kept = Source(folders[0], 0.0), Keeping(out, "resume", (), 1)
    made = Order(Subject.MTL, PresetName.DEFAULT, recipe, "", 7, (source,), folders[1], 9, kept, 7, "cpu", 1)
    return replace(made, mtl=mtl)


def test_the_trunk_narrows_and_widens_as_the_paper_says() -> None:
    trunk = SqueezeNet3D(64)
    fires = [module for module in trunk.modules() if isinstance(module, Fire)]
    shapes = [tuple(fire.wide.get_submodule("0").get_parameter("weight").shape[:2]) for fire in fires]
    assert shapes == [(64, 32)] * 2 + [(128, 64)] * 2 + [(192, 96)] * 2 + [(256, 128)] * 2
    assert [fire.bypasses for fire in fires] == [False, True] * 4
    assert trunk.eval()(torch.zeros(1, 1, 33, 40, 64)).shape[1] == 512


@pytest.mark.parametrize("way", get_args(Shift))
def test_features_move_in_training_only_and_none_is_lost(way: Shift) -> None:
    torch.manual_seed(3)
    features = torch.arange(8 * 4 * 10 * 10 * 10.0).reshape(8, 4, 10, 10, 10)
    shift = Shift3D(way)
    moved = shift(features)
    assert torch.equal(shift.eval()(features), features)
    assert torch.equal(moved.flatten().sort().values, features.flatten())
    assert torch.equal(moved, features) is (way == "none")


def test_the_papers_shift_moves_all_channels_alike_and_the_codes_does_not() -> None:
    ramp = torch.arange(10.0).reshape(1, 1, 10, 1, 1).expand(16, 6, 10, 10, 10).contiguous()
    torch.manual_seed(1)
    one = Shift3D("paper")(ramp)
    assert all(torch.equal(one[0, 0], channel) for sample in one for channel in sample)
    many = Shift3D("code")(ramp)
    still = [torch.equal(sample, ramp[0]) for sample in many]
    assert 0 < sum(still) < len(still)
    moved = many[still.index(False)]
    assert not all(torch.equal(moved[0], channel) for channel in moved)


def test_labels_may_have_gaps(labels: Path) -> None:
    found = read_labels(labels)
    assert found["a"].labels == {Task.CT: 1, Task.NAT: 1, Task.SEVERITY: 2}
    assert found["d"].labels == {Task.CT: UNKNOWN, Task.NAT: UNKNOWN, Task.SEVERITY: 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "a,2,,\n", r"labels.csv:2, ct: expected 0, 1 or nothing, found 2"),
        (HEADER + "a,1,,\nb,0,maybe,\n", r"labels.csv:3, nat: expected 0, 1 or nothing, found maybe"),
        (HEADER + "a,,,bad\n", r"labels.csv:2, severity: expected 0, control, .* found bad"),
        (HEADER + "a,1,,\na,0,,\n", r"labels.csv:3, series: expected each series once, found a again"),
        (HEADER + ",1,,\n", r"labels.csv:2, series: expected the name of a series"),
        ("series,ct\na,1\n", r"labels.csv:1: expected the column severity"),
    ],
)
def test_a_wrong_label_is_refused_with_row_and_column(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_labels(path)


def test_a_head_is_built_for_what_is_known_alone(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + "a,1,,severe\nb,0,,control\nc,1,,\n", encoding="utf-8")
    network, _ = mtl_learner(order(folders, tmp_path, MtlChoices(path)), CPU, QUIET)
    assert isinstance(network, MtlNetwork)
    assert network.tasks == (Task.CT, Task.SEVERITY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEADER + "a,1,1,2\nb,0,1,0\nc,1,0,1\n",
            r"labels.csv:2, nat: expected more .* found positive alone",
        ),
        (HEADER + "a,,,\nb,,,\nc,,,\n", r"expected a label of some series that teaches, found none"),
        (HEADER + "z,1,,\n", r"expected training series .* with labels, found none"),
    ],
)
def test_labels_that_cannot_teach_are_refused(text: str, said: str, folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        mtl_learner(order(folders, tmp_path, MtlChoices(path)), CPU, QUIET)


def test_a_patient_on_both_sides_is_refused(labels: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    write_series(folders[1] / "d.npz", "none", patient="a")
    with pytest.raises(ConfigError, match=r"labels.csv:5, series: expected other people .*labels.csv:2 teaches"):
        mtl_learner(order(folders, tmp_path, MtlChoices(labels)), CPU, QUIET)


def test_training_without_labels_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--labels"):
        mtl_learner(order(folders, tmp_path, None), CPU, QUIET)


def test_features_join_and_a_series_without_them_is_named(
    labels: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "features.csv"
    path.write_text("case,patient,group,reason,x,y\na,,,,1,2\nb,,,,3,2.5\nc,,,none,,\nd,,,,1,1\n", encoding="utf-8")
    names, values = read_features(path, ["a", "b"])
    assert (names, values["b"]) == (("x", "y"), (3.0, 2.5))
    with pytest.raises(ConfigError, match="expected features of every series, found none of c"):
        mtl_learner(order(folders, tmp_path, MtlChoices(labels, path)), CPU, QUIET)


@pytest.mark.parametrize("weigh", ["random", "equal"])
def test_a_training_runs_to_its_figures(weigh: str, labels: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    choices = MtlChoices(labels, None, "code", "random" if weigh == "random" else "equal")
    assert run(order(folders, tmp_path / "out", choices), QUIET) == 2
    figures = read_metrics(tmp_path / "out" / METRICS)
    assert {"loss", "ct_auc", "severity_accuracy"} <= set(figures)


def test_the_network_sees_the_lungs_in_the_middle_and_nothing_else(tmp_path: Path) -> None:
    series = read_series(write_series(tmp_path / "a.npz", "none"))
    volume = seen(series).astype(np.float32) * 2000.0
    assert volume.shape == SIGHT.box
    inside = volume > 20.0
    assert volume[~inside].max() < 20.0
    assert np.median(volume[inside]) == pytest.approx(1024 - 850, abs=3)  # lungs at -850 HU
    middle = [float(np.flatnonzero(inside.any(axis=axes)).mean()) for axes in ((1, 2), (0, 2), (0, 1))]
    assert middle == pytest.approx([(size - 1) / 2 for size in SIGHT.box], abs=1)


def test_a_third_head_learns_from_a_noisy_test_with_gaps() -> None:
    """Labels of sensitivity .71 and specificity .98, a third of them missing; no patient's result is in them."""
    rng = np.random.default_rng(5)

    def case(ill: bool, *, is_truth: bool) -> MtlCase:
        volume = np.zeros((32, 32, 32), dtype=np.float16)
        if ill:
            volume[8:20, 8:20, 8:20] = 2.0
        positive = rng.random() < (0.71 if ill else 0.02)
        nat = int(ill) if is_truth else (UNKNOWN if rng.random() < 0.33 else int(positive))
        labels = {Task.CT: int(ill), Task.NAT: nat, Task.SEVERITY: 2 if ill else 0}
        return MtlCase(volume, np.zeros(0, dtype=np.float32), labels)

    taught = [case(bool(number % 2), is_truth=False) for number in range(60)]
    held_out = [case(bool(number % 2), is_truth=True) for number in range(20)]
    torch.manual_seed(5)
    network = MtlNetwork(tuple(Task), 0, width=4)
    task = MtlTask(network, taught, held_out)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward(task.loss(0.0, 8, rng))
        optimiser.step()
    with torch.no_grad():
        figures = task.measure() if network.eval() else {}
    assert figures["nat_auc"] > 0.9
    assert figures["ct_auc"] > 0.9


def test_classes_of_every_task_are_named() -> None:
    assert {task: len(classes) for task, classes in CLASSES.items()} == {Task.CT: 2, Task.NAT: 2, Task.SEVERITY: 3}
