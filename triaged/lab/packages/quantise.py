"""Makes an 8-bit variant of a model package, and refuses it where it finds less than the package itself.

Must not know torch or training. Convolutions are computed in integers, with one scale per channel of weights and one
per tensor of activations, which calibration on given series decides (static quantisation, QDQ); all else stays in
single precision. What is lost is measured through the inference that the daemon uses.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

import triaged.inference.runtime  # noqa: F401  # before the library: it turns its telemetry off

# isort: split
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quant_pre_process, quantize_static

from triaged.errors import ConfigError, ModelRefused
from triaged.exams.ct.window import to_unit
from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtNetworks, CtSettings
from triaged.inference.manifest import MANIFEST_NAME, Manifest
from triaged.inference.package import load_of_kind
from triaged.lab.evaluation.overlap import dice
from triaged.lab.packages.export import Label, without_idle_biases, write_graph, write_manifest

TOLERATED_LOSS: Final = 0.005
QUANTISED: Final = ("lungs", "backbone")
SUFFIX: Final = "-int8"
SLICES_OF_A_SERIES: Final = 6
"""Slices that calibration takes of each series, evenly spread."""
DEVICE_UIDS: Final = uuid.UUID("5b9a9c0e-3f0f-4d3c-9f5a-6f0c7a2b1d48")

Slices = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """Slices with their truth, all (slice, row, column) on the networks' grid; `hu` is int16."""

    hu: NDArray[np.int16]
    lung: NDArray[np.bool_]
    lesion: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """Mean Dice over series, of lungs and of lesions within the true lungs, and the seconds that it took.

    Lesion Dice is the mean over series that have lesion; 1 where none has.
    """

    lung_dice: float
    lesion_dice: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Loss:
    """What a package and its 8-bit variant reach on the same series."""

    before: Score
    after: Score

    @property
    def dice(self) -> float:
        """The larger of the losses of lung and of lesion Dice; negative where nothing is lost."""
        lung = self.before.lung_dice - self.after.lung_dice
        return max(lung, self.before.lesion_dice - self.after.lesion_dice)

    @property
    def speed_ratio(self) -> float:
        """How many times as fast the variant is; 0 where no time passed."""
        return self.before.seconds / self.after.seconds if self.after.seconds else 0.0

    def __str__(self) -> str:
        """Return the loss in words."""
        return (
            f"lung Dice {self.before.lung_dice:.4f} to {self.after.lung_dice:.4f}, "
            f"lesion Dice {self.before.lesion_dice:.4f} to {self.after.lesion_dice:.4f}, "
            f"{self.speed_ratio:.2f} times as fast"
        )


def quantise_package(
    package: Path,
    folder: Path,
    calibration: Sequence[Marked],
    reference: Sequence[Marked],
    threads: int,
    clock: Callable[[], float],
) -> Loss:
    """Write the 8-bit variant of `package` into `folder`, and return what it loses on the reference series.

    The head stays as it is. `clock` gives seconds.

    Raises:
        ModelRefused: the variant loses `TOLERATED_LOSS` or more; its manifest is then not there.
    """
    before = load_of_kind(CT_MULTITASK, package, "cpu", threads)
    manifest, settings = before.manifest, before.manifest.settings
    folder.mkdir(parents=True, exist_ok=True)
    windows = {
        "lungs": _whole(calibration, settings),
        "backbone": _around_lungs(calibration, settings),
    }
    entries = {}
    for name, file in manifest.graphs.items():
        graph = onnx.load(file.path)
        if name in QUANTISED:
            graph = quantised(graph, windows[name])
        entries[name] = write_graph(graph, folder / file.path.name)
    write_manifest(folder, _label(manifest), entries)
    loss = compare(before, load_of_kind(CT_MULTITASK, folder, "cpu", threads), reference, clock)
    if loss.dice >= TOLERATED_LOSS:
        (folder / MANIFEST_NAME).unlink()  # without it nobody can load the variant
        raise ModelRefused(f"{folder}: expected 8 bits to lose less than {TOLERATED_LOSS} Dice, found {loss}")
    return loss


def quantised(graph: ModelProto, slices: Sequence[Slices]) -> ModelProto:
    """Return a graph of slices with its convolutions in 8 bits, scaled by what the given slices make of it."""
    with TemporaryDirectory() as place:
        plain, prepared, done = (Path(place) / name for name in ("plain.onnx", "prepared.onnx", "done.onnx"))
        onnx.save(without_idle_biases(_in_single_precision(graph)), plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            done,
            _Feed(slices, graph.graph.input[0].name),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # seven bits: without VNNI two products of eight overflow what they are summed in
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        return onnx.load(done)


def compare(before: CtNetworks, after: CtNetworks, reference: Sequence[Marked], clock: Callable[[], float]) -> Loss:
    """Return how well both find what is marked; they take turns, so that both suffer what else the machine does."""
    answers: tuple[list[_Found], list[_Found]] = ([], [])
    for marked in reference:
        for networks, found in zip((before, after), answers, strict=True):
            found.append(_find(networks, marked, clock))
    return Loss(*(_summed(found) for found in answers))


@dataclass(frozen=True, slots=True)
class _Found:
    """Dice of one series, `lesion` not a number where there is none, and the seconds that it took."""

    lung: float
    lesion: float
    seconds: float


def _find(networks: CtNetworks, marked: Marked, clock: Callable[[], float]) -> _Found:
    settings = networks.manifest.settings
    thresholds = settings.thresholds
    unit = to_unit(marked.hu, *settings.window_hu)
    rows, columns = _box(marked.lung)
    start = clock()
    lung = networks.lung_probability(unit) >= thresholds.lung
    lesion = networks.lesions(unit[:, rows, columns]).probability >= thresholds.lesion
    seconds = clock() - start
    inside, truth = marked.lung[:, rows, columns], marked.lesion[:, rows, columns]
    return _Found(
        dice(lung, marked.lung), dice(lesion & inside, truth & inside) if truth.any() else float("nan"), seconds
    )


def _summed(found: Sequence[_Found]) -> Score:
    lesions = [one.lesion for one in found if not np.isnan(one.lesion)]
    return Score(
        lung_dice=float(np.mean([one.lung for one in found])),
        lesion_dice=float(np.mean(lesions)) if lesions else 1.0,
        seconds=sum(one.seconds for one in found),
    )


def read_marked(folder: Path, most: int) -> list[Marked]:
    """Return the slices with lung of the first `most` training series (.npz) of a folder.

    Raises:
        ConfigError: there is none.
    """
    paths = sorted(folder.glob("*.npz"))[:most]
    if not paths:
        raise ConfigError(f"{folder}: expected training series (.npz), found none")
    return [_marked(path) for path in paths]


def _marked(path: Path) -> Marked:
    with np.load(path) as archive:
        lung = archive["right"] | archive["left"]
        shown = lung.any(axis=(1, 2))
        return Marked(archive["voxels"][shown].astype(np.int16), lung[shown], archive["lesion"][shown])


class _Feed(CalibrationDataReader):  # type: ignore[misc]
    """Hands one slice after the other to the calibration."""

    def __init__(self, slices: Sequence[Slices], name: str) -> None:
        self._feeds: Iterator[dict[str, Slices]] = ({name: one[None, None]} for each in slices for one in each)

    def get_next(self) -> dict[str, Slices] | None:
        """Return the next input, or None after the last."""
        return next(self._feeds, None)


def _whole(series: Sequence[Marked], settings: CtSettings) -> list[Slices]:
    return [to_unit(_some(one.hu), *settings.window_hu) for one in series]


def _around_lungs(series: Sequence[Marked], settings: CtSettings) -> list[Slices]:
    boxes = [_box(one.lung) for one in series]
    some = [_some(one.hu)[:, rows, columns] for one, (rows, columns) in zip(series, boxes, strict=True)]
    return [np.ascontiguousarray(to_unit(hu, *settings.window_hu)) for hu in some]


def _some(hu: NDArray[np.int16]) -> NDArray[np.int16]:
    chosen = np.unique(np.linspace(0, len(hu) - 1, min(SLICES_OF_A_SERIES, len(hu))).astype(int))
    some: NDArray[np.int16] = hu[chosen]
    return some


def _box(lung: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(lung.any(axis=(0, 2))), np.flatnonzero(lung.any(axis=(0, 1)))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _in_single_precision(graph: ModelProto) -> ModelProto:
    """Return a copy whose weights are stored as they are computed with: the inverse of `export.halved`."""
    result = ModelProto()
    result.CopyFrom(graph)
    stored = {tensor.name: tensor for tensor in result.graph.initializer}
    casts = [node for node in result.graph.node if node.op_type == "Cast" and node.input[0] in stored]
    for cast in casts:
        tensor = stored[cast.input[0]]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), cast.output[0]))
        result.graph.node.remove(cast)
    return result


def _label(manifest: Manifest[CtSettings]) -> Label:
    """Return the label of the variant: another algorithm, and so another device UID (PS3.5 B.2)."""
    return Label(
        name=manifest.name + SUFFIX,
        version=manifest.version,
        licence=manifest.licence,
        terms=manifest.terms,
        trained_on=manifest.trained_on,
        device_uid=f"2.25.{uuid.uuid5(DEVICE_UIDS, manifest.device_uid).int}",
        thresholds=manifest.settings.thresholds,
        training_prior=manifest.settings.training_prior,
        codes=manifest.codes,
        method=manifest.method,
    )
