"""Runs several receivers and nothing else, as `triaged serve --role receiver` does where `dicom.receivers` is above 1.

To whoever started it, it is one role: a unit of systemd, or a container with probes, sees one process that serves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from triaged.daemon.alive_file import begin_alive_file
from triaged.daemon.doors import Doors
from triaged.daemon.draining import finishing
from triaged.daemon.naming import demanded_plain
from triaged.daemon.own_watchdog import begin_notifying
from triaged.daemon.progress import Progress
from triaged.daemon.siblings import receivers_of
from triaged.daemon.signals import stopping_on_signals
from triaged.daemon.supervisor import Supervisor
from triaged.daemon.versions import Version

_LOOK_S: Final = 0.5
_HANGS_S: Final = 30.0


def serve_receivers(version: Version, called: str, alive_file: Path | None = None) -> None:
    """Run them until SIGINT or SIGTERM, or after SIGUSR1 until the last association has ended.

    `called` is what one of them would be called; `alive_file` is as for a role that runs alone.

    Raises:
        ConfigError: they cannot run with this configuration.
    """
    members, progress, asked = receivers_of(version.config, demanded_plain("--name", called)), Progress(), list[bool]()
    getting_on = progress.watch("looking after the receivers", _HANGS_S)
    begin_notifying(progress)
    begin_alive_file(progress, alive_file)
    doors = Doors()
    with stopping_on_signals() as stop, finishing(lambda: asked.append(True)):
        doors.open(version.config.dicom)
        supervisor = Supervisor(version, members, doors=doors)
        try:
            supervisor.start()
            while not stop.wait(_LOOK_S) and not supervisor.is_empty:
                getting_on()
                supervisor.check()
                if supervisor.all_serve:
                    progress.serving()
                if asked:
                    supervisor.drain()
                    doors.close()
        finally:
            supervisor.stop()
            doors.close()
