"""Reads the networks that a training left in a folder of checkpoints.

Must not know how a network learns or how weights are shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from torch import Tensor, nn

from triaged.errors import ConfigError
from triaged.lab.networks.multitask import LEVEL_MARK, LungNetwork, MultitaskSpatial1
from triaged.lab.training.checkpoints import CHECKPOINT, network_state

SETTLED: Final = "settled.pt"
"""A checkpoint whose normalisation was settled, taken in place of the training's own where it is there."""


def read_trained(checkpoints: Path) -> tuple[LungNetwork, MultitaskSpatial1]:
    """Return the networks of a folder of checkpoints, of whatever width and number of resolutions they are.

    The folder holds `lungs`, `multitask` and, where the head was fitted by itself, `identification`.

    Raises:
        ConfigError: a checkpoint is missing, is none, or is of other networks, or of a variant that no package holds.
    """
    lungs, multitask = (latest(checkpoints / part) for part in ("lungs", "multitask"))
    first, second = network_state(lungs), network_state(multitask)
    lung_network = LungNetwork(*_size(first, "body.", lungs))
    if LEVEL_MARK in second:
        raise ConfigError(
            f"{multitask}: expected Multitask-Spatial-1, found the variant of level {int(second[LEVEL_MARK])}; "
            f"its features are smaller than the slices and can have fewer than the 8 rows of the package's pyramid"
        )
    multitask_network = MultitaskSpatial1(*_size(second, "segmentation.body.", multitask))
    _load(lung_network, first, lungs)
    _load(multitask_network, second, multitask)
    head = checkpoints / "identification" / CHECKPOINT
    if head.exists():
        _load(multitask_network.identification, network_state(head), head)
    return lung_network.eval(), multitask_network.eval()


def latest(folder: Path) -> Path:
    """Return the checkpoint that stands for a training: the settled one where there is one."""
    settled = folder / SETTLED
    return settled if settled.exists() else folder / CHECKPOINT


def _size(state: dict[str, Tensor], body: str, path: Path) -> tuple[int, int]:
    """Return width and number of resolutions of the network whose tensors these are."""
    stem = state.get(f"{body}stem.weight")
    blocks = {
        name.removeprefix(f"{body}encoder.").split(".")[0] for name in state if name.startswith(f"{body}encoder.")
    }
    if stem is None or not blocks:
        raise ConfigError(f"{path}: expected the tensors of {body.rstrip('.')}, found {', '.join(list(state)[:3])}")
    return int(stem.shape[0]), len(blocks) + 1


def _load(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        told = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path}: expected the tensors of {type(network).__name__}, found others: {told}") from error
