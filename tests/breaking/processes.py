"""The processes of this machine as the kernel shows them. Knows no daemon."""

from __future__ import annotations

from pathlib import Path


def tree(pid: int) -> list[int]:
    """Return a process and all that are below it, parents first; of what is gone nothing is below."""
    found, parents = [pid], [pid]
    while parents:
        parents = [child for parent in parents for child in _children(parent)]
        found += parents
    return found


def _children(pid: int) -> list[int]:
    """Return what any thread of a process has started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
