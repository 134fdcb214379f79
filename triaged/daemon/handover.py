"""How the supervisor hands what it knows to its roles: the one version of the configuration, and its notices.

Both lie in memory files that roles inherit. The settings may hold a password, so they are in no argument, no
environment and no file that others can read. No role reads the configuration file: all of one daemon run with one
version, whatever somebody types meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from triaged.daemon.versions import Pinned, Version, version_from
from triaged.errors import ConfigError

CONFIG_VARIABLE: Final = "TRIAGED_CONFIG_FD"
NOTICES_VARIABLE: Final = "TRIAGED_NOTICES_FD"
_NOTICES_BYTES = 1 << 16
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Handover:
    """What one supervisor hands to each of its roles.

    A role has the version that was in force when it was started; what it reads of the notices is always the newest.
    """

    def __init__(self, version: Version) -> None:
        self._config = _sealed(version)
        self._notices = os.memfd_create("triaged-notices", os.MFD_CLOEXEC)
        self._said: Sequence[str] | None = None
        self._is_closed = False
        self.notice([])

    def replace(self, version: Version) -> None:
        """Hand this version to every role that is started from now on; those that run keep theirs."""
        config, self._config = self._config, _sealed(version)
        os.close(config)

    @property
    def descriptors(self) -> tuple[int, int]:
        """Return what a role has to inherit."""
        return self._config, self._notices

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what tells a role where to look."""
        return {CONFIG_VARIABLE: str(self._config), NOTICES_VARIABLE: str(self._notices)}

    def notice(self, notices: Sequence[str]) -> None:
        """Let every role know what an operator should look at, in one write, so that nobody reads half of it."""
        if notices != self._said:
            self._said = list(notices)
            text = json.dumps(_fitting(self._said)).encode()
            os.pwrite(self._notices, text.ljust(_NOTICES_BYTES), 0)

    def close(self) -> None:
        """Give both files up; roles that run keep theirs."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._config)
            os.close(self._notices)


def _sealed(version: Version) -> int:
    descriptor = os.memfd_create("triaged-config", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    pinned = None if version.pinned is None else asdict(version.pinned)
    said = [str(version.path), version.text, pinned, dict(version.config.secrets.values)]
    os.pwrite(descriptor, json.dumps(said).encode(), 0)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def handed_over() -> Version | None:
    """Return the configuration that a supervisor handed to this process, or None where nobody did.

    Raises:
        ConfigError: what it handed over is none.
    """
    said = os.environ.get(CONFIG_VARIABLE)
    if said is None:
        return None
    try:
        path, text, pinned, values = json.loads(os.pread(int(said), os.fstat(int(said)).st_size, 0))
        kept = None if pinned is None else Pinned(**pinned)
    except (OSError, ValueError, TypeError):
        raise ConfigError(f"{CONFIG_VARIABLE}: expected the configuration of a supervisor, found none") from None
    return version_from(str(text), Path(path), kept, values)


def notices() -> Sequence[str]:
    """Return what the supervisor of this process has to say; nothing where it has none."""
    said = os.environ.get(NOTICES_VARIABLE)
    if said is not None:
        with contextlib.suppress(OSError, ValueError):
            return [str(each) for each in json.loads(os.pread(int(said), _NOTICES_BYTES, 0))]
    return []


def _fitting(said: Sequence[str]) -> list[str]:
    """Return as many notices, each as long, as the file holds."""
    return [each[:2000] for each in said[:5]] if sum(map(len, said)) > _NOTICES_BYTES // 8 else list(said)
