"""Asks a daemon how it is, again and again, and judges afterwards whether it told the truth. Knows no trial."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

_EVERY_S = 0.5
_PATIENCE_S = 4.0


class Says(StrEnum):
    """What the daemon says of itself."""

    READY = "ready"
    NOT_READY = "not ready"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered when; no status where there was no answer, which whoever watches takes for "not ready"."""

    asked_at: float
    answered_at: float
    status: int | None
    text: str

    @property
    def says(self) -> Says:
        """What it means."""
        return Says.READY if self.status == 200 else Says.NOT_READY


class HealthWatch:
    """Asks `/health/ready` twice a second, from a thread of its own, until it is stopped."""

    def __init__(self, port: int) -> None:
        self.answers: list[Answer] = []
        self._address = f"http://127.0.0.1:{port}/health"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def in_words(self) -> str:
        """Return what `/health` says now, causes and warnings included."""
        return self._ask("").text

    def first(self, says: Says, *, since: float) -> Answer | None:
        """Return the first answer of this kind that was given after a moment."""
        return next((each for each in list(self.answers) if each.answered_at >= since and each.says is says), None)

    def seconds(self, says: Says, *, since: float, until: float) -> float:
        """Return for how long it was so between two moments."""
        answers = [each for each in list(self.answers) if each.answered_at >= since]
        total = 0.0
        for each, following in pairwise(answers):
            if each.says is says and each.asked_at >= since:
                total += max(0.0, min(following.answered_at, until) - each.answered_at)
        return total

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            self.answers.append(self._ask("/ready"))

    def _ask(self, path: str) -> Answer:
        asked_at = time.monotonic()
        try:
            with urllib.request.urlopen(self._address + path, timeout=_PATIENCE_S) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode(errors="replace")
        except (OSError, ValueError) as error:
            status, text = None, str(error)
        if status == 404 and path:
            return self._ask("")
        return Answer(asked_at, time.monotonic(), status, text)
