"""Keeps the state of a training in a file, and brings it back.

Must not know tasks or schedules. A file holds `step` and, by name, the state of each part: `network`, `optimiser` and,
in float16, `scaler`. It is written aside and renamed, so that a crash leaves the last good one.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from zipfile import BadZipFile

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from triaged.errors import ConfigError
from triaged.lab.networks.multitask import LEVEL_MARK

CHECKPOINT: Final = "checkpoint.pt"
UNREADABLE: Final = (OSError, RuntimeError, KeyError, ValueError, EOFError, BadZipFile, pickle.UnpicklingError)
GRAPH: Final = ".onnx"
HALVED: Final = ".half"
"""How an exported graph calls a tensor that it keeps in half precision."""
WITHIN: Final = "inner."
"""How it calls what belongs to a network that computes on half of the side."""
BODIES: Final = ("segmentation.body.", "segmenter.body.", "body.")
"""How the encoder and decoder are called in the multitask networks and in a network of its own."""


class Part(Protocol):
    """What has a state: a network, an optimiser, a scaler."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Take a state over."""
        ...


def save(parts: Mapping[str, Part], step: int, path: Path) -> None:
    """Write the state of each part after `step` steps."""
    part = path.with_suffix(".part")
    torch.save({**{name: each.state_dict() for name, each in parts.items()}, "step": step}, part)
    os.replace(part, path)


def resume(parts: Mapping[str, Part], path: Path) -> int:
    """Bring each part into the state of a checkpoint, and return its step: 0 where there is no such file.

    Raises:
        ConfigError: the file is no checkpoint, or one of another network or optimiser.
    """
    if not path.exists():
        return 0
    state = _read(path)
    missing = {*parts, "step"} - set(state)
    if missing:
        raise ConfigError(f"{path}: expected a checkpoint with {', '.join(sorted(missing))}, found {_named(state)}")
    for name, part in parts.items():
        try:
            part.load_state_dict(state[name])
        except (RuntimeError, ValueError, KeyError) as error:
            first, *others = str(error).splitlines()
            told = others[0].strip() if others else first
            raise ConfigError(
                f"{path}: expected the {name} of this training, found another: {told}; "
                f"give the same network and width, another folder, or --fresh"
            ) from error
    return int(state["step"])


def network_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of the network in a checkpoint, or in a graph (.onnx) that this project exported, by name.

    Raises:
        ConfigError: the file is missing, or neither.
    """
    if path.suffix == GRAPH:
        return _stored(path)
    state = _read(path)
    if not isinstance(state.get("network"), dict):
        raise ConfigError(f"{path}: expected a checkpoint with network, found {_named(state)}")
    return dict(state["network"])


def take_over(network: nn.Module, path: Path) -> int:
    """Copy every tensor of a checkpoint that fits into `network`, and return how many did.

    A tensor fits where name and shape are equal; the encoder and decoder of a lung network, a U-Net and a multitask
    network count as one. The kernels of a stem that knows fewer channels fill the first ones, and zeros the rest.

    Raises:
        ConfigError: the file is missing, no checkpoint, or nothing in it fits.
    """
    given = {_common(name): tensor for name, tensor in network_state(path).items()}
    own = network.state_dict()
    fitting = {
        name: found
        for name, tensor in own.items()
        if name != LEVEL_MARK and (found := _fitted(given.get(_common(name)), tensor)) is not None
    }
    if not any(tensor.dim() for tensor in fitting.values()):
        raise ConfigError(f"{path}: expected tensors that fit {type(network).__name__} of this width, found none")
    network.load_state_dict({**own, **fitting})
    return len(fitting)


def _fitted(given: Tensor | None, own: Tensor) -> Tensor | None:
    """Return the given tensor in the shape of the network's own, or None where it does not fit."""
    if given is None or given.shape == own.shape:
        return given
    is_wider = given.dim() == own.dim() == 4 and given.shape[1] < own.shape[1]
    if not is_wider or given[:, :1].shape != own[:, :1].shape:
        return None
    return torch.cat([given, torch.zeros_like(own[:, given.shape[1] :])], dim=1)


def _stored(path: Path) -> dict[str, Tensor]:
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise ConfigError(f"{path}: expected a graph, found {error}") from error
    values = {
        tensor.name.removeprefix(WITHIN).removesuffix(HALVED): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
    }
    return {name: torch.from_numpy(value.copy()).float() for name, value in values.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ConfigError(f"{path}: expected a checkpoint, found {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise ConfigError(f"{path}: expected a checkpoint, found {type(state).__name__}")
    return state


def _common(name: str) -> str:
    for body in BODIES:
        if name.startswith(body):
            return BODIES[-1] + name.removeprefix(body)
    return name


def _named(state: Mapping[str, Any]) -> str:
    return ", ".join(str(name) for name in list(state)[:5]) or "nothing"
