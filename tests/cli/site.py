"""A site with a configuration of its own, and the command line run on it: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import structlog
from rich.console import Console

from tests.ports import free_port
from tests.web.scene import Scene, clinic
from triaged.cli import program as cli
from triaged.spool.files import Spool
from triaged.store.tables.database import open_database


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Site:
    """A configuration file with its store."""

    folder: Path

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.folder / "config.yaml"

    def configure(self, **changes: Any) -> None:
        """Write the configuration: ports that nobody listens on, the built-in engine, and these changes."""
        settings = {
            "dicom": {"host": "127.0.0.1", "port": free_port()},
            "web": {"port": free_port()},
            "storage": {"path": "spool", "reserve_mb": 1},
            "database": {"url": "sqlite:///triaged.db"},
            "models": {"ct": "threshold"},
        }
        self.config.write_text(json.dumps(settings | changes), encoding="utf-8")  # JSON is YAML

    def fill(self, migrated: Path) -> None:
        """Give the site a clinic's worth of studies; `migrated` is an empty store."""
        shutil.copyfile(migrated, self.folder / "triaged.db")
        with self.scene() as scene:
            clinic(scene)

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run a command with this configuration, in this process."""
        return run(*arguments, "--config", str(self.config), **environment)

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        """Open the store."""
        database = open_database(f"sqlite:///{self.folder / 'triaged.db'}")
        yield Scene(database, Spool(self.folder / "spool", reserve_mb=0))
        database.close()


def run(*arguments: str, **environment: str) -> Ended:
    """Run a command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.ExitStack() as around:
        around.enter_context(mock.patch.object(sys, "argv", ["triaged", *arguments]))
        around.enter_context(mock.patch.dict(os.environ, {"COLUMNS": "200"} | environment))
        if "TRIAGED_CONFIG" not in environment:
            os.environ.pop("TRIAGED_CONFIG", None)
        around.enter_context(mock.patch("triaged.daemon.logs.configure_logging", _log_to_the_current_standard_error))
        around.enter_context(mock.patch.object(cli, "out", Console(highlight=False, width=200)))
        around.enter_context(contextlib.redirect_stdout(out))
        around.enter_context(contextlib.redirect_stderr(err))
        around.callback(structlog.reset_defaults)
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int)
    return Ended(code or 0, out.getvalue(), err.getvalue())


def run_apart(*arguments: str, **environment: str) -> Ended:
    """Run a command in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if name != "TRIAGED_CONFIG"}
    ended = subprocess.run(
        [sys.executable, "-m", "triaged.cli", *arguments],
        env=kept | {"COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def _log_to_the_current_standard_error(level: str, style: str, role: str, **_: object) -> None:
    """Log as the daemon does, but let no logger keep the stream of this test."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
