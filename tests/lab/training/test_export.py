"""What is shipped computes what was trained, for any number and size of slices."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

import onnx
from onnx import numpy_helper

from tests.exams.pipelines.bodies import ADULT, LUNG_ML, Ball, Chest, draw, ellipsoid, grid
from tests.lab.training.chests import write_series
from triaged.errors import ConfigError, ModelRefused
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.window import to_unit
from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtMultitask, CtSettings, LesionMaps, Thresholds
from triaged.inference.manifest import Manifest
from triaged.inference.package import load_of_kind, read_manifest
from triaged.lab.networks.multitask import LungNetwork, MultitaskSpatial1, pool_series
from triaged.lab.packages import quantise
from triaged.lab.packages.export import round_weights
from triaged.lab.packages.packaging import CODES, Exported, TorchNetworks, difference, export, read_label, sample_slices
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.trained import SETTLED, read_trained
from triaged.study.coding import Code

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")

BALL = Ball((72, 0, 0), 40, -300)
CHEST = Chest(balls=[BALL])
COARSE = grid((30.0, 4.0, 4.0))
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
SAID = """\
name: tiny
version: "1"
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.7
training_prior: 0.75
thresholds: {lung: 0.5, lesion: 0.2, identification: 0.5}
"""


@pytest.fixture(scope="module")
def trained() -> tuple[LungNetwork, MultitaskSpatial1]:
    """Small networks that have learnt for seconds, so that their answers differ from place to place.

    They learn in double precision: of single, other processors' last bits grow within forty steps into other networks.
    """
    drawn = draw(CHEST, COARSE, noise_hu=15)
    inner = slice(2, -2)
    images = torch.from_numpy(to_unit(drawn.voxels)[inner, None]).double()
    lung = np.any([ellipsoid(COARSE, centre, semi_axes) for centre, semi_axes in CHEST.lungs], axis=0)
    lesion = ellipsoid(COARSE, BALL.centre_mm, (BALL.radius_mm,) * 3)
    torch.manual_seed(2)  # of these starts half learn well in forty steps
    lungs, multitask = LungNetwork(2, levels=3), MultitaskSpatial1(2, levels=3)
    learn(lungs, lambda: lungs(images), torch.from_numpy(lung[inner, None]))
    learn(multitask, lambda: multitask.segmentation(images)[0], torch.from_numpy(lesion[inner, None]))
    return lungs, multitask


def learn(network: torch.nn.Module, logits: Callable[[], torch.Tensor], truth: torch.Tensor) -> None:
    network.double().train()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-2)
    for _ in range(40):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits(), truth.double())
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    network.float().eval()


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, trained: tuple[LungNetwork, MultitaskSpatial1]) -> Path:
    """What a training leaves behind."""
    path = tmp_path_factory.mktemp("checkpoints")
    for part, network in zip(("lungs", "multitask"), trained, strict=True):
        (path / part).mkdir()
        torch.save({"network": network.state_dict(), "step": 1}, path / part / CHECKPOINT)
    return path


@pytest.fixture(scope="module")
def label(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("label") / "label.yaml"
    path.write_text(SAID, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def exported(checkpoints: Path, label: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    path = tmp_path_factory.mktemp("package")
    return path, export(checkpoints, label, path)


@pytest.fixture(scope="module")
def folder(exported: tuple[Path, Exported]) -> Path:
    return exported[0]


@pytest.fixture(scope="module")
def stored(trained: tuple[LungNetwork, MultitaskSpatial1]) -> tuple[LungNetwork, MultitaskSpatial1]:
    """The networks with their weights as the package keeps them."""
    rounded = deepcopy(trained)
    for network in rounded:
        round_weights(network)
    return rounded


@pytest.fixture(scope="module")
def shipped(folder: Path) -> CtMultitask:
    return load_of_kind(CT_MULTITASK, folder, "cpu", threads=1)


def test_the_package_is_accepted_and_says_what_the_label_says(shipped: CtMultitask) -> None:
    assert shipped.manifest.name == "tiny"
    assert shipped.manifest.codes == CODES
    assert shipped.manifest.codes["lung"] == Code("39607008", "SCT", "Lung")
    assert shipped.manifest.settings.thresholds == Thresholds(lung=0.5, lesion=0.2, identification=0.5)


@pytest.mark.parametrize("count", [1, 3, 5, 11])
@pytest.mark.parametrize("size", [(8, 8), (97, 133), (131, 77), (17, 96)])
def test_the_graphs_agree_with_the_networks(
    count: int,
    size: tuple[int, int],
    shipped: CtMultitask,
    stored: tuple[LungNetwork, MultitaskSpatial1],
) -> None:
    slices = np.random.default_rng(sum(size)).random((count, *size), dtype=np.float32)
    assert_parity(shipped, stored, slices)


def test_the_graphs_agree_with_the_networks_on_a_generated_chest(
    shipped: CtMultitask, stored: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    slices = sample_slices()
    assert slices.shape[1:] == (97, 133)
    assert 0.1 < slices.mean() < 0.9
    assert_parity(shipped, stored, slices)


@pytest.mark.parametrize("series", ["covid_p001", "normal_001"])
def test_the_graphs_agree_with_the_networks_on_a_real_chest(
    series: str, shipped: CtMultitask, stored: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    paths = sorted((DATA / "ct_series" / series).rglob("*.dcm"))
    if not paths:
        pytest.skip(f"real images are not here: ../shared/data/ct_series/{series}")
    opened = [pydicom.dcmread(path) for path in paths[:: len(paths) // 6]]
    hu = np.stack([one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in opened])
    assert_parity(shipped, stored, to_unit(hu[:, 20:411:3, 11:410:3].astype(np.float32)))


def assert_parity(
    shipped: CtMultitask, stored: tuple[LungNetwork, MultitaskSpatial1], slices: NDArray[np.float32]
) -> None:
    """Demand probabilities within 1e-4; computed here in torch from the definition, not by the code that exports."""
    image = torch.from_numpy(np.ascontiguousarray(slices))[:, None]
    with torch.no_grad():
        lung = torch.sigmoid(stored[0](image))[:, 0]
        lesion, identification = stored[1](image)
    probability, cells = shipped.lesions(slices)
    np.testing.assert_allclose(shipped.lung_probability(slices), lung, atol=1e-4)
    np.testing.assert_allclose(probability, torch.sigmoid(lesion)[:, 0], atol=1e-4)
    expected = torch.sigmoid(identification - np.log(3)).item()
    assert shipped.identification(cells) == pytest.approx(expected, abs=1e-4)


class InTorch:
    """The trained networks where the daemon's pipeline expects a package's."""

    def __init__(self, networks: tuple[LungNetwork, MultitaskSpatial1], manifest: Manifest[CtSettings]) -> None:
        self._lungs, self._multitask = networks
        self.manifest = manifest

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return torch.sigmoid(self._lungs(torch.from_numpy(slices)[:, None]))[:, 0].numpy()

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        with torch.no_grad():
            lesion, features = self._multitask.segmentation(torch.from_numpy(slices)[:, None])
        return LesionMaps(torch.sigmoid(lesion)[:, 0].numpy(), features.numpy())

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Pool the volume directly, without the package's separable maxima."""
        with torch.no_grad():
            logit = self._multitask.identification(pool_series(torch.from_numpy(cells)))
        return float(torch.sigmoid(logit - np.log(3)))


def test_the_whole_package_finds_what_the_networks_find(
    shipped: CtMultitask, stored: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    """Through the daemon's pipeline, up to voxels that lie on a threshold."""
    chest = draw(CHEST, grid((12.0, 3.1, 2.9)), noise_hu=15)
    package, torch_ = (
        CtPipeline(networks, CtOptions()).read(chest, ADULT)
        for networks in (shipped, InTorch(stored, shipped.manifest))
    )
    assert CtNumbers.of(package.finding).lungs_ml == pytest.approx(2 * LUNG_ML, rel=0.1)
    assert 0.02 < package.finding.urgency < 0.9
    assert package.finding.urgency == pytest.approx(torch_.finding.urgency, abs=1e-4)
    assert package.finding.probability == pytest.approx(torch_.finding.probability, abs=1e-4)
    for name in ("right_lung", "left_lung", "lesion"):
        first, second = (getattr(reading, name).voxels for reading in (package, torch_))
        differing = int(np.count_nonzero(first != second))
        assert differing <= 1e-4 * np.count_nonzero(first), name


def test_an_export_says_what_it_was_measured_at(exported: tuple[Path, Exported]) -> None:
    """Half precision has 11 bits, so a weight moves by up to 2^-11 of itself: rounding shows, and stays small."""
    measured = exported[1]
    assert measured.parity.largest < 1e-4
    assert 0 < measured.rounding.largest < 0.01


def test_weights_stored_in_single_precision_are_those_that_were_trained(
    tmp_path: Path, label: Path, checkpoints: Path, trained: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    measured = export(checkpoints, label, tmp_path, "single")
    assert measured.rounding.largest == 0
    last = trained[0].state_dict()["head.2.weight"].numpy()
    kept = {one.name: numpy_helper.to_array(one) for one in onnx.load(tmp_path / "lungs.onnx").graph.initializer}
    np.testing.assert_array_equal(kept["head.2.weight"], last)
    assert {values.dtype for values in kept.values()} <= {np.dtype(np.float32), np.dtype(np.int64)}


def test_a_network_that_is_not_the_packages_is_told(
    shipped: CtMultitask, stored: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    lungs, multitask = deepcopy(stored)
    with torch.no_grad():
        lungs.body.stem.weight += 0.01
    found = difference(shipped, TorchNetworks(lungs, multitask, 0.75), sample_slices()[:3])
    assert found.lung > 1e-4
    assert found.lesion < 1e-4


def test_the_settled_checkpoint_and_the_head_fitted_by_itself_are_taken(
    tmp_path: Path, trained: tuple[LungNetwork, MultitaskSpatial1]
) -> None:
    lungs, multitask = trained
    for part, network in (("lungs", lungs), ("multitask", multitask), ("identification", multitask.identification)):
        (tmp_path / part).mkdir()
        torch.save({"network": network.state_dict(), "step": 1}, tmp_path / part / CHECKPOINT)
    state = {name: torch.full_like(tensor, 3.0) for name, tensor in lungs.state_dict().items()}
    torch.save({"network": state}, tmp_path / "lungs" / SETTLED)
    fitted = {name: torch.full_like(tensor, 5.0) for name, tensor in multitask.identification.state_dict().items()}
    torch.save({"network": fitted, "step": 1}, tmp_path / "identification" / CHECKPOINT)
    found_lungs, found_multitask = read_trained(tmp_path)
    assert bool((found_lungs.body.stem.weight == 3).all())
    assert bool((found_multitask.identification.output.weight == 5).all())
    torch.testing.assert_close(found_multitask.segmentation.body.stem.weight, multitask.segmentation.body.stem.weight)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lungs.checkpoint\.pt"):
        read_trained(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("terms: for tests\n", ""), "missing terms"),
        (("terms:", "colour: red\nterms:"), "unknown colour"),
        (("lesion: 0.2", "lesions: 0.2"), "thresholds: expected identification, lesion, lung; missing lesion"),
        (("name: tiny", "- tiny"), "readable label"),
    ],
)
def test_a_label_that_says_too_little_or_too_much_is_refused(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "label.yaml"
    path.write_text(SAID.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        read_label(path)


@pytest.mark.parametrize(
    ("said", "method"), [("", "Multitask-Spatial-1"), ("method: Multitask-Spatial-4\n", "Multitask-Spatial-4")]
)
def test_a_label_may_say_another_method_than_that_of_the_kind(
    said: str, method: str, checkpoints: Path, tmp_path: Path
) -> None:
    label = tmp_path / "label.yaml"
    label.write_text(SAID + said, encoding="utf-8")
    export(checkpoints, label, tmp_path / "package")
    assert read_manifest(tmp_path / "package").method == method
    assert ("method" in (tmp_path / "package" / "manifest.yaml").read_text(encoding="utf-8")) == bool(said)


def test_no_convolution_is_given_zeros_for_a_bias(folder: Path) -> None:
    """With a bias made at run time the runtime cannot fold the normalisation: 1.3 times the time."""
    for name in ("lungs", "backbone"):
        graph = onnx.load(folder / f"{name}.onnx").graph
        weights = {one.name for one in graph.initializer}
        biases = [node.input[2] for node in graph.node if node.op_type == "Conv" and len(node.input) > 2]
        assert set(biases) <= weights
        assert len(biases) == 1  # the stem's own


def test_large_weights_take_half_the_space(folder: Path) -> None:
    """Most of the head's 1170 * 256 weights."""
    assert (folder / "head.onnx").stat().st_size < 1.1 * 2 * 1170 * 256


def test_no_folder_of_the_training_machine_is_shipped(folder: Path) -> None:
    here = str(Path(__file__).parents[4]).encode()
    for path in folder.glob("*.onnx"):
        assert here not in path.read_bytes()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    write_series(folder / "ill.npz", "viral")
    write_series(folder / "healthy.npz", "none")
    return folder


def test_eight_bits_that_lose_nothing_become_a_package_of_their_own(
    folder: Path, shipped: CtMultitask, marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tolerance is made as wide as a Dice can be: what these networks find in boxes does not matter."""
    monkeypatch.setattr(quantise, "TOLERATED_LOSS", 1.1)
    series = quantise.read_marked(marked, 2)
    ticks = iter(range(100))
    loss = quantise.quantise_package(folder, tmp_path, series, series, 1, lambda: float(next(ticks)))
    assert loss.before.seconds == loss.after.seconds == 2.0
    small = load_of_kind(CT_MULTITASK, tmp_path, "cpu", threads=1)
    assert small.manifest.name == "tiny-int8"
    assert small.manifest.device_uid != shipped.manifest.device_uid
    graph = onnx.load(tmp_path / "lungs.onnx").graph
    kinds = Counter(numpy_helper.to_array(one).dtype for one in graph.initializer)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert kinds[np.dtype(np.int8)] >= len(convolutions) > 5
    slices = sample_slices()[:3]
    assert small.lung_probability(slices).shape == slices.shape
    assert np.abs(small.lung_probability(slices) - shipped.lung_probability(slices)).mean() < 0.05


def test_eight_bits_that_lose_too_much_are_refused_with_what_they_lose(
    folder: Path, marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "TOLERATED_LOSS", -1.1)
    series = quantise.read_marked(marked, 1)
    with pytest.raises(ModelRefused, match=r"less than -1\.1 Dice, found lung Dice 0\.\d{4} to 0\.\d{4}"):
        quantise.quantise_package(folder, tmp_path, series, series, 1, lambda: 0.0)
    with pytest.raises(ModelRefused, match="manifest"):
        load_of_kind(CT_MULTITASK, tmp_path, "cpu", threads=1)


def test_the_loss_is_the_larger_of_both_and_speed_is_told_beside_it() -> None:
    loss = quantise.Loss(quantise.Score(0.98, 0.70, 6.0), quantise.Score(0.97, 0.71, 4.0))
    assert loss.dice == pytest.approx(0.01)
    assert loss.speed_ratio == pytest.approx(1.5)


def test_a_folder_without_series_calibrates_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found none"):
        quantise.read_marked(tmp_path, 3)
