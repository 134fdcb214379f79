"""What the packages have in common that stand beside the package of their lungs, their part `reader`.

Their labels, the checkpoints that their networks come from, and their manifests. Must not know any one kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from torch import nn

from triaged.errors import ConfigError
from triaged.inference.identity import model_sha256
from triaged.inference.kinds.reader import READER
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import read_manifest
from triaged.lab.packages.members import COMMON, read_said
from triaged.lab.packages.packaging import CODES
from triaged.lab.training.checkpoints import network_state
from triaged.lab.training.order import RECORD
from triaged.lab.training.presets import Subject
from triaged.lab.training.trained import latest

N = TypeVar("N", bound=nn.Module)


def read_label(label: Path, kind: str, settings: Collection[str], network: str = "") -> Mapping[str, Any]:
    """Return what a label of a kind says: the common part, these settings, and where `network` and reader come from.

    Raises:
        ConfigError: it is missing, says more or less, or is of another kind.
    """
    said = read_said(label)
    named = {"networks": network, "parts": READER} if network else {}
    wanted = {*COMMON, *settings, *named}
    if set(said) != wanted or said["kind"] != kind:
        raise ConfigError(f"{label}: expected kind: {kind} and {', '.join(sorted(wanted))}")
    for key, name in named.items():
        if not isinstance(said[key], dict) or set(said[key]) != {name}:
            raise ConfigError(f"{label}: {key}: expected {name} alone, found {said[key]}")
    return said


def reader_beside(folder: Path, name: str) -> dict[str, Any]:
    """Return how the manifest of a package in `folder` names its reader; raise ModelRefused where there is none."""
    reader = read_manifest(folder.absolute().parent / name)
    return {READER: {"package": name, "sha256": model_sha256(reader)}}


def read_checkpoint(
    folder: Path, subjects: Collection[Subject], build: Callable[[Mapping[str, Any], Mapping[str, Any]], N], what: str
) -> tuple[N, Mapping[str, Any]]:
    """Return a network as a training left it in a folder, and what the training was; `build` gets that and the tensors.

    Raises:
        ConfigError: what the training was is not known, it was of another subject, or the checkpoint is missing.
    """
    record, checkpoint = folder / RECORD, latest(folder)
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        subject = Subject(told["subject"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{record}: expected what {what} was trained as: {error}") from error
    if subject not in subjects:
        expected = f"one of {', '.join(subjects)}" if len(subjects) > 1 else ", ".join(subjects)
        raise ConfigError(f"{record}: expected {expected}, found {subject}")
    state = network_state(checkpoint)
    try:
        network = build(told, state)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{record}: expected what {what} was trained as: {error}") from error
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(f"{checkpoint}: expected the tensors of {subject}, found others") from error
    return network.eval(), told


def write_manifest(
    folder: Path,
    own: Mapping[str, Any],
    entries: Mapping[str, Any],
    reader: Mapping[str, Any],
    coded: Collection[str] = tuple(CODES),
) -> None:
    """Write a manifest of what a package says of itself, its graphs, its reader, and the concepts of what it tells."""
    codes = {name: CODES[name] for name in coded}
    manifest = {
        **own,
        "codes": {
            name: {"value": code.value, "scheme": code.scheme, "meaning": code.meaning} for name, code in codes.items()
        },
        "networks": dict(entries),
        "parts": dict(reader),
    }
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump(manifest, file)
