"""Values that stand elsewhere: `${NAME}` in the environment, `{file: PATH}` in a file, such as a secret of the service.

Only a whole value is a reference. What it stands for is never shown: messages, the log and pages have the reference in
its place. Knows no settings.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

_NAME: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_BYTES: Final = 64 * 1024
_LEAST_HIDDEN: Final = 4
"""Shorter values are in too many words to be hidden wherever they stand; where they are quoted they are left out."""
_ARE_NAMES: Final = (("retired",), ("web", "groups"), ("access", "oidc", "roles"), ("access", "oidc", "sites"))
"""Mappings whose keys a site chooses: there `file` is a name."""

Place = tuple[str | int, ...]


class NoValue(Exception):
    """What a reference stands for is not there; `place` is where in the configuration it is written."""

    def __init__(self, expected: str, place: Place) -> None:
        super().__init__(expected)
        self.place = place


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is not to be shown: values by their references, and passwords that stand in the file itself."""

    values: Mapping[str, str] = field(default_factory=dict)
    inline: tuple[str, ...] = ()

    def hide(self, text: str) -> str:
        """Return a text with the references in the place of values, in whatever way those are written."""
        for value, reference in self._forms():
            if value in text:
                text = text.replace(value, reference)
        return text

    def _forms(self) -> Iterator[tuple[str, str]]:
        """Yield every way in which a value may be written with what stands for it, the longest first."""
        forms: dict[str, str] = {}
        for reference, value in self.values.items():
            for each in (value, *passwords_in(value)):
                forms |= dict.fromkeys(_written(each), reference)
        for value in self.inline:
            forms |= dict.fromkeys(_written(value), "...")
        return iter(sorted(forms.items(), key=lambda form: -len(form[0])))


NO_SECRETS: Final = Secrets()


def resolved(
    tree: Mapping[str, Any], folder: Path, known: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], Mapping[Place, str], Mapping[str, str]]:
    """Return the tree with values in the place of references, where each of those stood, and what they stand for.

    `known` are values that were looked up before, and no other is then. Relative paths are relative to `folder`; a file
    of that name among the credentials that systemd gives this service comes first.

    Raises:
        NoValue: a variable or a file is not there, or a reference is a part of a value.
    """
    places: dict[Place, str] = {}
    values: dict[str, str] = {}

    def walk(node: Any, place: Place) -> Any:
        reference = _reference(node, place)
        if reference is not None:
            places[place] = reference
            values[reference] = _value(node, place, folder) if known is None else known[reference]
            return values[reference]
        if isinstance(node, Mapping):
            return {key: walk(value, (*place, key)) for key, value in node.items()}
        if isinstance(node, Sequence) and not isinstance(node, str | bytes):
            return [walk(value, (*place, number)) for number, value in enumerate(node)]
        return node

    return {key: walk(value, (key,)) for key, value in tree.items()}, places, values


def passwords_in(value: str) -> list[str]:
    """Return the password of an address, as it is written and as it is meant; nothing where there is none."""
    _, separator, rest = value.partition("://")
    user, at, _ = rest.rpartition("@")
    _, colon, password = user.partition(":")
    return list(dict.fromkeys((password, unquote(password)))) if separator and at and colon and password else []


def _reference(node: Any, place: Place) -> str | None:
    """Return how a reference is shown, or None where this is none; raises `NoValue` where it is a part of a value."""
    if isinstance(node, str):
        if _NAME.fullmatch(node):
            return node
        if found := _NAME.search(node):
            raise NoValue(f"expected {found[0]} as the whole value, found other characters beside it", place)
    if isinstance(node, Mapping) and list(node) == ["file"] and isinstance(node["file"], str):
        return None if place in _ARE_NAMES else f"{{file: {node['file']}}}"
    return None


def _value(node: Any, place: Place, folder: Path) -> str:
    if isinstance(node, str):
        name = node[2:-1]
        if name not in os.environ:
            raise NoValue(f"expected the environment variable {name}, found none", place)
        return os.environ[name]
    path = _path(str(node["file"]), folder)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise NoValue(f"expected a readable file at {path}, found: {error.strerror}", place) from None
    except UnicodeDecodeError:
        raise NoValue(f"expected UTF-8 text in {path}, found other bytes", place) from None
    if not text or len(content) > _MOST_BYTES:
        raise NoValue(f"expected 1 to {_MOST_BYTES} bytes in {path}, found {'more' if text else 'none'}", place)
    return text


def _path(name: str, folder: Path) -> Path:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and "/" not in name and (given := Path(credentials) / name).exists():
        return given
    return folder / Path(name).expanduser()


def _written(value: str) -> Iterator[str]:
    """Yield a value as it stands in plain text, in Python, in JSON, and in an address."""
    if len(value) >= _LEAST_HIDDEN:
        yield from (value, repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
        yield from (quote(value), quote(value, safe=""))
        yield from (line for line in value.splitlines() if len(line) >= _LEAST_HIDDEN)
