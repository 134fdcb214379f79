"""Whether somebody works on each kind of studies that waits; knows no store and no settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from triaged.study.modalities import Stratum
from triaged.study.process import called_of
from triaged.study.pulse import Seen


@dataclass(frozen=True, slots=True)
class Pools:
    """Pools of workers by their names, with which studies each takes.

    `pool_of` returns the pool of a worker by what it is called; None where that does not tell it. Such a worker counts
    as one of every pool.
    """

    takes: Mapping[str, frozenset[Stratum]] = field(default_factory=dict)
    pool_of: Callable[[str], str | None] = field(default=lambda _: None)

    @property
    def differ(self) -> bool:
        """Tell whether there are several."""
        return len(self.takes) > 1

    def served(self, working: Sequence[Seen]) -> Collection[str]:
        """Return the pools that these workers may be of."""
        found = [self.pool_of(called_of(each.pulse.name)) for each in working]
        return self.takes if None in found else {name for name in found if name is not None}


def unserved(pools: Pools, working: Sequence[Seen], waiting: Mapping[Stratum, int]) -> list[str]:
    """Return which studies wait that none of the workers takes that make progress.

    Nothing where no worker makes progress at all: that is said of the role.
    """
    return [
        f"{stratum}s: {waiting[stratum]} wait, and no worker that takes them makes progress"
        f" (workers {', '.join(name for name, takes in pools.takes.items() if stratum in takes)})"
        for stratum in _unserved(pools, working, waiting)
    ]


def without_workers(pools: Pools, working: Sequence[Seen], waiting: Mapping[Stratum, int]) -> list[str]:
    """Return the pools without a worker that makes progress, while studies wait that only workers of others take."""
    served, left = pools.served(working), _unserved(pools, working, waiting)
    found = []
    for name, takes in pools.takes.items():
        numbers = [f"{waiting[each]} {each}s" for each in Stratum if each in takes and waiting[each]]
        if working and name not in served and numbers and takes.isdisjoint(left):
            found.append(f"workers {name}: none makes progress, while {' and '.join(numbers)} wait")
    return found


def _unserved(pools: Pools, working: Sequence[Seen], waiting: Mapping[Stratum, int]) -> list[Stratum]:
    taken = {stratum for name in pools.served(working) for stratum in pools.takes[name]}
    return [stratum for stratum, number in waiting.items() if working and number and stratum not in taken]
