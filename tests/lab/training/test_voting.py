"""The vote of an ensemble is fitted to tuning cases alone, and keeps nobody who does not help."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from tests.exams.pipelines.bodies import LUNG_ML, Ball, Chest, draw, ellipsoid, grid
from tests.lab.training.chests import write_series
from tests.lab.training.test_members import LABELS, left_by_training
from triaged.errors import ConfigError
from triaged.inference.kinds.ct_lesions import CT_LESIONS
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.package import load_of_kind, load_package
from triaged.inference.vote import Group, Rule
from triaged.lab.networks.multitask import LungNetwork, MultitaskSpatial1
from triaged.lab.packages.ensemble import read_ensemble, write_ensemble
from triaged.lab.packages.export import write_package
from triaged.lab.packages.members import export_segmenters
from triaged.lab.packages.packaging import read_label
from triaged.lab.packages.tuning import asked, read_cases
from triaged.lab.packages.voting import Choice, TuningCase, fit, fit_without_idle, score
from triaged.lab.training.presets import Subject
from triaged.lab.training.sampling import read_series

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def cases(count: int = 4, voxels: int = 4000) -> list[TuningCase]:
    """`good` and `other` see lesion through noise of their own, `blind` says 0.9 everywhere."""
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        lesion = rng.random(voxels) < 0.2
        maps = {
            name: np.clip(0.35 + 0.3 * lesion + rng.normal(0, 0.2, voxels), 0, 1).astype(np.float32)
            for name in ("good", "other")
        }
        maps["blind"] = np.full(voxels, 0.9, dtype=np.float32)
        made.append(TuningCase(f"case {seed}", maps, lesion))
    return made


def choice(*members: str, against: tuple[float | None, ...] = (None,)) -> Choice:
    return Choice(Group(members, Rule.MEAN, 0.3, None), (0.3, 0.4, 0.5, 0.6, 0.7), against)


def test_the_score_is_dice_less_the_error_of_the_share() -> None:
    case = TuningCase("a", {}, np.array([True, True, False, False]))
    healthy = TuningCase("b", {}, np.zeros(4, dtype=np.bool_))
    assert score([case.lesion, healthy.lesion], [case, healthy]) == 1.0
    found = np.array([True, False, False, False])
    assert score([found, found], [case, healthy]) == pytest.approx(2 / 3 - (0.25 + 0.25) / 2)


def test_the_fit_finds_the_best_of_the_grid() -> None:
    one = fit([choice("good")], cases())
    alone = [
        fit([Choice(Group(("good",), Rule.MEAN, at, None), (at,))], cases()).score for at in choice("good").least_for
    ]
    assert one.score == max(alone)
    assert one.vote[0].least_for == choice("good").least_for[int(np.argmax(alone))]


def test_members_with_errors_of_their_own_do_better_together() -> None:
    together, dropped = fit_without_idle([choice("good", "other")], cases(), "good")
    assert together.score > fit([choice("good")], cases()).score
    assert dropped == []


def test_a_member_that_does_not_help_is_dropped() -> None:
    fitted, dropped = fit_without_idle([choice("good"), choice("other", "blind")], cases(), "good")
    assert "blind" in dropped
    assert "blind" not in fitted.members


def test_the_member_that_reads_stays() -> None:
    fitted, dropped = fit_without_idle([choice("blind"), choice("good")], cases(), "blind")
    assert "blind" in fitted.members
    assert dropped in ([], ["good"])


def test_no_threshold_for_is_below_one_against() -> None:
    assert all(
        group.least_for is not None and group.most_against is not None and group.most_against < group.least_for
        for group in choice("good", against=(0.2, 0.5, 0.65)).options()
    )


LABEL = """\
name: tiny-ensemble
version: 1.0.0
kind: ct-ensemble
method: Ensemble of two
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.9
parts: {reader: tiny, coronal: tiny-coronal}
vote:
  - {members: [reader], rule: mean, for: [0.2, 0.5], against: [0.1]}
  - {members: [coronal], rule: mean, for: [0.3, 0.5]}
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A reader and a member of random weights, beside each other."""
    label = tmp_path / "label.yaml"
    label.write_text((LABELS / "ct-open.yaml").read_text())
    torch.manual_seed(0)
    lungs = LungNetwork(1, 3)
    for (name, tensor), value in zip(lungs.head.named_parameters(), (0, 1, -5), strict=True):
        assert name in ("0.weight", "0.bias", "2.weight")
        torch.nn.init.constant_(tensor, value)  # it finds nothing, so that aerated lung completes what it finds
    write_package(tmp_path / "tiny", lungs, MultitaskSpatial1(1, 3), read_label(label))
    left_by_training(tmp_path / "unet-coronal", Subject.UNET_CORONAL)
    export_segmenters(tmp_path, LABELS / "ct-lesions-coronal.yaml", tmp_path / "tiny-coronal")
    (tmp_path / "ensemble.yaml").write_text(LABEL)
    (tmp_path / "tuning").mkdir()
    for disease in ("viral", "none"):
        write_chest(tmp_path / "tuning" / f"{disease}.npz", disease)
    return tmp_path


def write_chest(path: Path, disease: str) -> None:
    balls = [Ball((72, 30, 0), 40, -500)] if disease == "viral" else []
    place = grid((15.0, 2.0, 2.0))
    chest = Chest(balls=balls)
    right, left = (ellipsoid(place, *lung) for lung in chest.lungs)
    lesion = ellipsoid(place, balls[0].centre_mm, (40.0,) * 3) if balls else np.zeros_like(right)
    masks = {"right": right, "left": left, "lesion": lesion & (right | left), "other": np.zeros_like(right)}
    voxels = draw(chest, place, noise_hu=15).voxels
    np.savez(
        path, allow_pickle=False, voxels=voxels, spacing=np.array([15.0, 2.0, 2.0]), disease=np.array(disease), **masks
    )


def test_only_the_lungs_that_the_reader_finds_count_as_marked(models: Path) -> None:
    """The ball of 40 mm lies in the left lung, so that its share of both follows from the volumes."""
    reader = load_of_kind(CT_MULTITASK, models / "tiny", "cpu", 1)
    member = load_of_kind(CT_LESIONS, models / "tiny-coronal", "cpu", 1)
    viral = asked(read_series(models / "tuning" / "viral.npz"), reader, {"coronal": member})
    assert viral.lesion.mean() == pytest.approx(268 / (2 * LUNG_ML), abs=0.01)
    assert set(viral.maps) == {"reader", "coronal"}
    assert all(one.shape == viral.lesion.shape for one in viral.maps.values())


def test_a_series_without_lungs_is_told_and_left_out(models: Path) -> None:
    reader = load_of_kind(CT_MULTITASK, models / "tiny", "cpu", 1)
    write_series(models / "tuning" / "boxes.npz", "viral")
    said: list[str] = []
    assert len(list(read_cases(models / "tuning", reader, {}, said.append))) == 2
    assert said[0].startswith("boxes: not read: ")


def test_an_ensemble_is_fitted_written_and_loaded(models: Path) -> None:
    said: list[str] = []
    fitted = write_ensemble(models / "ensemble.yaml", models / "both", [models / "tuning"], 1, said.append)
    loaded = load_package(models / "both", "cpu", 1)
    assert loaded.manifest.settings.vote == fitted.vote
    assert said[0].startswith("reader alone, above 0.2: ")
    assert any(line.startswith("2 tuning cases: the vote reaches ") for line in said)
    kept = {"reader"} | ({"coronal"} & set(fitted.members))
    assert set(loaded.manifest.parts) == kept


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("reader: tiny, ", ""), "expected a part reader"),
        (("[coronal]", "[sagittal]"), "expected members among coronal, reader"),
        (("for: [0.3, 0.5]", "least: [0.3]"), "expected members among"),
        (("kind: ct-ensemble", "kind: ct-lungs"), "expected kind: ct-ensemble"),
    ],
)
def test_a_label_that_names_nobody_known_is_refused(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    (tmp_path / "label.yaml").write_text(LABEL.replace(*change))
    with pytest.raises(ConfigError, match=told):
        read_ensemble(tmp_path / "label.yaml")
