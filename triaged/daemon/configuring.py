"""What administrators do with the configuration file from their page: read it again, put a version back, try a text."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from triaged.config.hiding import without_passwords
from triaged.config.loading import parse
from triaged.daemon.roles import SUPERVISOR_VARIABLE
from triaged.daemon.rooms import Rooms, clock
from triaged.daemon.trying import try_configuration
from triaged.daemon.versions import raw, restored, version_from, write
from triaged.errors import ActionRefused, ConfigError
from triaged.steps.replay import Replayed
from triaged.store.roles.configurations import Configurations

LAST: Final = 200
"""So many studies are tried, from the newest."""


class FileOfThisDaemon:
    """The configuration file that the daemon of these rooms was started with."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def text(self) -> str:
        """Return the text of the file as it is now, without passwords."""
        return without_passwords(raw(self._path()))

    def read_again(self) -> None:
        """Ask the supervisor to read the file; a role that runs alone has none."""
        supervisor = os.environ.get(SUPERVISOR_VARIABLE, "")
        if not supervisor.isdecimal():
            raise ActionRefused("this role runs alone and reads its file when it starts: systemctl restart it")
        os.kill(int(supervisor), signal.SIGHUP)

    def roll_back(self, number: int) -> None:
        """Write a version that was read before into the file, with the passwords that the file has now."""
        path, found = self._path(), Configurations(self._rooms.database).one(number)
        if found is None:
            raise ConfigError(f"expected the number of a configuration (triaged config log), found {number}")
        whole = restored(found.reading.text, raw(path), what=f"version {number}")
        version_from(whole, path)
        try:
            write(path, whole)
        except OSError as error:
            at_the_machine = f"triaged config rollback {number}, as somebody who may"
            raise ActionRefused(f"the file cannot be written ({error.strerror}): {at_the_machine}") from None

    def tried(self, text: str) -> Sequence[Replayed]:
        """Return what would become of the studies that came last under a text; passwords are those of the file.

        Raises:
            ConfigError: the text is no configuration; the message names each mistake with its line.
            TryLater: the store is unreachable.
        """
        path = self._path()
        new = parse(restored(text, raw(path), what="the text"), path)
        return try_configuration(self._rooms.config, new, last=LAST, now=clock())

    def _path(self) -> Path:
        if self._rooms.file is None:
            raise ActionRefused("this process was started without a configuration file")
        return self._rooms.file
