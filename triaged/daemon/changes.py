"""What another version of the configuration changes: in words, and whom it concerns. Changes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from triaged.config.hiding import without_passwords
from triaged.config.pools import PoolSection
from triaged.config.settings import Config
from triaged.config.values import Section
from triaged.daemon.roles import Role

_EVERYBODY: Final = frozenset(Role)
_READING: Final = frozenset({Role.WORKER, Role.ADVISER})

CONCERNS: Final[Mapping[str, frozenset[Role]]] = {
    "dicom": frozenset({Role.RECEIVER, Role.COURIER, Role.CLOCK, Role.WEB}),
    "storage": _EVERYBODY,
    "database": frozenset(),
    "destinations": frozenset({Role.WORKER, Role.ADVISER, Role.COURIER, Role.CLOCK, Role.WEB}),
    "pushes": frozenset({Role.COURIER, Role.WEB}),
    "retired": frozenset({Role.COURIER, Role.WEB}),
    "order_priority": frozenset({Role.CLOCK}),
    "retention": frozenset({Role.CLOCK}),
    "web": frozenset({Role.WEB}),
    "access": frozenset({Role.WEB}),
    "metrics": frozenset({Role.WEB}),
    "audit": _EVERYBODY,
    "rules": frozenset({Role.RECEIVER, Role.CLOCK, Role.WEB, *_READING}),
    "series": frozenset({Role.CLOCK, *_READING}),
    "sites": frozenset({Role.RECEIVER, Role.CLOCK, Role.WEB, *_READING}),
    "triage": frozenset({Role.RECEIVER, Role.CLOCK, Role.WEB, *_READING}),
    "models": frozenset({Role.CLOCK, Role.WEB, *_READING}),
    "inference": _READING,
    "pictures": frozenset({Role.WEB, *_READING}),
    "completion": frozenset({Role.CLOCK}),
    "workers": frozenset(),
    "worker": frozenset({Role.CLOCK, *_READING}),
    "delivery": frozenset({Role.RECEIVER, Role.COURIER, Role.CLOCK}),
    "logging": _EVERYBODY,
}
"""Which roles are started anew where a section changes; `workers` starts and ends some, and starts all anew only
where a pool says something else than how many."""

RESTART: Final = (
    "database.url",
    "storage.path",
    "storage.objects.endpoint",
    "storage.objects.bucket",
    "storage.objects.key_prefix",
)
"""What a running daemon does not change, because everything would have to be moved."""
_MOST = 40
_LONGEST = 80


def sections(before: Config, after: Config) -> list[str]:
    """Return the sections that differ, in the order of the settings."""
    return [name for name in Config.model_fields if getattr(before, name) != getattr(after, name)]


def concerned(changed: Sequence[str], before: Config, after: Config) -> frozenset[Role]:
    """Return the roles that are started anew where these sections change; workers where pools are more than numbers."""
    workers = {Role.WORKER} if _pools(before) != _pools(after) else ()
    return frozenset().union(*(CONCERNS[name] for name in changed), workers)


def _pools(config: Config) -> dict[str, PoolSection]:
    """Return the pools by name, without how many workers each has."""
    return {pool.name: pool.model_copy(update={"number": 1}) for pool in config.workers}


def needs_restart(before: Config, after: Config) -> list[str]:
    """Return the keys that differ and that take effect only when the whole daemon is started again."""
    old, new = dict(_values(before)), dict(_values(after))
    return [key for key in RESTART if old.get(key) != new.get(key)]


def difference(before: Config, after: Config) -> str:
    """Say what differs, one key a line, without passwords and secrets; nothing where nothing does."""

    def shown(value: Any) -> str:
        return _short(without_passwords(after.secrets.hide(before.secrets.hide(_said(value)))))

    old, new = dict(_values(before)), dict(_values(after))
    keys = [*old, *(key for key in new if key not in old)]
    lines = [_line(key, old, new, shown) for key in keys if old.get(key) != new.get(key)]
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([*lines[:_MOST], *more])


def _line(key: str, old: Mapping[str, Any], new: Mapping[str, Any], shown: Callable[[Any], str]) -> str:
    if key not in old:
        return f"{key}: {shown(new[key])} added"
    if key not in new:
        return f"{key}: {shown(old[key])} removed"
    before, after = shown(old[key]), shown(new[key])
    return f"{key}: another value" if before == after else f"{key}: {before} → {after}"


def _said(value: Any) -> str:
    return "none" if value is None else str(value)


def _short(said: str) -> str:
    text = " ".join(said.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _values(section: Section, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield key and value of everything that is set, a list of sections by the names in it."""
    for name in type(section).model_fields:
        yield from _within(f"{prefix}{name}", getattr(section, name))


def _within(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], PoolSection) and value[0].is_plain:
        yield key, value[0].number
    elif isinstance(value, Section):
        yield from _values(value, f"{key}.")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _within(f"{key}.{name}", each)
    elif isinstance(value, tuple) and any(isinstance(each, Section) for each in value):
        for number, each in enumerate(value):
            yield from _within(f"{key}[{_name(each) or number}]", each)
    elif isinstance(value, tuple):
        yield key, ", ".join(str(each) for each in value) or None
    else:
        yield key, value


def _name(section: Section) -> str:
    return str(getattr(section, "name", "") or getattr(section, "ae_title", "") or "")
