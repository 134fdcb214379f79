"""Reads and loads model packages and the packages that they are made of; must not know any one kind."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from triaged.errors import ModelRefused
from triaged.inference.graphs import Device, load_graphs
from triaged.inference.identity import model_sha256
from triaged.inference.kinds.kind import Kind, Kinds, Networks
from triaged.inference.kinds.table import KINDS
from triaged.inference.manifest import (
    DEVICE_UID,
    MANIFEST_NAME,
    Manifest,
    Part,
    S,
    read_codes,
    read_graphs,
    read_parts,
)
from triaged.inference.strict_mapping import StrictMapping, read_mapping

N = TypeVar("N", bound=Networks)


def load_package(
    folder: Path,
    device: Device,
    threads: int,
    kinds: Kinds[Networks] = KINDS,
    among: Collection[str] | None = None,
) -> Networks:
    """Return the networks of the model package in `folder`, ready to run; see `load_graphs` for the rest.

    `among` names the kinds that it may be of, where its place asks for some; its parts may be of any.

    Raises:
        ModelRefused: as `read_manifest` and `load_graphs`; or a part is not the package that the manifest means, does
            not fit its place, or is made of this one.
    """
    wanted = kinds if among is None else {name: kinds[name] for name in among if name in kinds}
    return _load(read_manifest(folder, wanted), device, threads, kinds, (folder.absolute().name,))


def load_of_kind(kind: Kind[Any, N], folder: Path, device: Device, threads: int) -> N:
    """Return what `load_package` does, of a package that has to be of one kind without parts."""
    kinds = {kind.name: kind}
    return _load(read_manifest(folder, kinds), device, threads, kinds, (folder.absolute().name,))


def read_manifest(folder: Path, kinds: Kinds[Networks] = KINDS) -> Manifest[Any]:
    """Return the manifest of the model package in `folder`.

    Raises:
        ModelRefused: the manifest is missing, lacks a key, has an unknown one, or a value is not what it must be;
            the message names file and line.
    """
    section = read_mapping(folder / MANIFEST_NAME)
    name = section.text("kind")
    if name not in kinds:
        raise section.refusal("kind", f"expected {' or '.join(kinds)}, found {name}")
    manifest = _manifest(section, folder, kinds[name])
    section.close()
    return manifest


def _manifest(section: StrictMapping, folder: Path, kind: Kind[S, Networks]) -> Manifest[S]:
    settings = kind.read_settings(section)
    graphs = kind.graphs(settings) if callable(kind.graphs) else kind.graphs
    return Manifest(
        name=section.text("name"),
        version=section.text("version"),
        kind=kind.name,
        method=section.text("method") if "method" in section.names() else kind.method,
        licence=section.text("licence"),
        terms=section.text("terms"),
        trained_on=section.text("trained_on"),
        device_uid=section.matching("device_uid", DEVICE_UID, "a UID of the form 2.25.<integer>"),
        settings=settings,
        codes=read_codes(section.section("codes")),
        graphs=read_graphs(section.section("networks"), folder, graphs, kind.tensors) if graphs else {},
        parts=_parts(section, folder, kind) if kind.parts else {},
    )


def _parts(section: StrictMapping, folder: Path, kind: Kind[Any, Networks]) -> Mapping[str, Part]:
    parts = section.section("parts")
    names = parts.names() if kind.parts == "any" else kind.parts
    if not names:
        raise section.refusal("parts", "expected at least one package, found none")
    return read_parts(parts, folder.absolute().parent, names)


def _load(manifest: Manifest[Any], device: Device, threads: int, kinds: Kinds[N], within: tuple[str, ...]) -> N:
    """Load parts first; `within` names the folders of the packages around this one, and its own."""
    inner = {name: _inner(part, name, manifest, kinds, within) for name, part in manifest.parts.items()}
    kinds[manifest.kind].demand_parts(manifest, inner)
    parts = {
        name: _load(inner[name], device, threads, kinds, (*within, part.folder.name))
        for name, part in manifest.parts.items()
    }
    return kinds[manifest.kind].load(manifest, load_graphs(manifest.graphs, device, threads), parts)


def _inner(
    part: Part, name: str, manifest: Manifest[Any], kinds: Kinds[Networks], within: tuple[str, ...]
) -> Manifest[Any]:
    """Return the manifest of a part that is the package which is meant, and is not made of this one."""
    if part.folder.name in within:
        made_of = " > ".join((*within, part.folder.name))
        raise ModelRefused(f"{part.where}: expected a package that is not made of itself, found {made_of}")
    inner = read_manifest(part.folder, kinds)
    if (found := model_sha256(inner)) != part.sha256:
        expected = f"expected the model {part.sha256} in {part.folder.name}, part {name} of {manifest.name}"
        raise ModelRefused(f"{part.where}: {expected}, found {found}")
    return inner
