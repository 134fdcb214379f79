"""What this process is called, and who had its place before; the one place that asks the system for the host's name."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from triaged.errors import ConfigError
from triaged.study.process import process_name

HOST_VARIABLE: Final = "TRIAGED_HOST"
"""The host's name as the store knows it, where it is to be another one than the system's, as in containers."""
NAME_VARIABLE: Final = "TRIAGED_ROLE_NAME"
"""The whole name of a role, in the environment of one that a supervisor started."""
PREDECESSORS_VARIABLE: Final = "TRIAGED_PREDECESSORS"
"""Names of processes that had its place and are known to have ended, in JSON, in the same environment."""
_LONGEST: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]")


def host_name() -> str:
    """Return this host's name on the store; `ConfigError` where the environment names it with other than plain text."""
    if said := os.environ.get(HOST_VARIABLE):
        return demanded_plain(HOST_VARIABLE, said)
    return _OTHER.sub("-", socket.gethostname())[:_LONGEST] or "localhost"


def demanded_plain(what: str, name: str) -> str:
    """Return a name that may be part of a process's name; `ConfigError` where it may not."""
    if not _PLAIN.match(name):
        raise ConfigError(f"{what}: expected at most {_LONGEST} letters, digits, '.', '_' and '-', found {name!r}")
    return name


def new_name(called: str) -> str:
    """Return a name that no process had before, for one that is to be `called` so on this host."""
    return process_name(called, host_name(), secrets.token_hex(4))


def named(name: str, predecessors: Iterable[str]) -> Mapping[str, str]:
    """Return what tells a role its name, and whose place it takes."""
    return {NAME_VARIABLE: name, PREDECESSORS_VARIABLE: json.dumps(list(predecessors))}


def own_name(called: str) -> str:
    """Return the name that a supervisor gave this process, or a new one for what is `called` so."""
    return os.environ.get(NAME_VARIABLE) or new_name(called)


def own_call(otherwise: str) -> str:
    """Return what a supervisor calls this process on this host, without which of its starts it is; else `otherwise`."""
    name = os.environ.get(NAME_VARIABLE)
    return otherwise if name is None else name.partition("@")[0]


def predecessors() -> Sequence[str]:
    """Return who had the place of this process and is known to have ended; nobody where no supervisor started it."""
    return [str(name) for name in json.loads(os.environ.get(PREDECESSORS_VARIABLE, "[]"))]
