"""What a process of a daemon is called: its role, its host, and which of its starts it is, as worker-1@host/3f9a2c10.

No two processes ever have one name. So whoever holds something under a name is that very process, or nobody any more.
"""

from __future__ import annotations


def process_name(called: str, host: str, start: str) -> str:
    """Return the name of one start of what is `called` so on its host."""
    return f"{called}@{host}/{start}"


def stable_part(name: str) -> str:
    """Return a name without its start, e.g. worker-1@host: the same for all that took each other's place."""
    return name.partition("/")[0]


def called_of(name: str) -> str:
    """Return what a process is called on its host, e.g. worker-1."""
    return stable_part(name).rpartition("@")[0]


def host_of(name: str) -> str:
    """Return the host of a process."""
    return stable_part(name).rpartition("@")[2]
