"""Says what a model package is: its networks with their digests, and everything needed to feed and read them.

Must not know onnxruntime, torch or images. A package is a folder with `manifest.yaml`, the ONNX files that it names,
and `CARD.md`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from triaged.errors import ModelRefused
from triaged.inference.section import Section, read_section

MANIFEST_NAME: Final = "manifest.yaml"
KIND: Final = "ct-multitask"
SHA256: Final = re.compile(r"[0-9a-f]{64}")
DEVICE_UID: Final = re.compile(r"2\.25\.(0|[1-9][0-9]{0,38})")
PLAIN_FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

Shape: TypeAlias = tuple[int | str, ...]
"""Sizes of the axes of a tensor: a number is fixed, a name is free, and equal names mean equal sizes."""


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """One ONNX graph of the package.

    Attributes:
        sha256: lower-case hexadecimal digest of the whole file.
        inputs: shape by name of tensor, in the order of the graph; likewise `outputs`.
    """

    path: Path
    sha256: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Networks:
    """The three graphs of Multitask-Spatial-1.

    Attributes:
        lungs: slices to lung logits.
        backbone: slices to lesion logits and to in-plane pyramid cells.
        head: pyramid cells, pooled over the slices, to the identification logit.
    """

    lungs: NetworkFile
    backbone: NetworkFile
    head: NetworkFile


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which a voxel is lung or lesion, and a study is identified; each in (0, 1)."""

    lung: float
    lesion: float
    identification: float


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model package as its author declares it.

    Attributes:
        terms: for what the weights may be used, in words.
        trained_on: the images that the weights come from, in words.
        device_uid: UID of this version of the algorithm as a device, 2.25 form (PS3.5 B.2).
        spacing_mm: row and column spacing on which the networks work; the slice spacing stays as it is.
        window_hu: the HU that become 0 and 1.
        training_prior: share of positive studies that the identification head saw; its log-odds are taken off.
        codes: the concept that each output segments or tells, by name of output.
    """

    name: str
    version: str
    kind: str
    licence: str
    terms: str
    trained_on: str
    device_uid: str
    spacing_mm: tuple[float, float]
    window_hu: tuple[float, float]
    thresholds: Thresholds
    training_prior: float
    codes: Mapping[str, Code]
    networks: Networks


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the model package in `folder`.

    Raises:
        ModelRefused: the manifest is missing, lacks a key, has an unknown one, or a value is not what it must be;
            the message names file and line.
    """
    section = read_section(folder / MANIFEST_NAME)
    kind = section.text("kind")
    if kind != KIND:
        raise section.refusal("kind", f"expected {KIND}, found {kind}")
    manifest = Manifest(
        name=section.text("name"),
        version=section.text("version"),
        kind=kind,
        licence=section.text("licence"),
        terms=section.text("terms"),
        trained_on=section.text("trained_on"),
        device_uid=section.matching("device_uid", DEVICE_UID, "a UID of the form 2.25.<integer>"),
        spacing_mm=_spacing(section),
        window_hu=_window(section),
        thresholds=_thresholds(section.section("thresholds")),
        training_prior=section.share("training_prior"),
        codes=_codes(section.section("codes")),
        networks=_networks(section.section("networks"), folder),
    )
    section.close()
    return manifest


def _spacing(section: Section) -> tuple[float, float]:
    row, column = section.pair("spacing_mm")
    if not (row > 0 and column > 0):
        raise section.refusal("spacing_mm", f"expected two positive millimetres, found {row}, {column}")
    return row, column


def _window(section: Section) -> tuple[float, float]:
    low, high = section.pair("window_hu")
    if not low < high:
        raise section.refusal("window_hu", f"expected the lower HU first, found {low}, {high}")
    return low, high


def _thresholds(section: Section) -> Thresholds:
    thresholds = Thresholds(
        lung=section.share("lung"),
        lesion=section.share("lesion"),
        identification=section.share("identification"),
    )
    section.close()
    return thresholds


def _codes(section: Section) -> Mapping[str, Code]:
    codes = {}
    for name in section.names():
        entry = section.section(name)
        codes[name] = Code(entry.text("value"), entry.text("scheme"), entry.text("meaning"))
        entry.close()
    return MappingProxyType(codes)


def _networks(section: Section, folder: Path) -> Networks:
    networks = Networks(
        lungs=_network(section.section("lungs"), folder),
        backbone=_network(section.section("backbone"), folder),
        head=_network(section.section("head"), folder),
    )
    section.close()
    return networks


def _network(section: Section, folder: Path) -> NetworkFile:
    file = section.matching("file", PLAIN_FILE, "the name of a file in the package's folder")
    network = NetworkFile(
        path=folder / file,
        sha256=section.matching("sha256", SHA256, "64 lower-case hexadecimal digits"),
        inputs=_shapes(section.section("inputs")),
        outputs=_shapes(section.section("outputs")),
    )
    section.close()
    return network


def _shapes(section: Section) -> Mapping[str, Shape]:
    shapes = {name: section.shape(name) for name in section.names()}
    if not shapes:
        raise ModelRefused(f"{section.where}: expected at least one tensor, found none")
    return MappingProxyType(shapes)
