"""Read `config.yaml`; the only reader of settings.

An unknown key or a wrong value is an error that names file, line, key and what was expected; all mistakes are listed
together. Must not know what the settings mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from triaged.config.access import SECRET
from triaged.config.bounds import MOST_BYTES, TooMuch, demand_small
from triaged.config.hiding import without_passwords
from triaged.config.objects import SECRET as SECRET_OF_BUCKET
from triaged.config.references import NoValue, Place, Secrets, passwords_in, resolved
from triaged.config.settings import Config
from triaged.errors import ConfigError

DEFAULT_FILE = Path("config.yaml")
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class _Problem:
    line: int
    text: str


def load(path: Path) -> Config:
    """Return the configuration that the file at `path` holds; an empty file means every default.

    So does a `config.yaml` of the working directory that is not there: it is the name that nobody has to give. Relative
    paths are relative to the file's folder.

    Raises:
        ConfigError: the file cannot be read or has mistakes; the message lists each with its line.
    """
    return parse(read_text(path), path)


def read_text(path: Path) -> str:
    """Return the text of a configuration file, which is empty where nobody named one and there is none.

    Raises:
        ConfigError: it cannot be read, is longer than any configuration, or is not UTF-8.
    """
    if is_absent_default(path):
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable configuration file, found: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: expected a configuration file of at most {MOST_BYTES // 1024} KiB, found more")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: expected UTF-8 text, found the byte 0x{content[error.start]:02X}") from None


def parse(text: str, path: Path, known: Mapping[str, str] | None = None) -> Config:
    """Return what the text of the file at `path` means; raises `ConfigError` as `load`.

    References are looked up, or are `known` where somebody did so before.
    """
    tree = _tree(text, path)
    folder = path.resolve().parent
    try:
        given, places, values = resolved(_plain(tree or {}), folder, known)
    except NoValue as error:
        raise ConfigError(f"{path}:{_line(tree, error.place)}: {_key(error.place)}: {error}") from None
    # Sections that are left out are validated too, so that their paths become relative to the file.
    plain: dict[str, Any] = {
        name: {} for name, field in Config.model_fields.items() if list(_models(field.annotation)) == [field.annotation]
    }
    plain |= {key: value for key, value in given.items() if value is not None}
    try:
        config = Config.model_validate(plain, context={"folder": folder, "references": frozenset(places)})
    except ValidationError as error:
        hide = Secrets(values, tuple(_passwords(given))).hide
        found = error.errors()
        problems = sorted(
            (_problem(tree, each, places) for each in found[:_MOST_PROBLEMS]), key=lambda problem: problem.line
        )
        lines = [hide(f"{path}:{problem.line}: {problem.text}") for problem in problems]
        more = [f"{path}: {len(found) - len(lines)} more mistakes"] if len(found) > len(lines) else []
        raise ConfigError("\n".join([*lines, *more])) from None
    return config.keeping(Secrets(values, tuple(_passwords(given))))


def _passwords(node: object) -> Iterator[str]:
    """Yield the passwords that stand in addresses of the file itself."""
    if isinstance(node, str):
        yield from passwords_in(node)
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _passwords(value)
    elif isinstance(node, Sequence):
        for value in node:
            yield from _passwords(value)


def is_absent_default(path: Path) -> bool:
    """Tell whether nobody named a configuration file and there is none, so that the defaults are in force."""
    return path == DEFAULT_FILE and not path.exists()


def line_finder(text: str) -> Callable[[Sequence[str | int]], int]:
    """Return what finds the line of a key in a text that is YAML: that of the deepest part that is there."""
    tree = _tree(text, Path())
    return lambda place: _line(tree, place)


def _tree(text: str, path: Path) -> CommentedMap | None:
    try:
        demand_small(text)
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        raise ConfigError(_not_yaml(error, path)) from None
    except TooMuch as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"found the control character U+{ord(text[error.position]):04X}"
        raise ConfigError(f"{path}:{line}: expected YAML, {found}") from None
    except (YAMLError, TypeError, ValueError, RecursionError) as error:  # TypeError: a mapping as a key
        raise ConfigError(f"{path}:1: expected YAML, {_first_line(str(error))}") from None
    if tree is not None and not isinstance(tree, CommentedMap):
        raise ConfigError(f"{path}:1: expected a mapping of sections, found {_shown(tree)}")
    return tree


def _not_yaml(error: MarkedYAMLError, path: Path) -> str:
    """Say what is no YAML and where; where that began earlier, such as a bracket that is not closed, that too."""
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    line = mark.line + 1 if mark is not None else 1
    expected = "each key once" if isinstance(error, DuplicateKeyError) else "YAML"
    problem = _first_line(error.problem)
    found = problem if problem.startswith("found") else f"found: {problem}"
    where = f" (in what begins in line {began.line + 1})" if began is not None and began.line + 1 < line else ""
    return f"{path}:{line}: expected {expected}, {found}{where}"


def _first_line(text: str | None) -> str:
    line = (text or "found something else").strip().splitlines()[0]
    return without_passwords(line)


def _plain(node: object) -> Any:
    """Strip the parser's own types, so that the strict models see what a person wrote."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return [_plain(item) for item in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _problem(tree: CommentedMap | None, details: ErrorDetails, places: Mapping[Place, str]) -> _Problem:
    context = details.get("ctx", {})
    relation = details["type"] == "expected" and isinstance(details["input"], dict)
    place = (*details["loc"], *context.get("place", ()))
    key, line = _key(place), _line(tree, place)
    if details["type"] == "extra_forbidden":
        return _Problem(line, f"{key}: unknown key; {_known_keys(place)}")
    if details["type"] == "missing":
        return _Problem(line, f"{key}: expected this key, found none")
    if details["type"] == "refused":
        return _Problem(line, f"{key}.{details['msg']}")
    shown = f"the value of {places[place]}" if place in places else _shown(details["input"])
    if place in (SECRET, SECRET_OF_BUCKET):
        shown = "another value"
    found = "" if relation else f", found {shown}"
    return _Problem(line, f"{key}: expected {_expected(details)}{found}")


def _key(place: Sequence[str | int]) -> str:
    """Return a key as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _line(tree: object, place: Sequence[str | int]) -> int:
    """Return the line of the deepest part of `place` that the file has."""
    line = 1
    for part in place:
        if isinstance(tree, CommentedMap) and part in tree:
            line = tree.lc.key(part)[0] + 1
        elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
            line = tree.lc.item(part)[0] + 1
        else:
            break
        tree = tree[part]
    return line


_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "path_type": "a path",
    "tuple_type": "a list",
    "model_type": "a section of keys",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "expected": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}


def _expected(details: ErrorDetails) -> str:
    template = _EXPECTED.get(details["type"])
    return details["msg"] if template is None else template.format(**details.get("ctx", {}))


def _known_keys(place: Sequence[str | int]) -> str:
    known = list(_section(place[:-1]).model_fields)
    nearest = difflib.get_close_matches(str(place[-1]), known, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    return f"{hint}expected one of {', '.join(known)}"


def _section(place: Sequence[str | int]) -> type[BaseModel]:
    """Return the model that validates the mapping at `place`."""
    section: type[BaseModel] = Config
    for part in place:
        if isinstance(part, str):
            section = next(_models(section.model_fields[part].annotation))
    return section


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a section of keys"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    text = without_passwords(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
