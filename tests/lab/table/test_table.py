"""The paper's table is trained, measured and written by one command, which goes on where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch
from rich.console import Console

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from typer.testing import CliRunner

from tests.inference.members import write_reader
from tests.lab.training.test_training import write_phantom
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.imaging.volume import Volume
from triaged.lab.networks.multitask import Multitask
from triaged.lab.table import measured, readers
from triaged.lab.table.blocks import Block, series_blocks
from triaged.lab.table.command import make_table
from triaged.lab.table.methods import METHODS, Method
from triaged.lab.table.order import TableOrder
from triaged.lab.table.readers import Reading, by_thresholds, trained_reader
from triaged.lab.table.training import steps_done, train_missing
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.order import Source
from triaged.lab.training.presets import Subject
from triaged.lab.training.trained import head_of

TINY = {
    "2D U-Net": Method("unet2d", Subject.UNET2D, width=1, levels=3, is_warm=False),
    "2D U-Net+": Method("unet2d+", Subject.UNET2D_PLUS, width=1, levels=3, is_warm=False),
    "ResNet-50": Method("resnet50", Subject.RESNET50, width=1, share=0.5, is_warm=False),
    "Multitask-Latent": Method("latent", Subject.LESIONS, "latent", width=1, levels=3, is_warm=False),
}
"""Methods of every way to be read but the 3D U-Net, whose cubes cost a test too much."""


@pytest.fixture
def order(tmp_path: Path) -> TableOrder:
    """A table of networks that are trained for two steps."""
    for folder in ("train", "held-out", "test", "slices"):
        (tmp_path / folder).mkdir()
        for disease in ("viral", "bacterial", "none"):
            write_phantom(tmp_path / folder / f"{folder}-{disease}.npz", disease)
    write_reader(tmp_path / "ct-open")
    return TableOrder(
        runs=tmp_path / "runs",
        sources=(Source(tmp_path / "train", 0.0),),
        held_out=tmp_path / "held-out",
        test=tmp_path / "test",
        real=(tmp_path / "slices",),
        package=tmp_path / "ct-open",
        seeds=(1,),
        steps=2,
        threads=1,
        out=tmp_path / "table.md",
        methods=TINY,
    )


def quiet() -> Console:
    return Console(quiet=True)


@pytest.mark.slow
def test_every_method_is_trained_and_has_its_line_under_every_figure(order: TableOrder) -> None:
    assert make_table(order, quiet())
    assert order.out is not None
    page = order.out.read_text(encoding="utf-8")
    for name in ("Thresholding", *TINY, "ct-open 1"):
        assert page.count(f"| {name} | ") == 6
    assert "### vs all (generated n = 1 against 2)" in page
    assert steps_done(order.runs / "resnet50" / "seed-1") == 1
    assert steps_done(order.runs / "latent" / "seed-1") == 2
    assert head_of(order.runs / "latent" / "seed-1").exists()


@pytest.mark.slow
def test_what_was_trained_and_measured_is_not_done_again(order: TableOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_table(order, quiet())
    checkpoints = sorted(order.runs.glob(f"*/*/{CHECKPOINT}"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    assert order.out is not None
    page = order.out.read_text(encoding="utf-8")
    monkeypatch.setattr(measured, "measured", lambda *_: pytest.fail("measured again"))
    assert make_table(order, quiet())
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    assert order.out.read_text(encoding="utf-8") == page


@pytest.mark.slow
def test_more_steps_train_on_and_measure_anew(order: TableOrder) -> None:
    only = replace(order, methods={"2D U-Net": TINY["2D U-Net"]})
    assert train_missing(only, quiet())
    assert train_missing(replace(only, steps=3), quiet())
    assert steps_done(order.runs / "unet2d" / "seed-1") == 3


@pytest.mark.slow
def test_the_head_that_was_fitted_on_whole_series_is_the_one_that_identifies(order: TableOrder) -> None:
    """It is gone once the rest is trained on, and fitted anew."""
    method = TINY["Multitask-Latent"]
    only = replace(order, methods={"Multitask-Latent": method})
    assert train_missing(only, quiet())
    folder, block = order.runs / "latent" / "seed-1", block_of(order)
    fitted = trained_reader(method, folder)(block).probability
    head_of(folder).rename(folder / "kept.pt")
    assert trained_reader(method, folder)(block).probability != fitted
    (folder / "kept.pt").rename(head_of(folder))
    before = head_of(folder).stat().st_mtime_ns
    assert train_missing(replace(only, steps=3), quiet())
    assert head_of(folder).stat().st_mtime_ns != before


def test_somebody_who_is_trained_on_is_not_measured_on(order: TableOrder) -> None:
    write_phantom(order.test / "train-viral.npz", "viral")
    with pytest.raises(ConfigError, match="expected other people than those trained on, found 1: train-viral"):
        make_table(order, quiet())


def block_of(order: TableOrder) -> Block:
    return next(block for block in series_blocks(order.test) if block.group == "covid")


def test_a_block_is_the_box_around_the_lungs(order: TableOrder) -> None:
    block = block_of(order)
    assert block.hu.voxels.shape == (8, 20, 32)
    assert block.lesion is not None
    assert int(block.lesion.sum()) == 4 * 10 * 8
    assert int(block.right.sum()) == int(block.left.sum()) == 8 * 20 * 12


def test_dice_and_severity_are_those_within_the_lungs(order: TableOrder) -> None:
    """Half of the lesion is found, and as much beyond the lungs, which does not count."""
    block = block_of(order)
    found = np.zeros(block.right.shape, dtype=bool)
    found[2:4, 10:20, 0:8] = True
    found[:, :, 14:18] = True
    row = measured.measured(block, lambda _: Reading(found, 0.3))
    assert row.lesion_dice == pytest.approx(2 * 160 / (320 + 160))
    assert row.severity == pytest.approx(160 / 1920)
    assert row.severity_reference == pytest.approx(320 / 1920)
    assert (row.identification, row.group) == (0.3, "covid")


def test_what_only_identifies_has_neither_severity_nor_dice(order: TableOrder) -> None:
    row = measured.measured(block_of(order), lambda _: Reading(None, 0.3))
    assert row.severity is None
    assert row.lesion_dice is None
    assert row.severity_reference is not None


def test_thresholding_finds_a_dense_lung_and_gives_no_probability(order: TableOrder) -> None:
    block = block_of(order)
    dense = np.where(block.right, np.int16(-400), block.hu.voxels)
    reading = by_thresholds(replace(block, hu=Volume(dense, block.hu.geometry)))
    assert reading.probability is None
    assert reading.lesion is not None
    assert reading.lesion[4, 10, 6]
    assert not (reading.lesion & block.left).any()


def test_a_multitask_network_read_in_parts_says_what_it_says_of_the_whole(
    order: TableOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(readers, "AT_ONCE", 3)
    torch.manual_seed(2)
    network = Multitask(1, 3, 3).eval()
    torch.save({"network": network.state_dict()}, tmp_path / CHECKPOINT)
    block = block_of(order)
    reading = trained_reader(TINY["Multitask-Latent"], tmp_path)(block)
    with torch.no_grad():
        lesion, logit = network(torch.from_numpy(block.unit)[:, None])
    assert reading.lesion is not None
    assert (reading.lesion == (lesion.sigmoid() > 0.5)[:, 0].numpy()).mean() > 0.99
    expected = torch.sigmoid(logit - torch.tensor(3.0).log()).item()
    assert reading.probability == pytest.approx(expected, abs=5e-3)


def test_rows_of_another_reader_are_not_taken(order: TableOrder, tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    blocks = list(series_blocks(order.test))
    first = list(measured.kept_rows(blocks, lambda _: Reading(None, 0.1), "one", path))
    again = list(measured.kept_rows(blocks, lambda _: Reading(None, 0.2), "one", path))
    other = list(measured.kept_rows(blocks, lambda _: Reading(None, 0.2), "other", path))
    assert again == first
    assert {row.identification for row in other} == {0.2}
    assert json.loads(path.read_text())["by"] == "other"


def test_the_papers_methods_are_all_there_but_thresholding() -> None:
    assert len(METHODS) == 7
    assert len({method.folder for method in METHODS.values()}) == 7
    assert METHODS["Multitask-Latent"].variant == "latent"
    assert METHODS["ResNet-50"].steps(300) == 75


def test_seeds_that_are_no_numbers_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    folders = [f"--{name}={tmp_path}" for name in ("runs", "data", "held-out", "test")]
    run = CliRunner().invoke(app, ["model", "table", *folders, "--seeds", "1,two"])
    assert run.exit_code == 2
    assert "expected whole numbers with commas between them" in " ".join(run.output.split())
