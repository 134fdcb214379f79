"""The settings as JSON Schema, for editors, made from the models that validate the file.

It allows what the file may have beside the models: references in the place of texts, sections without keys, and the
short forms of conditions. Relations between keys are not in it: `triaged check` finds those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from triaged.config.settings import Config

Node = dict[str, Any]

_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
_SHORT: Final[Mapping[str, Node]] = {
    "TextSection": _TEXT,
    "AgeSection": _NUMBER,
    "SliceSection": _NUMBER,
    "CountSection": _NUMBER,
    "DateSection": {"type": "string", "format": "date"},
}
"""Conditions that may be written as a value, or a list of such, instead of a mapping of operators."""
_CONDITIONS: Final = frozenset({*_SHORT, "WhenSection"})
_REFERENCE: Final[Node] = {
    "description": "A value that stands elsewhere: the text in a file.",
    "type": "object",
    "properties": {"file": {"type": "string"}},
    "required": ["file"],
    "additionalProperties": False,
}
_VARIABLE: Final[Node] = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}


def schema() -> Node:
    """Return the JSON Schema (2020-12) of `config.yaml`."""
    made = Config.model_json_schema()
    sections = {name: _section(name, node) for name, node in made["$defs"].items()}
    properties = {key: _nullable(_opened(node)) for key, node in made["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.yaml of triaged",
        "description": made["description"],
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": {"Reference": _REFERENCE, "Variable": _VARIABLE, **sections},
    }


def _section(name: str, node: Node) -> Node:
    opened: Node = _opened(node)
    if name in _CONDITIONS:
        opened["properties"] = {key: _listed(each) for key, each in opened["properties"].items()}
    return opened


def _opened(node: Any) -> Any:
    """Return a node without titles and defaults of whole sections, and with references in the place of texts."""
    if isinstance(node, list):
        return [_opened(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:
        kept = {key: _opened(each) for key, each in node["properties"].items()}
        return {key: each for key, each in node.items() if key != "title"} | {"properties": kept}
    if "$ref" in node:
        return _short(node["$ref"])
    default = {"default": node["default"]} if "default" in node else {}
    plain = {key: _opened(each) for key, each in node.items() if key not in ("title", "default", "propertyNames")}
    if plain.get("type") == "string":
        return {"anyOf": [plain, *_references(plain)], **default}
    return plain | default


def _references(text: Node) -> list[Node]:
    is_free = not {"enum", "pattern", "maxLength", "format", "const"} & text.keys()
    return [{"$ref": "#/$defs/Reference"}, *([] if is_free else [{"$ref": "#/$defs/Variable"}])]


def _short(reference: str) -> Node:
    value = _SHORT.get(reference.rpartition("/")[2])
    if value is None:
        return {"$ref": reference}
    return {"anyOf": [{"$ref": reference}, value, {"type": "array", "items": value, "minItems": 1}]}


def _listed(node: Node) -> Node:
    """Return a node that takes one entry in the place of a list, as conditions do."""
    if node.get("type") == "array":
        return {"anyOf": [node, node["items"]]}
    return node | {"anyOf": [_listed(each) for each in node["anyOf"]]} if "anyOf" in node else node


def _nullable(node: Node) -> Node:
    """Return a section that may be there without keys."""
    return {"anyOf": [node, {"type": "null"}]}
