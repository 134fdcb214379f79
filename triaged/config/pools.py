"""The settings of the workers: so many that are all alike, or pools that differ in what they run on and what they take.

Must not know how workers are started.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from triaged.config.conditions import UNSAID
from triaged.config.values import Section, wrong
from triaged.study.modalities import Stratum

MOST_WORKERS: Final = 64
_UNNAMED: Final = ""
_ONE: Final = 1

_DEVICE: Final = r"^(auto|cpu|cuda(:\d{1,2})?)$"


def _device(text: str) -> str:
    if not re.match(_DEVICE, text):
        raise wrong("auto, cpu, cuda, or one GPU as cuda:0, cuda:1 and so on")
    return text


DeviceName = Annotated[str, AfterValidator(_device), Field(json_schema_extra={"pattern": _DEVICE})]
"""What networks run on: cuda:1 is the second GPU of the machine."""
Threads = Annotated[int, Field(ge=0, le=256)]


class PoolSection(Section):
    """Workers that are alike: `number` of them on each machine, which take studies of `modalities`, or of all.

    What is not said is as `inference` says it. `memory_mb` is what one may take, and what is reckoned for it.
    """

    name: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)?$")] = _UNNAMED
    number: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = _ONE
    device: DeviceName | None = UNSAID
    threads: Threads | None = UNSAID
    memory_mb: Annotated[int, Field(ge=512)] | None = UNSAID
    modalities: Annotated[tuple[Annotated[Stratum, Field(strict=False)], ...], Field(strict=False)] = ()

    @property
    def strata(self) -> frozenset[Stratum]:
        """Which studies its workers were made for; all where it names none."""
        return frozenset(self.modalities) or frozenset(Stratum)

    @property
    def is_plain(self) -> bool:
        """Whether only the number of its workers is said."""
        return self == PoolSection(number=self.number)


def _as_pools(value: object) -> object:
    """Return a number as one pool of so many."""
    if isinstance(value, list | tuple) and value:
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORKERS:
        raise wrong(f"a whole number from 1 to {MOST_WORKERS}, or a list of pools")
    return [{"number": value}]


def _as_written(pools: tuple[PoolSection, ...]) -> object:
    """Return the number where that is all that is said."""
    if len(pools) == 1 and pools[0].is_plain:
        return pools[0].number
    return [pool.model_dump(mode="json") for pool in pools]


def _short_form(node: dict[str, Any]) -> None:
    """Let the schema have the number beside the list."""
    pools = {key: node.pop(key) for key in [each for each in node if each not in ("title", "default")]}
    number = {"type": "integer", "minimum": 1, "maximum": MOST_WORKERS}
    node |= {"anyOf": [number, pools], "default": 1}


Workers = Annotated[
    tuple[PoolSection, ...],
    Field(strict=False, max_length=16, json_schema_extra=_short_form),
    BeforeValidator(_as_pools),
    PlainSerializer(_as_written),
]


def demand_pools(pools: tuple[PoolSection, ...], in_scope: frozenset[Stratum]) -> None:
    """Raise `PydanticCustomError` where pools cannot be told apart, are too large, or nobody takes what is read."""
    names = [pool.name for pool in pools]
    for number, name in enumerate(names):
        if len(names) > 1 and (not name or name in names[:number]):
            raise wrong("a name that no other pool has", place=("workers", number, "name"))
    if sum(pool.number for pool in pools) > MOST_WORKERS:
        raise wrong(f"pools with at most {MOST_WORKERS} workers together", key="workers")
    missing = sorted(in_scope.difference(*(pool.strata for pool in pools)))
    if missing:
        raise wrong(f"a pool that takes {' and '.join(missing)}; modalities of none has it", key="workers")
