"""Which version of the configuration a daemon runs with: the file, or the last one that ran where the file cannot.

A version is kept once every role has served with it. So an edit that does not parse, or with which a role cannot run,
keeps nobody from sending images after a restart; it is said loudly instead.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from triaged.config.loading import parse, read_text
from triaged.config.settings import Config
from triaged.errors import ConfigError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Version:
    """The text of a configuration and what it means; `rejected` says why the file itself is not used, or is empty."""

    path: Path
    text: str
    config: Config
    rejected: str = ""


def version_of(path: Path) -> Version:
    """Read the file at `path`; raises `ConfigError` as `parse` does."""
    return version_from(read_text(path), path)


def version_from(text: str, path: Path) -> Version:
    """Return what the text of the file at `path` means; raises `ConfigError` as `parse` does."""
    return Version(path, text, parse(text, path))


def last_good(path: Path, rejected: str) -> Version | None:
    """Return the version of this file that ran last, or None where none did or it cannot be read any more."""
    try:
        text = kept_at(path).read_text(encoding="utf-8")
        return Version(path, text, parse(text, path), rejected)
    except (OSError, UnicodeDecodeError, ConfigError):
        return None


def version_to_run(path: Path) -> Version:
    """Return the version of the file, or the one that ran last where the file has mistakes.

    Raises:
        ConfigError: the file has mistakes, and no version of it ever ran.
    """
    try:
        return version_of(path)
    except ConfigError as error:
        kept = last_good(path, str(error))
        if kept is None:
            raise
        return kept


def keep(version: Version) -> None:
    """Keep a version that runs, for the owner of the daemon alone: it may hold a password."""
    target = kept_at(version.path)
    try:
        if target.exists() and target.read_text(encoding="utf-8") == version.text:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(version.text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise
    except (OSError, UnicodeDecodeError) as error:
        log.warning("this version of the configuration is not kept for a bad edit", place=str(target), why=str(error))


def kept_at(path: Path) -> Path:
    """Return where the last good version is kept: in the state folder of the service, else in `var` beside the file."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    folder = Path(state) if state else path.resolve().parent / "var"
    return folder / f"{path.name}.last-good"
