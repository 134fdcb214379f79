"""COVID-MTL is trained in four ways with several seeds; what is complete is not trained again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

from typer.testing import CliRunner, Result

from tests.lab.training.chests import write_series
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.metrics import METRICS, read_metrics
from triaged.lab.training.mtl_truth import write_truth

pytestmark = pytest.mark.slow
ROWS = ("neither", "Shift3D (code)", "random weights", "Shift3D (code), random weights")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Folders of four series that teach and three to measure on, with their labels."""
    for folder, names in (("learnt", "abcd"), ("measured", "efg")):
        (tmp_path / folder).mkdir()
        for name in names:
            write_series(tmp_path / folder / f"{name}.npz", "viral" if name in "acfg" else "none")
    rows = "a,1,,2\nb,0,,0\nc,1,,1\nd,0,,0\ne,0,,0\nf,1,,1\ng,1,,2\n"
    (tmp_path / "labels.csv").write_text("series,ct,nat,severity\n" + rows, encoding="utf-8")
    return tmp_path


def ablate(folders: Path, *more: str) -> Result:
    given = ["--data", str(folders / "learnt"), "--held-out", str(folders / "measured"), "--threads", "1"]
    given += ["--labels", str(folders / "labels.csv"), "--out", str(folders / "out"), "--shift", "code"]
    return CliRunner().invoke(app, ["model", "ablate", *given, "--steps", "2", "--batch", "2", "--width", "1", *more])


def test_each_row_is_the_mean_and_spread_of_its_seeds_and_is_not_trained_again(folders: Path) -> None:
    ran = ablate(folders, "--seed", "3", "--seed", "4")
    assert ran.exit_code == 0, ran.output
    table = [line.split(" | ") for line in ran.output.splitlines() if line.startswith("| ")][-5:]
    assert [row[0].removeprefix("| ") for row in table[1:]] == list(ROWS)
    for row, ways in zip(table[1:], ("none-equal", "code-equal", "none-random", "code-random"), strict=True):
        kept = [read_metrics(folders / "out" / f"{ways}-{seed}" / METRICS)["ct_auc"] for seed in (3, 4)]
        last = [values[-1] for values in kept]
        assert row[1] == f"{np.mean(last):.3f} ± {abs(last[0] - last[1]) / 2**0.5:.3f}"
    before = {path: path.stat().st_mtime_ns for path in (folders / "out").glob(f"*/{CHECKPOINT}")}
    assert len(before) == 8
    assert ablate(folders, "--seed", "3", "--seed", "4").output.splitlines()[-4:] == ran.output.splitlines()[-4:]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_one_seed_has_no_standard_deviation(folders: Path) -> None:
    ran = ablate(folders, "--seed", "3", "--seed", "3")
    assert ran.exit_code == 2
    assert "at least two that differ" in re.sub(r"[│\s]+", " ", ran.output)


def test_labels_of_generated_series_follow_from_their_truth(tmp_path: Path) -> None:
    for name, disease, severity in (
        ("a", "viral", (0.2, 0.5)),
        ("b", "viral", (0.51, 0.1)),
        ("c", "bacterial", (0, 0)),
    ):
        path = write_series(tmp_path / f"{name}.npz", disease)
        with np.load(path) as archive:
            kept = dict(archive)
        np.savez(path, **{**kept, "severity": np.array(severity, dtype=np.float64)})
    out = tmp_path / "labels.csv"
    assert write_truth([tmp_path], out) == 3
    assert out.read_text().split() == ["series,ct,nat,severity", "a,1,,mild", "b,1,,severe", "c,0,,control"]


def test_series_of_the_same_name_or_without_a_truth_have_no_labels(tmp_path: Path) -> None:
    path = write_series(tmp_path / "a.npz", "viral")
    with pytest.raises(ConfigError, match="expected each name once, found a again"):
        write_truth([tmp_path, tmp_path], tmp_path / "labels.csv")
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive if name != "severity"}
    np.savez(path, **kept)
    with pytest.raises(ConfigError, match=r"a\.npz: expected a generated series with its severity"):
        write_truth([tmp_path], tmp_path / "labels.csv")
