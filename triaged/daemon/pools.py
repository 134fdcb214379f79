"""Which workers there are, and what each finds in the settings as one of its pool."""

from __future__ import annotations

from collections.abc import Iterator

from triaged.config.pools import PoolSection
from triaged.config.settings import Config, InferenceSection
from triaged.errors import ConfigError
from triaged.study.modalities import Stratum


def workers_of(config: Config) -> list[tuple[str, PoolSection]]:
    """Return what each worker of a machine is called, and its pool."""
    return [(name, pool) for pool in config.workers for name in _names(pool)]


def pool_of(config: Config, called: str, named: str | None = None) -> PoolSection:
    """Return the pool of a worker: the one of a name, else by what it is called, else the only one.

    Raises:
        ConfigError: there is none of that name, or it cannot be told which.
    """
    if named is not None:
        found = [pool for pool in config.workers if pool.name == named]
    else:
        found = [pool for name, pool in workers_of(config) if name == called]
        found = found or [pool for pool in config.workers if len(config.workers) == 1]
    if not found:
        there = ", ".join(pool.name for pool in config.workers if pool.name) or "none that has a name"
        raise ConfigError(f"--pool: expected one of the pools in workers ({there}), found {named or 'none'}")
    return found[0]


def pool_called(config: Config, called: str) -> str | None:
    """Return the name of the pool that a worker is called after, on any machine; None where that does not tell it.

    Pools may have more workers elsewhere than here; one in a pod is called after its pool alone.
    """
    before, _, number = called.rpartition("-")
    after = {f"{called}-", f"{before}-" if number.isdecimal() else ""}
    found = [pool.name for pool in config.workers if _prefix(pool) in after]
    return found[0] if len(found) == 1 else None


def as_of(config: Config, pool: PoolSection) -> Config:
    """Return the settings as a worker of a pool finds them: `inference` as its pool says, and that pool the first."""
    given = config.inference
    inference = InferenceSection(
        device=given.device if pool.device is None else pool.device,
        threads=given.threads if pool.threads is None else pool.threads,
    )
    others = tuple(each for each in config.workers if each is not pool)
    return config.model_copy(update={"inference": inference, "workers": (pool, *others)})


def taken_by(config: Config) -> frozenset[Stratum]:
    """Return which studies a worker with these settings takes: those of its pool's modalities, and what no pool names.

    So somebody takes, and declines, what is not read at all.
    """
    named = frozenset[Stratum]().union(*(each.strata for each in config.workers))
    return config.workers[0].strata | (frozenset(Stratum) - named)


def _names(pool: PoolSection) -> Iterator[str]:
    return (f"{_prefix(pool)}{number}" for number in range(1, pool.number + 1))


def _prefix(pool: PoolSection) -> str:
    return f"worker-{pool.name}-" if pool.name else "worker-"
