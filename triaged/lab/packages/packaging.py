"""Makes a model package of a training's checkpoints, and shows that it computes what was trained.

Must not know how a network learns or how a graph is written.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from triaged.errors import ConfigError, ModelRefused
from triaged.exams.ct.window import to_unit
from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtNetworks, Thresholds
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_of_kind
from triaged.lab.networks.multitask import LungNetwork, Multitask
from triaged.lab.packages.export import Label, Storage, write_package
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions
from triaged.lab.training.order import RECORD
from triaged.lab.training.trained import read_trained
from triaged.study.coding import Code

CODES: Final = {
    "lung": Code("39607008", "SCT", "Lung"),
    "lesion": Code("52988006", "SCT", "Lesion"),
    "identification": Code("840539006", "SCT", "COVID-19"),
}
PARITY: Final = 1e-4
"""Most that a probability of the package may differ from the network's own."""
SAMPLE_SEED: Final = 8_000_001
SAMPLE: Final = (slice(None), slice(10, 107), slice(12, 145))
"""Cuts slices of 97 rows and 133 columns: sizes that no resolution of the networks halves evenly."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference of any probability: of lung and of lesion per pixel, and of identification."""

    lung: float
    lesion: float
    identification: float

    @property
    def largest(self) -> float:
        """The largest of the three."""
        return max(self.lung, self.lesion, self.identification)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export was measured at: the graphs against the networks stored, and these against those trained."""

    parity: Difference
    rounding: Difference


def export(checkpoints: Path, label: Path, folder: Path, storage: Storage = "half") -> Exported:
    """Write the package of the networks in `checkpoints` into `folder`, and measure it on a generated series.

    Raises:
        ConfigError: a checkpoint or the label is missing, or is not what it must be.
        ModelRefused: the package does not compute what the networks do.
    """
    said = read_label(label)
    demand_prior(checkpoints, said)
    lungs, multitask = read_trained(checkpoints)
    _demand_method(multitask, said)
    slices = sample_slices()
    trained = TorchNetworks(deepcopy(lungs), deepcopy(multitask), said.training_prior)
    write_package(folder, lungs, multitask, said, storage)
    stored = TorchNetworks(lungs, multitask, said.training_prior)
    parity = difference(load_of_kind(CT_MULTITASK, folder, "cpu", 0), stored, slices)
    if parity.largest > PARITY:
        (folder / MANIFEST_NAME).unlink()  # without it nobody can load the package
        raise ModelRefused(
            f"{folder}: expected the probabilities of the trained networks within {PARITY}, "
            f"found differences of {parity.lung:.1e} (lung), {parity.lesion:.1e} (lesion) and "
            f"{parity.identification:.1e} (identification)"
        )
    return Exported(parity, _between(stored.answers(slices), trained.answers(slices)))


def demand_prior(checkpoints: Path, said: Label) -> None:
    """Demand that a label states the share of positives that identification was trained on, where training told it.

    The daemon takes the log-odds of that share off, once: a wrong share makes every probability wrong.

    Raises:
        ConfigError: the label states another share.
    """
    record = checkpoints / "multitask" / RECORD
    trained = json.loads(record.read_text(encoding="utf-8"))["training_prior"] if record.exists() else None
    if trained is not None and trained != said.training_prior:
        raise ConfigError(f"label: training_prior: expected {trained}, as in {record}, found {said.training_prior}")


def _demand_method(network: Multitask, said: Label) -> None:
    """Demand that a variant goes by a name of its own.

    Raises:
        ConfigError: the label calls it what Spatial-1 is called.
    """
    if network.level > 1 and said.method == CT_MULTITASK.method:
        raise ConfigError(
            f"label: method: expected the name of a network that identifies by level {network.level}, "
            f"found {said.method}"
        )


def read_label(path: Path) -> Label:
    """Return what a YAML file says about a package: the entries of `Label`, `codes` and `method` only where others.

    Raises:
        ConfigError: the file is missing, is no mapping, or lacks an entry or has one too many.
    """
    try:
        said = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: expected a readable label, found {error}") from error
    if not isinstance(said, dict):
        raise ConfigError(f"{path}: expected a mapping, found {type(said).__name__}")
    codes, method = said.pop("codes", None), said.pop("method", CT_MULTITASK.method)
    _expect(said, {field.name for field in fields(Label)} - {"codes", "method"}, str(path))
    thresholds = said.pop("thresholds")
    _expect(thresholds, {field.name for field in fields(Thresholds)}, f"{path}: thresholds")
    coded = CODES if codes is None else {name: Code(**code) for name, code in codes.items()}
    return Label(**said, thresholds=Thresholds(**thresholds), codes=coded, method=method)


@dataclass(frozen=True, slots=True)
class Answers:
    """What networks say about the slices of one series: probabilities per pixel, and of the disease."""

    lung: NDArray[np.float32]
    lesion: NDArray[np.float32]
    identification: float


class TorchNetworks:
    """Trained networks, asked in torch as a package is asked by the daemon."""

    def __init__(self, lungs: LungNetwork, multitask: Multitask, training_prior: float) -> None:
        self._lungs = lungs.eval()
        self._multitask = multitask.eval()
        self._shift = float(np.log(training_prior / (1 - training_prior)))

    def answers(self, slices: NDArray[np.float32]) -> Answers:
        """Return what the networks say about (slice, row, column) slices in [0, 1]; rows and columns are 8 or more."""
        images = torch.from_numpy(slices)[:, None]
        with torch.no_grad():
            lung = torch.sigmoid(self._lungs(images))[:, 0]
            lesion, identification = self._multitask(images)
        probability = torch.sigmoid(identification - self._shift).item()
        return Answers(lung.numpy(), torch.sigmoid(lesion)[:, 0].numpy(), probability)


def difference(package: CtNetworks, trained: TorchNetworks, slices: NDArray[np.float32]) -> Difference:
    """Return how far a package's probabilities are from those of trained networks on the slices of one series."""
    maps = package.lesions(slices)
    found = Answers(package.lung_probability(slices), maps.probability, package.identification(maps.cells))
    return _between(found, trained.answers(slices))


def sample_slices() -> NDArray[np.float32]:
    """Return the slices of a generated series, (slice, 97, 133) in [0, 1]."""
    drawn = generate(PhantomOptions(SAMPLE_SEED, matrix=160, pixel_mm=2.2, increment_mm=20.0))
    return np.ascontiguousarray(to_unit(drawn.voxels_hu)[SAMPLE])


def _between(first: Answers, second: Answers) -> Difference:
    return Difference(
        lung=float(np.abs(first.lung - second.lung).max()),
        lesion=float(np.abs(first.lesion - second.lesion).max()),
        identification=abs(first.identification - second.identification),
    )


def _expect(found: Any, wanted: set[str], where: str) -> None:
    names = set(found) if isinstance(found, dict) else set()
    if names != wanted:
        missing, unknown = (", ".join(sorted(rest)) or "none" for rest in (wanted - names, names - wanted))
        raise ConfigError(f"{where}: expected {', '.join(sorted(wanted))}; missing {missing}, unknown {unknown}")
