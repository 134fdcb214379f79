"""Says in a file whether a role that runs alone gets on, for whoever can run a command beside it, as Kubernetes does.

The file has one line: the monotonic clock of this machine, which nobody can set, and what the role says of itself. It
is replaced every second, so that of a process that is stopped, or whose interpreter hangs, an old one is left.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Final

from triaged.daemon.progress import Progress
from triaged.errors import ConfigError

FRESH_S: Final = 30.0
"""How old the line may be: as long as systemd waits for a role's word (WatchdogSec)."""
_WRITE_S = 1.0
_STARTING, _SERVING, _HANGS = "starting", "serving", "hangs: "
_MOST_CHARACTERS = 500


def begin_alive_file(progress: Progress, path: Path | None) -> None:
    """Write the file every second from now on, where one is asked for; what an earlier process left is replaced first.

    A role that waits for its database starts: it is alive, and does not serve.

    Raises:
        ConfigError: it cannot be written.
    """
    if path is None:
        return
    try:
        _write(path, progress)
    except OSError as error:
        expected = "--alive-file: expected a file that can be written"
        raise ConfigError(f"{expected}, found {path}: {error.strerror or error}") from None
    threading.Thread(target=_go_on, args=(path, progress), name="alive-file", daemon=True).start()


def problem_of(path: Path, *, must_serve: bool, monotonic_s: float) -> str:
    """Return why the role that writes this file is to be replaced, or does not serve; nothing where it is well.

    A line from before the machine was started again lies ahead of its clock, and is no sign of life.
    """
    try:
        at, _, said = path.read_text(encoding="utf-8").strip().partition(" ")
        age_s = monotonic_s - float(at)
    except (OSError, ValueError):
        return f"expected a role that writes {path}, found none"
    if not 0 <= age_s <= FRESH_S:
        return f"no sign of life for {age_s:.0f} s, at most {FRESH_S:.0f} s" if age_s > 0 else "no sign of life yet"
    if said.startswith(_HANGS):
        return said
    return "" if said == _SERVING or not must_serve else f"does not serve yet: {said}"


def _go_on(path: Path, progress: Progress) -> None:
    while True:
        time.sleep(_WRITE_S)
        with contextlib.suppress(OSError):  # the line grows old, which says enough
            _write(path, progress)


def _write(path: Path, progress: Progress) -> None:
    """Replace the file in one step, so that nobody reads half a line."""
    hung = progress.hung()
    said = (_SERVING if progress.is_serving else _STARTING) if hung is None else f"{_HANGS}{hung}"
    part = path.with_name(f".{path.name}.part")
    part.write_text(f"{time.monotonic()} {' '.join(said.split())[:_MOST_CHARACTERS]}\n", encoding="utf-8")
    os.replace(part, path)
