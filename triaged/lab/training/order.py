"""Says what a training is ordered with: values that a command line gives, before anything is read.

Must not know torch, nor how anything is trained.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from triaged.errors import ConfigError
from triaged.lab.training.presets import Preset, PresetName, Subject

RECORD: Final = "training.json"
"""In the training's folder, tells what was ordered, and the share of positives that identification saw."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of training series, and with which share it is drawn beside others.

    Where no source has a share, 0, each series is as likely as any other; else one without counts 1.
    """

    folder: Path
    share: float


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a training leaves behind, and what it begins from.

    Attributes:
        folder: where checkpoint and figures are kept.
        begin: whether a checkpoint in there is continued or removed.
        starts_from: checkpoints to take fitting tensors from, in this order, where none is continued.
        measure_every: steps between measurements, and between checkpoints.
    """

    folder: Path
    begin: Literal["resume", "fresh"]
    starts_from: tuple[Path, ...]
    measure_every: int


Shifting: TypeAlias = Literal["paper", "code", "none"]
"""How COVID-MTL shifts features in training: as its paper says, as its code does, or not."""
Weighing: TypeAlias = Literal["random", "equal"]
"""How much each task counts in a batch: the mean of two draws of a Dirichlet distribution, or all the same."""


@dataclass(frozen=True, slots=True)
class MtlChoices:
    """What a training of COVID-MTL is ordered with beside what all are.

    Attributes:
        labels: what is known of each series (CSV).
        features: what `triaged model features` wrote of each, for a network with radiomic features.
    """

    labels: Path
    features: Path | None = None
    shift: Shifting = "paper"
    weigh: Weighing = "random"


@dataclass(frozen=True, slots=True)
class Order:
    """One training, as asked for.

    Attributes:
        variant: latent or spatial-N; of no meaning to networks that do not both segment and identify.
        levels: resolutions of the 2D networks; the paper has 7.
        architecture: DECODER-ENCODER of a network that only segments; empty: the subject's usual one.
        most: most series to keep in memory from each source.
        threads: of the CPU; 0 leaves their number to torch.
        leave_out: patients whose series must not teach.
        mtl: of no meaning to others than COVID-MTL, which cannot do without.
    """

    subject: Subject
    preset: PresetName
    recipe: Preset
    variant: str
    levels: int
    sources: tuple[Source, ...]
    held_out: Path
    most: int
    keeping: Keeping
    seed: int
    device: Literal["auto", "cpu", "cuda"]
    threads: int
    leave_out: tuple[str, ...] = ()
    architecture: str = ""
    mtl: MtlChoices | None = None


def source_of(text: str) -> Source:
    """Return the source that FOLDER or FOLDER:SHARE names.

    Raises:
        ConfigError: the share is not a positive number.
    """
    folder, colon, number = text.rpartition(":")
    if not colon or Path(text).exists():
        return Source(Path(text), 0.0)
    try:
        share = float(number)
    except ValueError:
        share = 0.0
    if not 0 < share < float("inf"):
        raise ConfigError(f"--data: expected FOLDER or FOLDER:SHARE with a positive share, found {text}")
    return Source(Path(folder), share)
