"""Networks are finished by a command: normalisation settles, the head is fitted, and left-out people stay out."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch
from typer.testing import CliRunner

from tests.lab.training.test_training import write_phantom
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.lab.networks.multitask import LungNetwork, MultitaskSpatial1
from triaged.lab.training.order import Source
from triaged.lab.training.run import read_sources
from triaged.lab.training.sampling import GeneratedSeries, mixed, read_series
from triaged.lab.training.trained import read_trained


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder of two tiny networks as a training leaves them, and series beside it."""
    torch.manual_seed(1)
    for part, network in (("lungs", LungNetwork(2, 3)), ("multitask", MultitaskSpatial1(2, 3))):
        (tmp_path / "run" / part).mkdir(parents=True)
        torch.save({"network": network.state_dict(), "step": 1}, tmp_path / "run" / part / "checkpoint.pt")
    for folder in ("learnt", "held_out"):
        (tmp_path / folder).mkdir()
        for disease in ("viral", "bacterial"):
            write_phantom(tmp_path / folder / f"{disease}.npz", disease)
    return tmp_path


def finish(folder: Path, *more: str) -> None:
    words = ["model", "finish", "--checkpoints", str(folder / "run"), "--data", f"{folder / 'learnt'}:1"]
    words += ["--identify-with", str(folder / "learnt"), "--held-out", str(folder / "held_out")]
    words += ["--batches", "3", "--steps", "2", "--variants", "1", *more]
    ran = CliRunner().invoke(app, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output


def statistics(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten() for name, tensor in network.named_buffers() if "running_mean" in name])


def test_finishing_settles_the_statistics_and_fits_the_head_alone(trained: Path) -> None:
    lungs, multitask = read_trained(trained / "run")
    finish(trained)
    settled_lungs, settled = read_trained(trained / "run")
    assert not torch.allclose(statistics(lungs), statistics(settled_lungs))
    assert not torch.equal(multitask.identification.hidden.weight, settled.identification.hidden.weight)
    for (name, before), after in zip(
        multitask.segmentation.named_parameters(), settled.segmentation.parameters(), strict=True
    ):
        assert torch.equal(before, after), name


def test_the_same_seed_finishes_to_the_same_networks(trained: Path) -> None:
    finish(trained)
    _, first = read_trained(trained / "run")
    finish(trained)
    _, second = read_trained(trained / "run")
    for before, after in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(before, after)


def test_series_of_a_left_out_patient_do_not_teach(trained: Path) -> None:
    found = read_sources([Source(trained / "learnt", 0.0)], without={"viral"})
    assert [one.patient for one in found] == ["bacterial"]


def test_a_source_of_nobody_but_left_out_patients_is_refused(trained: Path) -> None:
    with pytest.raises(ConfigError, match="not left out"):
        read_sources([Source(trained / "learnt", 0.5)], without={"viral", "bacterial"})


def test_each_source_is_drawn_with_its_share(trained: Path) -> None:
    viral, bacterial = (read_series(trained / "learnt" / f"{name}.npz") for name in ("viral", "bacterial"))
    drawn = mixed([([viral], 3.0), ([bacterial, bacterial, bacterial], 1.0)])
    assert sum(one.patient == "viral" for one in drawn) / len(drawn) == pytest.approx(0.75, abs=0.01)


def unknown_slices(series: GeneratedSeries) -> list[int]:
    return [int(index) for index in np.flatnonzero((series.labels & 4).all(axis=(1, 2)))]


def test_slices_whose_lesions_are_not_known_do_not_teach_lesions(tmp_path: Path) -> None:
    write_phantom(tmp_path / "whole.npz", "viral")
    with np.load(tmp_path / "whole.npz") as archive:
        known = np.ones(len(archive["voxels"]), dtype=bool)
        known[[2, 5]] = False
        np.savez_compressed(tmp_path / "part.npz", **archive, lesion_known=known, patient=np.array("somebody"))
    series = read_series(tmp_path / "part.npz")
    assert unknown_slices(series) == [2, 5]
    assert series.patient == "somebody"


def test_a_mass_teaches_that_it_is_no_lesion_and_pneumonia_does_not_teach(tmp_path: Path) -> None:
    for disease in ("mass", "bacterial"):
        write_phantom(tmp_path / f"{disease}.npz", disease)
    mass, pneumonia = (read_series(tmp_path / f"{disease}.npz") for disease in ("mass", "bacterial"))
    assert not (mass.labels & 4).any()
    assert (pneumonia.labels & 4).any()
