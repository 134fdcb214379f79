"""The commands `triaged config schema`, for editors, and `triaged config keys`, the table of all keys for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import typer

Node = dict[str, Any]

FIRST: Final = "0.1.0"
_NEXT: Final = "0.2.0"
SINCE: Final = {"access.oidc.sites": _NEXT, "rules[].then.site": _NEXT, "sites": _NEXT, "storage.objects": _NEXT}
"""The version since which a key is there, with all below it, for those that came after the first."""
_UNITS: Final = {
    "_bytes_per_s": "byte/s",
    "_s": "s",
    "_mb": "MiB",
    "_min": "min",
    "_h": "h",
    "_days": "days",
    "_mm": "mm",
    "_points": "percentage points",
}
_HEAD: Final = """# Configuration

Every key of `config.yaml`, printed by `triaged config keys` from the models that validate the file. What a key means
stands in [`config.yaml`](../config.yaml). `config.schema.json` (`triaged config schema`) lets editors complete and
check the file. A text may also be `${NAME}` or `{file: PATH}` ([security](security.md#secrets)).

*At a reload* names the roles that are started anew where the key changes in a running daemon
([operations](operations.md#the-life-of-a-configuration)).
"""


def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    typer.echo(schema_text(), nl=False)


def keys() -> None:
    """Print every key with its type, unit, default, and what a change of it does, as Markdown."""
    typer.echo(keys_text(), nl=False)


def schema_text() -> str:
    """Return the schema as it is kept in the repository."""
    from triaged.config.schema import schema as made

    return json.dumps(made(), indent=1, ensure_ascii=False) + "\n"


def keys_text() -> str:
    """Return the document of all keys."""
    from triaged.config.settings import Config

    made = Config.model_json_schema()
    lines = [_HEAD]
    for section, node in made["properties"].items():
        lines += [f"## {section}", ""]
        described = _target(node, made).get("description", "")
        lines += [" ".join(described.split()), ""] if described else []
        lines += ["| key | type | unit | default | at a reload | since |", "|---|---|---|---|---|---|"]
        lines += [_row(section, key, each, required, made) for key, each, required in _leaves(section, node, made)]
        lines.append("")
    return "\n".join(lines)


def _leaves(key: str, node: Node, made: Node, required: bool = False) -> Iterator[tuple[str, Node, bool]]:
    """Yield key and node of everything that has a value of its own, and whether it has to be given."""
    section = _target(node, made)
    if "properties" in section and not _is_short(section):
        needed = section.get("required", ())
        for name, each in section["properties"].items():
            default = node.get("default")
            said = each | ({"default": default[name]} if isinstance(default, dict) and name in default else {})
            yield from _leaves(f"{key}.{name}", said, made, name in needed)
    else:
        yield key, node, required
        for each in section.get("anyOf", [section]):
            if each.get("type") == "array" and "properties" in _target(each.get("items", {}), made):
                yield from _leaves(f"{key}[]", each["items"], made)


def _target(node: Node, made: Node) -> Node:
    """Return the node that a reference leads to, also where it may be left out."""
    others = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    if len(others) == 1:
        return _target(others[0], made)
    reference = node.get("$ref")
    return node if reference is None else _target(made["$defs"][reference.rpartition("/")[2]], made)


def _is_short(section: Node) -> bool:
    """Tell whether a section is a mapping of operators, which is one value for people."""
    return "equals" in section["properties"]


def _row(section: str, key: str, node: Node, required: bool, made: Node) -> str:
    name = key.rpartition(".")[2]
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
    default = "must be given" if required else _default(node)
    cells = (f"`{key}`", _type(node, made), unit, default, _reload(section, key), _since(key))
    return f"| {' | '.join(cells)} |"


def _since(key: str) -> str:
    plain = key.replace("[]", "")
    above = {each: version for each, version in SINCE.items() if f"{plain}.".startswith(f"{each.replace('[]', '')}.")}
    return above[max(above, key=len)] if above else FIRST


def _default(node: Node) -> str:
    if "default" not in node:
        return "none"
    value = node["default"]
    if isinstance(value, str) and value.startswith("/"):
        return "what is shipped with the program"
    return "none" if value in (None, [], {}, "") else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(node: Node, made: Node) -> str:
    target = _target(node, made)
    if "enum" in target or "const" in target:
        values = target.get("enum", [target.get("const")])
        return ", ".join(f"`{each if isinstance(each, str) else json.dumps(each)}`" for each in values)
    if "properties" in target:
        return "condition" if _is_short(target) else "section"
    if "anyOf" in target:
        return " or ".join(dict.fromkeys(_type(each, made) for each in target["anyOf"] if each.get("type") != "null"))
    if target.get("type") == "array":
        items = target.get("items") or target["prefixItems"][0]
        return "list of sections" if "properties" in _target(items, made) else f"list of {_type(items, made)}"
    if target.get("type") == "object":
        return f"mapping of names to {_type(target.get('additionalProperties', {}), made)}"
    return _scalar(target)


def _scalar(target: Node) -> str:
    if target.get("format") == "path":
        return "path"
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    words = names.get(str(target.get("type")), "value")
    bounds = [
        f"{said} {target[name]:g}"
        for name, said in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if name in target
    ]
    bounds += [f"below {target['exclusiveMaximum']:g}"] if "exclusiveMaximum" in target else []
    return f"{words} {' '.join(bounds)}" if bounds else words


def _reload(section: str, key: str) -> str:
    from triaged.daemon.changes import CONCERNS, RESTART
    from triaged.daemon.roles import Role

    if key in RESTART:
        return "**restart of the daemon**"
    roles = CONCERNS[section]
    if key in ("workers", "workers[].number"):
        return "workers are added or leave"
    if section == "workers":
        return Role.WORKER.value
    return "all roles" if roles == frozenset(Role) else ", ".join(role.value for role in Role if role in roles)
