"""Reads a YAML mapping strictly: keys are asked for by type, and what nobody asked for is an error with its line."""

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from triaged.errors import ModelRefused


class StrictMapping:
    """One mapping of a manifest, which remembers its place in the file and which of its keys have been read."""

    def __init__(self, mapping: CommentedMap, path: Path, name: str) -> None:
        self._mapping, self._path, self._name = mapping, path, name
        self._read: set[str] = set()

    @property
    def where(self) -> str:
        """File and line of the section, for messages."""
        return f"{self._path}:{self._mapping.lc.line + 1}: {self._name or 'manifest'}"

    def names(self) -> tuple[str, ...]:
        """Return the keys in the order of the file."""
        return tuple(str(key) for key in self._mapping)

    def text(self, key: str) -> str:
        """Return a non-empty string; raise ModelRefused otherwise, as do all methods below."""
        value = self._value(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(key, f"expected text, found {value!r}")
        return str(value).strip()

    def matching(self, key: str, pattern: re.Pattern[str], meaning: str) -> str:
        """Return a string that `pattern` matches whole; `meaning` says in words what was expected."""
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise self.refusal(key, f"expected {meaning}, found {value!r}")
        return value

    def share(self, key: str) -> float:
        """Return a number strictly between 0 and 1."""
        value = self._number(key, self._value(key))
        if not 0 < value < 1:
            raise self.refusal(key, f"expected a number between 0 and 1, found {value}")
        return value

    def pair(self, key: str) -> tuple[float, float]:
        """Return two finite numbers."""
        values = self.numbers(key)
        if len(values) != 2:
            raise self.refusal(key, f"expected two numbers, found {len(values)} items")
        return values[0], values[1]

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        return tuple(self._number(key, value) for value in self._list(key))

    def shape(self, key: str) -> tuple[int | str, ...]:
        """Return a list of positive sizes and names of free axes."""
        values = self._list(key)
        for value in values:
            named = isinstance(value, str) and value.isidentifier()
            sized = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if not (named or sized):
                raise self.refusal(key, f"expected a positive size or the name of an axis, found {value!r}")
        return tuple(int(value) if isinstance(value, int) else str(value) for value in values)

    def number(self, key: str) -> float:
        """Return a finite number."""
        return self._number(key, self._value(key))

    def one_of(self, key: str, names: Collection[str]) -> str:
        """Return one of these names."""
        value = self.text(key)
        if value not in names:
            raise self.refusal(key, f"expected {' or '.join(names)}, found {value}")
        return value

    def some_of(self, key: str, names: Collection[str]) -> tuple[str, ...]:
        """Return a list of at least one of these names, each of them once."""
        values = self._list(key)
        for value in values:
            if value not in names:
                raise self.refusal(key, f"expected names out of {', '.join(names)}, found {value!r}")
        if not values or len(set(values)) < len(values):
            raise self.refusal(key, f"expected at least one name, each once, found {', '.join(values) or 'none'}")
        return tuple(str(value) for value in values)

    def sections(self, key: str) -> "list[StrictMapping]":
        """Return the mappings of the list under `key`, at least one."""
        values = self._list(key)
        if not values or not all(isinstance(value, CommentedMap) for value in values):
            raise self.refusal(key, f"expected a list of mappings, found {values!r}")
        names = (f"{self._name}.{key}[{number}]".strip(".") for number in range(len(values)))
        return [StrictMapping(value, self._path, name) for value, name in zip(values, names, strict=True)]

    def section(self, key: str) -> "StrictMapping":
        """Return the mapping under `key`."""
        value = self._value(key)
        if not isinstance(value, CommentedMap):
            raise self.refusal(key, f"expected a mapping, found {value!r}")
        return StrictMapping(value, self._path, f"{self._name}.{key}".strip("."))

    def close(self) -> None:
        """Raise ModelRefused when a key of the section was never read."""
        for key in self.names():
            if key not in self._read:
                raise self.refusal(key, f"unknown key, expected one of {', '.join(sorted(self._read))}")

    def refusal(self, key: str, problem: str) -> ModelRefused:
        """Return the error that points at `key`, or at the section where the key is missing."""
        return ModelRefused(f"{self.where_is(key)}: {problem}")

    def where_is(self, key: str) -> str:
        """Return file and line of `key`, or of the section where the key is missing, for messages."""
        line = self._mapping.lc.key(key)[0] if key in self._mapping else self._mapping.lc.line
        full_name = f"{self._name}.{key}".strip(".")
        return f"{self._path}:{line + 1}: {full_name}"

    def _value(self, key: str) -> Any:
        if key not in self._mapping:
            raise self.refusal(key, "expected this key, found none")
        self._read.add(key)
        return self._mapping[key]

    def _list(self, key: str) -> list[Any]:
        value = self._value(key)
        if not isinstance(value, list):
            raise self.refusal(key, f"expected a list, found {value!r}")
        return list(value)

    def _number(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refusal(key, f"expected a number, found {value!r}")
        return float(value)


def read_mapping(path: Path) -> StrictMapping:
    """Return the top mapping of a YAML file; raise ModelRefused where there is none."""
    try:
        content = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{path}: expected a readable manifest, found {error}") from error
    except YAMLError as error:
        raise ModelRefused(f"{path}: expected YAML, found {error}") from error
    if not isinstance(content, CommentedMap):
        raise ModelRefused(f"{path}: expected a mapping, found {type(content).__name__}")
    return StrictMapping(content, path, "")
