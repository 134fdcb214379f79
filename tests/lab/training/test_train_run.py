"""`triaged model train` learns, stops, goes on and says what is wrong, for every network that it knows."""

import csv
import json
import signal
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch
from rich.console import Console
from typer.testing import CliRunner

from tests.lab.films.drawn import film
from tests.lab.training.chests import write_series
from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.lab.films.film import save_film
from triaged.lab.networks.multitask import LungNetwork, Multitask
from triaged.lab.training.checkpoints import CHECKPOINT, network_state, take_over
from triaged.lab.training.film_parts import ARCHITECTURES
from triaged.lab.training.interruption import Interruption
from triaged.lab.training.loop import train
from triaged.lab.training.metrics import METRICS, PICTURE, read_metrics
from triaged.lab.training.order import RECORD, Keeping, Order, Source, source_of
from triaged.lab.training.place import CPU, Place, choose_place
from triaged.lab.training.presets import PRESETS, PresetName, Subject
from triaged.lab.training.run import read_folder, run
from triaged.lab.training.sampling import read_series
from triaged.lab.training.schedule import Schedule
from triaged.lab.training.tasks import LungTask

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Series to learn from and series of others to measure on, some of each disease."""
    learnt, held_out = tmp_path_factory.mktemp("learnt"), tmp_path_factory.mktemp("held_out")
    for folder, disease in product((learnt, held_out), ("viral", "bacterial", "none")):
        write_series(folder / f"{folder.name}-{disease}.npz", disease)
    return learnt, held_out


@pytest.fixture(scope="module")
def labels(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is known of each series, as COVID-MTL learns it."""
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    names = [each.stem for folder in folders for each in sorted(folder.glob("*.npz"))]
    lines = [f"{name},{int('viral' in name)},,{'control' if 'none' in name else 'mild'}" for name in names]
    path.write_text("series,ct,nat,severity\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def film_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Films to learn from and films of others to measure on."""
    learnt, held_out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("other_films")
    for folder, seed in product((learnt, held_out), (0, 1)):
        number = seed + 10 * (folder is held_out)
        save_film(film(number, is_sick=seed == 0), folder / f"{number}.npz")
    return learnt, held_out


def trained(out: Path, folders: tuple[Path, Path], subject: str, *more: str, exit_code: int = 0) -> str:
    """Run the command with a tiny network for two steps, and return what it printed."""
    learnt, held_out = folders
    command = ["model", "train", subject, "--data", str(learnt), "--held-out", str(held_out), "--out", str(out)]
    tiny = ["--steps", "2", "--batch", "2", "--width", "1", "--levels", "3", "--patch", "8", "--device", "cpu"]
    ran = CliRunner().invoke(app, [*command, *tiny, "--threads", "1", *more], catch_exceptions=False)
    assert ran.exit_code == exit_code, ran.output
    return ran.output


def refused(out: Path, folders: tuple[Path, Path], subject: str, *more: str) -> str:
    with pytest.raises(ConfigError) as raised:
        trained(out, folders, subject, *more)
    return str(raised.value)


@pytest.mark.parametrize(("subject", "preset"), list(PRESETS))
def test_every_network_is_trained_by_either_recipe(
    subject: Subject,
    preset: PresetName,
    folders: tuple[Path, Path],
    film_folders: tuple[Path, Path],
    labels: Path,
    tmp_path: Path,
) -> None:
    seen = film_folders if subject in ARCHITECTURES else folders
    trained(tmp_path, seen, subject.value, "--preset", preset.value, "--labels", str(labels))
    assert (tmp_path / PICTURE).read_bytes().startswith(PNG)
    figures = read_metrics(tmp_path / METRICS)
    assert figures["step"] == [2]
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True).keys() == {"network", "optimiser", "step"}
    told = json.loads((tmp_path / RECORD).read_text())
    prior = {Subject.LESIONS: 0.75, Subject.RESNET50: 0.5}.get(subject)
    assert (told["subject"], told["preset"], told["training_prior"]) == (subject.value, preset.value, prior)


@pytest.mark.parametrize("variant", ["spatial-2", "latent"])
def test_a_variant_is_trained_by_its_name(variant: str, folders: tuple[Path, Path], tmp_path: Path) -> None:
    trained(tmp_path, folders, "lesions", "--variant", variant, "--preset", "paper")
    level = {"spatial-2": 2, "latent": 3}[variant]
    assert int(network_state(tmp_path / CHECKPOINT)["identified_level"]) == level


def test_the_loss_falls_below_what_it_began_with(folders: tuple[Path, Path], tmp_path: Path) -> None:
    more = ("--preset", "paper", "--steps", "40", "--measure-every", "10", "--width", "2", "--rate", "0.01")
    trained(tmp_path, folders, "lungs", *more)
    loss = read_metrics(tmp_path / METRICS)["loss"]
    assert len(loss) == 4
    assert loss[-1] < 0.9 * loss[0]


def test_a_stopped_training_goes_on_to_the_very_weights_of_an_unbroken_one(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """Stopped between measurements, bit for bit, on one thread."""
    series = read_folder(folders[0], 9)
    schedule = Schedule(steps=6, batch=2, learning_rate=1e-2, measure_every=5, seed=3)
    states = []
    for name, stops in (("unbroken", [6]), ("broken", [2, 3, 6])):
        for stop_at in stops:
            torch.manual_seed(1)
            task = LungTask(LungNetwork(1, levels=3), series, series)
            done = train(task, schedule, tmp_path / name, lambda: 0.0, lambda _: None, stop=stop_at.__eq__)
            assert done == stop_at
        states.append(network_state(tmp_path / name / CHECKPOINT))
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_the_same_command_goes_on_and_ends_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    trained(tmp_path, folders, "lungs")
    trained(tmp_path, folders, "lungs", "--steps", "3")
    before = (tmp_path / CHECKPOINT).read_bytes()
    trained(tmp_path, folders, "lungs", "--steps", "3")
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert read_metrics(tmp_path / METRICS)["step"] == [2, 3]
    trained(tmp_path, folders, "lungs", "--fresh", "--width", "2")
    assert read_metrics(tmp_path / METRICS)["step"] == [2]


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = LungTask.loss

    def interrupted(*given: Any) -> torch.Tensor:
        signal.raise_signal(signal.SIGINT)
        return learn(*given)

    monkeypatch.setattr(LungTask, "loss", interrupted)
    assert "stopped after 1 of 2 steps" in trained(tmp_path, folders, "lungs", exit_code=130)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 1
    monkeypatch.undo()
    trained(tmp_path, folders, "lungs")
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 2


def test_a_second_ctrl_c_ends_at_once() -> None:
    found = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts jobs ignores it for them
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, found)


def test_a_lesion_network_starts_from_the_body_of_a_lung_network(folders: tuple[Path, Path], tmp_path: Path) -> None:
    torch.manual_seed(5)
    lungs = LungNetwork(1, levels=3)
    torch.save({"network": lungs.state_dict()}, tmp_path / CHECKPOINT)
    multitask = Multitask(1, levels=3, level=2)
    taken = take_over(multitask, tmp_path / CHECKPOINT)
    assert taken == len(multitask.segmentation.body.state_dict())
    assert torch.equal(multitask.segmentation.body.stem.weight, lungs.body.stem.weight)
    assert int(multitask.get_buffer("identified_level")) == 2
    with pytest.raises(ConfigError, match="expected tensors that fit Multitask of this width, found none"):
        take_over(Multitask(3, levels=2), tmp_path / CHECKPOINT)
    assert "tensors taken from" in trained(
        tmp_path / "out", folders, "lesions", "--start-from", str(tmp_path / CHECKPOINT)
    )


def test_what_is_wrong_is_said_with_what_was_expected(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out, empty = tmp_path / "out", tmp_path / "empty"
    empty.mkdir()
    assert "empty: expected training series (*.npz), found none" in refused(out, (empty, folders[1]), "lungs")
    assert "absent: expected training series (*.npz), found no folder" in refused(
        out, (folders[0], tmp_path / "absent"), "lungs"
    )
    (empty / "broken.npz").write_bytes(b"PK\x03\x04")
    assert "broken.npz: expected a training series with lungs, found no archive" in refused(
        out, (empty, folders[1]), "lungs"
    )
    np.savez(empty / "broken.npz", voxels=np.zeros((1, 2, 3)))
    assert "broken.npz: expected a training series with lungs, found" in refused(out, (empty, folders[1]), "lungs")
    both = refused(out, (folders[0], folders[0]), "lungs")
    assert "--held-out: expected other people than those trained on, found 3 in both" in both
    assert "--variant: expected latent or spatial-1 to spatial-3" in refused(
        out, folders, "lesions", "--variant", "spatial-9"
    )
    assert not out.exists()


def test_a_checkpoint_of_another_training_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    trained(tmp_path, folders, "lungs")
    told = refused(tmp_path, folders, "lungs", "--width", "2")
    assert "expected a training of width 2, found one of width 1" in told
    told = refused(tmp_path, folders, "lesions")
    assert "expected a training of subject lesions, variant spatial-1, found one of subject lungs, variant None" in told
    (tmp_path / RECORD).unlink()
    assert "expected the network of this training, found another" in refused(tmp_path, folders, "lungs", "--width", "2")
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    assert "expected a checkpoint, found" in refused(tmp_path, folders, "lungs")


def test_sources_are_drawn_by_their_shares(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert source_of("some/folder:0.25") == Source(Path("some/folder"), 0.25)
    assert source_of("some/folder") == Source(Path("some/folder"), 0.0)
    (tmp_path / "with:colon").mkdir()
    assert source_of(str(tmp_path / "with:colon")).folder == tmp_path / "with:colon"
    for text in ("folder:0", "folder:much", "folder:-1", "folder:inf"):
        with pytest.raises(ConfigError, match=f"FOLDER:SHARE with a positive share, found {text}"):
            source_of(text)
    more = tmp_path / "more"
    more.mkdir()
    write_series(more / "other.npz", "viral")
    trained(tmp_path / "out", folders, "lungs", "--data", f"{more}:3")
    told = json.loads((tmp_path / "out" / RECORD).read_text())
    assert told["sources"] == [[folders[0].name, 0.0], ["more", 3.0]]


def test_lungs_that_are_not_known_do_not_teach(tmp_path: Path) -> None:
    known = read_series(write_series(tmp_path / "known.npz", "viral"))
    unknown = replace(known, lung_known=False)
    with_both = LungTask(LungNetwork(1, levels=3), [unknown, known, unknown], [known, unknown])
    assert (len(with_both._series), len(with_both._held_out)) == (1, 1)


def test_float16_scales_gradients_and_keeps_the_scale(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """The precision of CUDA devices without bfloat16, on the CPU."""
    place = Place("cpu", torch.float16)
    assert place.scales_gradients
    assert not CPU.scales_gradients
    series = read_folder(folders[0], 9)
    schedule = Schedule(steps=4, batch=2, learning_rate=1e-2, measure_every=2, seed=3)
    for steps in (2, 4):
        torch.manual_seed(1)
        task = LungTask(LungNetwork(1, levels=3), series, series, place)
        train(task, replace(schedule, steps=steps), tmp_path, lambda: 0.0, lambda _: None, place=place)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["scaler"]["scale"] > 1
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state["network"].values())


def test_cuda_is_demanded_only_where_it_is() -> None:
    if torch.cuda.is_available():
        assert choose_place("auto").device == choose_place("cuda").device == "cuda"
    else:
        assert choose_place("auto") == choose_place("cpu") == CPU
        with pytest.raises(ConfigError, match="--device: expected a CUDA device"):
            choose_place("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch finds none")
@pytest.mark.parametrize("subject", list(Subject))
def test_every_network_is_trained_on_cuda(
    subject: Subject, folders: tuple[Path, Path], film_folders: tuple[Path, Path], labels: Path, tmp_path: Path
) -> None:
    seen = film_folders if subject in ARCHITECTURES else folders
    trained(tmp_path, seen, subject.value, "--device", "cuda", "--labels", str(labels))
    assert all(tensor.device.type == "cpu" for tensor in network_state(tmp_path / CHECKPOINT).values())


def order(out: Path, folders: tuple[Path, Path]) -> Order:
    from triaged.lab.training.presets import recipe_of

    recipe = recipe_of(Subject.LUNGS, PresetName.DEFAULT, steps=2, batch=2, width=1)
    kept = Keeping(out, "resume", (), 1)
    source = Source(folders[0], 0.0)
    return Order(Subject.LUNGS, PresetName.DEFAULT, recipe, "spatial-1", 3, (source,), folders[1], 9, kept, 7, "cpu", 1)


def test_equal_seeds_train_equal_networks_and_others_do_not(folders: tuple[Path, Path], tmp_path: Path) -> None:
    console = Console(quiet=True)
    for name, seed in (("first", 7), ("same", 7), ("other", 8)):
        assert run(replace(order(tmp_path / name, folders), seed=seed), console) == 2
    first, same, other = (network_state(tmp_path / name / CHECKPOINT) for name in ("first", "same", "other"))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["body.stem.weight"], other["body.stem.weight"])
    with (tmp_path / "first" / METRICS).open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]
