"""Reads instances up to the end of their header, within a memory that all senders share.

Nothing is known of an instance before its header is read, and a sender decides how long that is. Knows no socket, no
store and no files but the one that takes over what was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from triaged.dicom.elements import Elements
from triaged.dicom.header import LONGEST_HEADER, whole_header
from triaged.errors import TryLater
from triaged.study.kinds import DEFLATED

_FIRST_LOOK = 64 * 1024
"""All but multi-frame headers are shorter."""
_FREE = 256 * 1024
"""So much everybody may hold, whatever others do: a first look, and a fragment that went beyond it."""
_GROWTH = 4
_SHORT_LOOKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class BeginningLimits:
    """How much of long headers is held for all senders together, and how long one may wait for its share of it.

    A header that is not whole after `look_s` is filed by what was read of it: nobody holds memory and stands still.
    """

    shared_bytes: int = 64 * 1024 * 1024
    wait_s: float = 3.0
    look_s: float = 20.0


class Beginnings:
    """The beginnings of instances that are read at this moment; one is shared by all associations."""

    def __init__(
        self,
        limits: BeginningLimits = BeginningLimits(),
        *,
        monotonic: Callable[[], float] = time.monotonic,
        after_long_look: Callable[[], None] = lambda: None,
    ) -> None:
        """`after_long_look` is called when a long header was decoded, before the next one: what it took is free then,
        and an allocator that keeps free memory can be told to return it."""
        self._limits, self._after_long_look = limits, after_long_look
        self._monotonic = monotonic
        self._held = 0
        self._changed = threading.Condition()
        self._short_looks = threading.BoundedSemaphore(_SHORT_LOOKS_AT_ONCE)
        self._long_look = threading.Lock()

    def read(self, fragments: Iterator[bytes], transfer_syntax_uid: str) -> Beginning:
        """Return as much of the content as its header needs; all of it where there are no pixels to stop at.

        The caller has to release it.

        Raises:
            TryLater: too many long headers are read at this moment.
        """
        beginning = Beginning(self)
        until = self._monotonic() + self._limits.look_s
        look_at = _FIRST_LOOK
        with ExitStack() as where_it_fails:
            where_it_fails.callback(beginning.release)
            for fragment in fragments:
                beginning.add(fragment)
                if len(beginning.content) >= look_at or self._monotonic() > until:
                    if self._is_enough(beginning, transfer_syntax_uid) or self._monotonic() > until:
                        break
                    look_at = _GROWTH * len(beginning.content)
            where_it_fails.pop_all()
        return beginning

    @contextmanager
    def looking(self, beginning: Beginning) -> Iterator[bytes]:
        """Give the content to whoever decodes it; long ones one at a time, for that takes several times their size."""
        if len(beginning.content) <= _FREE:
            with self._short_looks:
                yield bytes(beginning.content)
            return
        with self._long_look:
            yield bytes(beginning.content)
            self._after_long_look()

    def grow(self, size: int) -> None:
        """Take a share of the memory, waiting for it a moment; `TryLater` where there is none."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held + size <= self._limits.shared_bytes, self._limits.wait_s):
                raise TryLater(f"expected room for a long header, found {self._held} bytes of others being read")
            self._held += size

    def shrink(self, size: int) -> None:
        """Give a share of the memory back."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def _is_enough(self, beginning: Beginning, transfer_syntax_uid: str) -> bool:
        if len(beginning.content) >= LONGEST_HEADER:
            return True
        with self.looking(beginning) as content:
            found = whole_header(content, transfer_syntax_uid=transfer_syntax_uid)
        if len(beginning.content) <= _FREE and transfer_syntax_uid != DEFLATED:
            beginning.elements = found
        return found is not None


class Beginning:
    """What was read of one instance so far."""

    def __init__(self, shared: Beginnings) -> None:
        self._shared = shared
        self._share = 0
        self.content = bytearray()
        self.elements: Elements | None = None
        """Those of a short header that is whole; they refer to what was read of it, and to no more."""

    def add(self, fragment: bytes) -> None:
        """Append the next bytes."""
        share = max(0, len(self.content) + len(fragment) - _FREE) - self._share
        if share > 0:
            self._shared.grow(share)
            self._share += share
        self.content += fragment

    def release(self) -> None:
        """Let the content go, and its share with it; once is enough, and again does no harm."""
        self.content, self.elements = bytearray(), None
        if self._share:
            self._shared.shrink(self._share)
            self._share = 0
