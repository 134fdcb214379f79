"""What every trial has in common: a seed, an end in time, figures, and promises that it saw broken.

The modules of this folder try to break what `triaged` promises. Each trial is a function that takes a `Trial` and a
folder, and stands in a module of its own that

* runs alone, as long as wanted: `python -m tests.breaking.kills --seed 7 --minutes 10` prints what happens, then a
  table of figures, and ends with 1 where a promise was broken;
* has a short form, `test_kills.py`, that `deploy/test` runs (marker `breaking`, all of them within 5 minutes):
  `trial = Trial("kills", seed=7, seconds=25)`, the function, `trial.verify()`.

What they share besides is named by what it is, and knows no trial. What must hold is computed from what peers were
told, never by the product's own code; files, databases and other programs are read by plain means. The figures of the
last long runs are in docs/reliability.md. Must not know what is tried.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MOST_SHOWN = 20


@dataclass(slots=True)
class Trial:
    """One run: its randomness is all from `seed`, and nothing new is begun once `seconds` are over."""

    name: str
    seed: int
    seconds: float
    is_told: bool = False
    """Whether progress is printed as it comes."""
    figures: dict[str, float | str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    random: random.Random = field(init=False)
    _started: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def elapsed_s(self) -> float:
        """Return how long the trial has been running."""
        return time.monotonic() - self._started

    @property
    def left_s(self) -> float:
        """Return how long it may still run; 0 where its time is over."""
        return max(0.0, self.seconds - self.elapsed_s)

    def begin(self) -> None:
        """Let its time begin now: what it needs has been set up, however long that took."""
        self._started = time.monotonic()

    def count(self, figure: str, by: float = 1) -> None:
        """Add to a figure."""
        self.figures[figure] = float(self.figures.get(figure, 0)) + by

    def highest(self, figure: str, value: float) -> None:
        """Keep the highest value of a figure."""
        self.figures[figure] = max(float(self.figures.get(figure, value)), value)

    def note(self, figure: str, value: float | str) -> None:
        """Set a figure."""
        self.figures[figure] = value

    def expect(self, is_kept: object, promise: str) -> None:
        """Note a promise as broken unless it is kept; `promise` says what was expected, what found, and where."""
        if not is_kept:
            self.broken.append(promise)
            self.say(f"BROKEN: {promise}")

    def number(self, figure: str) -> float:
        """Return a figure that is a number; 0 where nothing was counted."""
        return float(self.figures.get(figure, 0))

    def say(self, what: str) -> None:
        """Print one line of progress."""
        if self.is_told:
            sys.stdout.write(f"{self.elapsed_s:8.1f} s  {what}\n")
            sys.stdout.flush()

    def table(self) -> str:
        """Return the figures and the broken promises as text."""
        head = f"{self.name}, seed {self.seed}, {datetime.now(UTC):%Y-%m-%d}, {self.elapsed_s:.0f} s"
        width = max(map(len, self.figures), default=0)
        lines = [f"  {figure:{width}}  {_shown(value)}" for figure, value in self.figures.items()]
        shown = [f"  BROKEN: {promise}" for promise in self.broken[:_MOST_SHOWN]]
        if len(self.broken) > _MOST_SHOWN:
            shown.append(f"  ... and {len(self.broken) - _MOST_SHOWN} more")
        return "\n".join([head, *lines, *(shown or ["  every promise kept"])])

    def verify(self) -> None:
        """Fail, with the figures, where a promise was broken."""
        if self.broken:
            raise AssertionError(self.table())


def run_alone(
    name: str,
    trial_of: Callable[[Trial, Path, argparse.Namespace], None],
    *,
    minutes: float = 10,
    more_options: Callable[[argparse.ArgumentParser], Any] | None = None,
) -> int:
    """Run a trial from the command line and return its exit status; `more_options` adds what it can be asked besides.

    Its folder is kept where a promise was broken, for whoever looks for the reason.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.breaking.{name}")
    parser.add_argument("--seed", type=int, default=7, help="what randomness begins with (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=minutes, help="its longest time (default: %(default)s)")
    if more_options is not None:
        more_options(parser)
    options = parser.parse_args()
    trial = Trial(name, options.seed, options.minutes * 60, is_told=True)
    with _folder(trial) as folder:
        trial_of(trial, folder, options)
    sys.stdout.write(trial.table() + "\n")
    return 1 if trial.broken else 0


@contextmanager
def _folder(trial: Trial) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"triaged-{trial.name}-"))
    try:
        yield folder
    except BaseException:
        sys.stdout.write(f"{trial.table()}\n  stopped by an error; its files are in {folder}\n")
        raise
    if trial.broken:
        sys.stdout.write(f"The files of this run are kept: {folder}\n")
    else:
        shutil.rmtree(folder)


def _shown(value: float | str) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
