"""Reads the configuration file of a running daemon and says what should become of it. Changes nothing.

What the file names is tested by a process of its own, which may hang or die as it likes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triaged.config.hiding import without_passwords
from triaged.config.loading import read_text
from triaged.daemon.changes import difference, needs_restart, sections
from triaged.daemon.checks import CHECKED, Check
from triaged.daemon.handover import Handover
from triaged.daemon.versions import Version, version_from
from triaged.errors import ConfigError

TEST_S: Final = 120.0
"""How long it may take to test what a configuration names."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file says what is in force."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file cannot be taken; `why` names file and line. The text is empty where it could not be read."""

    text: str
    why: str
    difference: str = ""


@dataclass(frozen=True, slots=True)
class Acceptable:
    """The file can be taken: as `version`, for what changes in these sections.

    `later` are the keys that wait for a restart, `remarks` what was found wrong and keeps nobody from running with it.
    """

    version: Version
    changed: tuple[str, ...]
    difference: str
    later: tuple[str, ...]
    remarks: str


Considered = Unchanged | Refused | Acceptable


def consider(path: Path, running: Version) -> Considered:
    """Read the file, validate it whole, and test what it names, where it differs from the version that runs."""
    text = ""
    try:
        text = read_text(path)
        _demand_something(text, path, running)
        version = version_from(text, path)
    except ConfigError as error:
        return Refused(text, str(error))
    if text == running.text and version.beside(running).config == running.config:
        return Unchanged()
    said = difference(running.config, version.config)
    later = tuple(needs_restart(running.config, version.config))
    version = version.beside(running)
    changed = tuple(sections(running.config, version.config))
    failed, remarks = _tested(version, changed)
    if failed:
        return Refused(text, failed, said)
    return Acceptable(version, changed, said, later, remarks)


def _demand_something(text: str, path: Path, running: Version) -> None:
    """Refuse a file that is gone or empty while another version runs: an editor may be replacing it."""
    if not path.exists() and running.text:
        raise ConfigError(f"{path}: expected a readable configuration file, found none")
    if not _says_something(text) and _says_something(running.text):
        raise ConfigError(f"{path}:1: expected settings, found an empty file; {{}} means every default")


def _says_something(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _tested(version: Version, changed: tuple[str, ...]) -> tuple[str, str]:
    """Return what keeps a daemon from running with what changes, and what else was found wrong."""
    only = [name for name in changed if name in CHECKED]
    if not only:
        return "", ""
    handover = Handover(version)
    options = [option for name in only for option in ("--only", name)]
    command = [sys.executable, "-m", "triaged.cli", "check", "--json", "--config", str(version.path), *options]
    environment = {**os.environ, **handover.environment}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=handover.descriptors,
            timeout=TEST_S,
            check=False,
        )
        rows = [Check(**row) for row in json.loads(ended.stdout)["checks"]]
    except subprocess.TimeoutExpired:
        return f"{version.path}: what it names could not be tested within {TEST_S:.0f} s", ""
    except (ValueError, KeyError, TypeError):
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"{version.path}: what it names could not be tested: {without_passwords(''.join(words))}", ""
    finally:
        handover.close()
    failed = [row for row in rows if not row.passed]
    return (
        "\n".join(row.line() for row in failed if row.blocks),
        "\n".join(row.line() for row in failed if not row.blocks),
    )
