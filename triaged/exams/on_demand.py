"""Keeps an engine that is seldom needed out of memory: tried at the start, loaded when an image asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from triaged.errors import ModelRefused
from triaged.inference.identity import Engine

log = structlog.get_logger()

Read = TypeVar("Read")


class OnDemand(Generic[Read]):
    """An engine that `load` gives with what reads by it; it is loaded once to try it, and once more to be used.

    Raises:
        ModelRefused: as `load` does.
    """

    def __init__(self, load: Callable[[], tuple[Engine, Read]]) -> None:
        self._load = load
        self._reads: Read | None = None
        self.engine, _ = load()

    def reads(self) -> Read:
        """Return what reads by the engine.

        Raises:
            ModelRefused: as `load` does; or what is there by now is another engine than at the start.
        """
        if self._reads is None:
            engine, reads = self._load()
            if engine != self.engine:
                raise ModelRefused(f"expected {self.engine.algorithm} as it was at the start, found it changed")
            self._reads = reads
            log.info("engine loaded, a study needs it", engine=engine.algorithm)
        return self._reads
