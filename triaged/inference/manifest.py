"""Says what all model packages share: who made them, what they may be used for, their graphs and their parts.

Must not know onnxruntime, torch, images, or any one kind of network. A package is a folder with `manifest.yaml`, the
ONNX files that it names, and `CARD.md`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from triaged.errors import ModelRefused
from triaged.inference.strict_mapping import StrictMapping
from triaged.study.coding import Code

MANIFEST_NAME: Final = "manifest.yaml"
SHA256: Final = re.compile(r"[0-9a-f]{64}")
DEVICE_UID: Final = re.compile(r"2\.25\.(0|[1-9][0-9]{0,38})")
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

Shape: TypeAlias = tuple[int | str, ...]
"""Sizes of the axes of a tensor: a number is fixed, a name is free, and equal names mean equal sizes."""


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """One ONNX graph of the package, its digest in lower case, and the shapes of its tensors in the graph's order."""

    path: Path
    sha256: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Tensors:
    """The shapes of the only input and the only output of a graph; see `Shape`."""

    input: Shape
    output: Shape


@dataclass(frozen=True, slots=True)
class Part:
    """Another package that this one is made of; `sha256` is the identity of its model.

    `where` is the file and line that name it, for messages.
    """

    folder: Path
    sha256: str
    where: str


class Settings(Protocol):
    """What the manifests of one kind say beyond what all do; a frozen value."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model, as texts; derived UIDs rest on them, so they never change their form."""


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Manifest(Generic[S]):
    """A model package as its author declares it.

    `method` is named as a row of the paper's table (Goncharov et al., table 3). `device_uid` is this version as a
    device, in 2.25 form (PS3.5 B.2). `codes` are the concepts that the outputs segment or tell, by name of output;
    `graphs` and `parts` are in the order that the kind names them.
    """

    name: str
    version: str
    kind: str
    method: str
    licence: str
    terms: str
    trained_on: str
    device_uid: str
    codes: Mapping[str, Code]
    graphs: Mapping[str, NetworkFile]
    parts: Mapping[str, Part]
    settings: S


def read_codes(section: StrictMapping) -> Mapping[str, Code]:
    """Return coded concepts by name; raise ModelRefused otherwise, as do all readers below."""
    codes = {}
    for name in section.names():
        entry = section.section(name)
        codes[name] = Code(entry.text("value"), entry.text("scheme"), entry.text("meaning"))
        entry.close()
    return MappingProxyType(codes)


def read_graphs(
    section: StrictMapping, folder: Path, names: tuple[str, ...], tensors: Mapping[str, Tensors]
) -> Mapping[str, NetworkFile]:
    """Return the graphs of these names, and of no others; those in `tensors` have to have such shapes."""
    graphs = {name: _network(section.section(name), folder, tensors.get(name)) for name in names}
    section.close()
    return MappingProxyType(graphs)


def read_parts(section: StrictMapping, beside: Path, names: tuple[str, ...]) -> Mapping[str, Part]:
    """Return the parts of these names, and of no others; their packages lie in the folder `beside`."""
    parts = {name: _part(section.section(name), beside, section.where_is(name)) for name in names}
    section.close()
    return MappingProxyType(parts)


def _network(section: StrictMapping, folder: Path, expected: Tensors | None) -> NetworkFile:
    file = section.matching("file", PLAIN_NAME, "the name of a file in the package's folder")
    digest = section.matching("sha256", SHA256, "64 lower-case hexadecimal digits")
    inputs, outputs = (_shapes(section.section(side)) for side in ("inputs", "outputs"))
    if expected is not None:
        _demand(section, "inputs", inputs, expected.input)
        _demand(section, "outputs", outputs, expected.output)
    section.close()
    return NetworkFile(folder / file, digest, inputs, outputs)


def _part(section: StrictMapping, beside: Path, where: str) -> Part:
    folder = section.matching("package", PLAIN_NAME, "the name of a package's folder beside this one's")
    digest = section.matching("sha256", SHA256, "64 lower-case hexadecimal digits")
    part = Part(beside / folder, digest, where)
    section.close()
    return part


def _shapes(section: StrictMapping) -> Mapping[str, Shape]:
    shapes = {name: section.shape(name) for name in section.names()}
    if not shapes:
        raise ModelRefused(f"{section.where}: expected at least one tensor, found none")
    return MappingProxyType(shapes)


def _demand(section: StrictMapping, side: str, found: Mapping[str, Shape], expected: Shape) -> None:
    """Refuse other tensors than one of the expected sizes, free where those are names."""
    if not (len(found) == 1 and _fits(next(iter(found.values())), expected)):
        listed = "; ".join(f"[{', '.join(map(str, shape))}]" for shape in found.values())
        raise section.refusal(side, f"expected one tensor [{', '.join(map(str, expected))}], found {listed}")


def _fits(found: Shape, expected: Shape) -> bool:
    return len(found) == len(expected) and all(
        isinstance(size, str) if isinstance(wanted, str) else size == wanted
        for size, wanted in zip(found, expected, strict=True)
    )
