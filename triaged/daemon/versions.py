"""Which version of the configuration a daemon runs with: the file, or the last one that ran where the file cannot.

A version is kept once every role has served with it. So an edit that does not parse, or with which a role cannot run,
keeps nobody from sending images after a restart; it is said loudly instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from triaged.config.hiding import HIDDEN, without_passwords
from triaged.config.loading import parse, read_text
from triaged.config.objects import ObjectsSection
from triaged.config.settings import Config
from triaged.errors import ConfigError

log = structlog.get_logger()

REJECTED = "configuration rejected"
"""How what is said of a file begins that is not in use."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a daemon that runs keeps whatever the file says: where everything is kept."""

    database_url: str
    storage_path: str
    objects: dict[str, Any] | None = field(default=None, repr=False)
    """How a bucket is reached, as the settings say it."""

    @property
    def place(self) -> tuple[object, ...]:
        """Where everything is kept; by which key and with how large a cache may change."""
        bucket = [(self.objects or {}).get(name) for name in ("endpoint", "bucket", "key_prefix")]
        return self.database_url, self.storage_path, *bucket

    def within(self, config: Config) -> Config:
        """Return a configuration with these in the place of its own."""
        database = config.database.model_copy(update={"url": self.database_url})
        objects = None if self.objects is None else ObjectsSection.model_validate(self.objects)
        storage = config.storage.model_copy(update={"path": Path(self.storage_path), "objects": objects})
        return config.model_copy(update={"database": database, "storage": storage})


@dataclass(frozen=True, slots=True)
class Version:
    """The text of a configuration and what it means; `rejected` says why the file itself is not used, or is empty.

    Where something is `pinned`, a daemon runs that does not do all that the text says before it is started again.
    """

    path: Path
    text: str
    config: Config
    rejected: str = ""
    pinned: Pinned | None = None

    @property
    def sha256(self) -> str:
        """The hash of the text, by which results name the version they were made under."""
        return hash_of(self.text)

    @property
    def place(self) -> Pinned:
        """Where everything is kept."""
        storage = self.config.storage
        objects = None if storage.objects is None else storage.objects.model_dump(mode="json")
        return Pinned(self.config.database.url, str(storage.path), objects)

    def beside(self, running: Version) -> Version:
        """Return this version as a daemon can run it that keeps everything where `running` does."""
        pinned = running.place
        return (
            self
            if self.place.place == pinned.place
            else replace(self, config=pinned.within(self.config), pinned=pinned)
        )


def hash_of(text: str) -> str:
    """Return the hash by which a configuration is known."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def version_of(path: Path) -> Version:
    """Read the file at `path`; raises `ConfigError` as `parse` does."""
    return version_from(read_text(path), path)


def version_from(
    text: str, path: Path, pinned: Pinned | None = None, known: Mapping[str, str] | None = None
) -> Version:
    """Return what the text of the file at `path` means; raises `ConfigError` as `parse` does.

    `known` is what its references stand for, where that was looked up before.
    """
    config = parse(text, path, known)
    return Version(path, text, config if pinned is None else pinned.within(config), pinned=pinned)


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
        write(target, version.text)
    except (OSError, UnicodeDecodeError) as error:
        log.warning("this version of the configuration is not kept for a bad edit", place=str(target), why=str(error))


def write(path: Path, text: str) -> None:
    """Put a text in the place of a file in one step, for the file's owner and group as they were.

    Raises:
        OSError: it cannot be written.
    """
    target = path.resolve()
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            if target.exists():
                was = target.stat()
                os.fchmod(file.fileno(), was.st_mode & 0o777)
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), was.st_uid, was.st_gid)
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def restored(text: str, present: str, *, what: str) -> str:
    """Return a text that is kept without passwords with those that the file has now, on lines that are else the same.

    Raises:
        ConfigError: it had a password that the file does not have now.
    """
    known = {without_passwords(line): line for line in present.splitlines() if without_passwords(line) != line}
    lines = [known.get(line, line) for line in text.splitlines(keepends=False)]
    for number, line in enumerate(lines, 1):
        if f"://{HIDDEN}@" in line or f"={HIDDEN}" in line:
            expected = "expected a password that the file still has, found none that fits"
            advice = "write the line by hand, with ${NAME} or {file: PATH} for what is secret"
            raise ConfigError(f"{what}:{number}: {expected}. Passwords are not kept: {advice}")
    return "\n".join(lines) + ("\n" if text.endswith("\n") else "")


def raw(path: Path) -> str:
    """Return the text of a file whatever is wrong with it; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def kept_at(path: Path) -> Path:
    """Return where the last good version is kept: in the state folder of the service, else in `var` beside the file."""
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    folder = Path(state) if state else path.resolve().parent / "var"
    return folder / f"{path.name}.last-good"
