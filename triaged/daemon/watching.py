"""Notices that the configuration file may have changed: by the folder that it is in, since editors replace files."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog
from watchfiles import watch

log = structlog.get_logger()

_SETTLED_MS = 400
"""So long after the last change of a burst the file is looked at."""
_AGAIN_S = 30.0
_SWITCHED = "..data"
"""The link that Kubernetes switches when mounted files change."""


def watch_folder(path: Path, changed: threading.Event, stop: threading.Event) -> threading.Thread:
    """Set `changed` whenever something happens to the file, or to what it is a link to, until `stop` is set.

    Others write in the same folder too, such as a database, so only names count. Where the folder cannot be watched it
    is tried again; meanwhile only SIGHUP has the file read.
    """

    def look() -> None:
        names = {path.name, path.resolve().name, _SWITCHED}
        folders = {path.absolute().parent, path.resolve().parent}
        while not stop.is_set():
            try:
                for _ in watch(
                    *folders,
                    stop_event=stop,
                    watch_filter=lambda _, changed_path: Path(changed_path).name in names,
                    debounce=_SETTLED_MS,
                    rust_timeout=1000,
                    raise_interrupt=False,
                    recursive=False,
                ):
                    changed.set()
            except (OSError, RuntimeError) as error:
                log.warning("the configuration's folder is not watched, SIGHUP has it read", why=str(error))
                stop.wait(_AGAIN_S)

    thread = threading.Thread(target=look, name="configuration-watch", daemon=True)
    thread.start()
    return thread
