"""Reads the networks that a training left in a folder of checkpoints.

Must not know how a network learns or how weights are shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from torch import Tensor, nn

from triaged.errors import ConfigError
from triaged.lab.networks.multitask import LEVEL_MARK, LungNetwork, Multitask
from triaged.lab.training.checkpoints import CHECKPOINT, network_state

SETTLED: Final = "settled.pt"
"""A checkpoint whose normalisation was settled, taken in place of the training's own where it is there."""


def read_trained(checkpoints: Path) -> tuple[LungNetwork, Multitask]:
    """Return the networks of a folder of checkpoints, of whatever width, number of resolutions and variant.

    The folder holds `lungs`, `multitask` and, where the head was fitted by itself, `identification`.

    Raises:
        ConfigError: a checkpoint is missing, is none, or is of other networks.
    """
    lungs, multitask = (latest(checkpoints / part) for part in ("lungs", "multitask"))
    first = network_state(lungs)
    lung_network = LungNetwork(*_size(first, "body.", lungs))
    multitask_network = read_multitask(multitask)
    _load(lung_network, first, lungs)
    take_fitted_head(multitask_network, checkpoints)
    return lung_network.eval(), multitask_network.eval()


def read_multitask(path: Path) -> Multitask:
    """Return the network of a checkpoint of Multitask-Latent or Multitask-Spatial-N.

    Raises:
        ConfigError: the checkpoint is missing, is none, or is of another network.
    """
    state = network_state(path)
    level = int(state[LEVEL_MARK]) if LEVEL_MARK in state else 1
    network = Multitask(*_size(state, "segmentation.body.", path), level)
    _load(network, state, path)
    return network.eval()


def take_fitted_head(network: Multitask, folder: Path) -> None:
    """Give a network the head that was fitted by itself, where `folder` has one.

    Raises:
        ConfigError: it is the head of another network.
    """
    head = head_of(folder)
    if head.exists():
        _load(network.identification, network_state(head), head)


def head_of(folder: Path) -> Path:
    """Return where the head that was fitted by itself is kept."""
    return folder / "identification" / CHECKPOINT


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
