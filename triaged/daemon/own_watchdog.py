"""Reports a role that runs alone to systemd: that it serves, and that its working threads get on."""

from __future__ import annotations

import threading
import time

from triaged.daemon.progress import Progress
from triaged.daemon.systemd import Systemd

_TELL_S = 1.0
_MORE_TIME_S = 60
"""A role that waits for its database does not count as failed."""


def begin_notifying(progress: Progress) -> None:
    """Tell systemd every second from now on how this role is, where a unit started it; a role that hangs says why.

    What hangs is not reported as alive: systemd ends it after WatchdogSec, and starts it again.
    """
    systemd = Systemd.of_this_process()
    if systemd.listens:
        threading.Thread(target=_tell, args=(systemd, progress), name="systemd", daemon=True).start()


def _tell(systemd: Systemd, progress: Progress) -> None:
    is_ready = False
    while True:
        hung = progress.hung()
        if hung is None:
            systemd.alive()
            systemd.status("serving" if is_ready else "starting")
        else:
            systemd.status(f"hangs: {hung}")
        if progress.is_serving and not is_ready:
            systemd.ready()
            is_ready = True
        elif not is_ready:
            systemd.starting(_MORE_TIME_S)
        time.sleep(_TELL_S)
