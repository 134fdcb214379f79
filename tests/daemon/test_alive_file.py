"""A role that runs alone says in a file that it gets on, and `triaged health` reads it as a probe does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.programs import until
from triaged.cli.program import app
from triaged.daemon import alive_file
from triaged.daemon.alive_file import FRESH_S, begin_alive_file, problem_of
from triaged.daemon.progress import Progress
from triaged.errors import ConfigError


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a hundred times a second."""
    monkeypatch.setattr(alive_file, "_WRITE_S", 0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the role of a test says how it is."""
    return tmp_path / "alive"


def _health(file: Path, *options: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["health", "--alive-file", str(file), *options])
    return ran.exit_code, ran.output


def _problem(file: Path, *, must_serve: bool = False, later_s: float = 0.0) -> str:
    return problem_of(file, must_serve=must_serve, monotonic_s=time.monotonic() + later_s)


def test_a_role_that_starts_is_alive_and_not_ready_until_it_serves(file: Path) -> None:
    progress = Progress()
    begin_alive_file(progress, file)
    assert _health(file) == (0, "status: ok\n")
    assert _health(file, "--ready") == (1, "cause: does not serve yet: starting\nstatus: failing\n")
    progress.serving()
    until(lambda: _health(file, "--ready") == (0, "status: ok\n"), within_s=20, what="it serves")


def test_a_role_that_hangs_is_not_alive_and_says_why(file: Path) -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    progress.watch("looking for a study", 10.0)
    progress.serving()
    begin_alive_file(progress, file)
    now[0] = 11.0
    until(lambda: _health(file)[0] == 1, within_s=20, what="it is not alive")
    assert "cause: hangs: looking for a study: no progress for 11 s" in _health(file)[1]


def test_a_role_that_says_nothing_any_more_is_not_alive(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    progress = Progress()
    progress.serving()
    begin_alive_file(progress, file)
    assert _problem(file, must_serve=True) == ""
    assert "no sign of life" in _problem(file, later_s=FRESH_S + 1)


def test_what_an_earlier_process_left_is_no_sign_of_life(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    file.write_text(f"{time.monotonic()} serving\n")
    assert _problem(file, later_s=-60) == "no sign of life yet"  # of before the machine was started again
    begin_alive_file(Progress(), file)
    assert _problem(file, must_serve=True) == "does not serve yet: starting"


@pytest.mark.parametrize("content", [b"", b"serving\n", b"\xff\xfe", b"nan serving\n"])
def test_a_file_of_something_else_is_no_sign_of_life(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert _problem(file)


def test_where_there_is_no_file_nobody_is_alive(file: Path) -> None:
    assert _health(file) == (1, f"cause: expected a role that writes {file}, found none\nstatus: failing\n")


def test_a_file_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--alive-file: expected a file that can be written"):
        begin_alive_file(Progress(), tmp_path / "absent" / "alive")


def test_a_whole_daemon_has_no_such_file(file: Path) -> None:
    ran = CliRunner().invoke(app, ["serve", "--alive-file", str(file)])
    assert ran.exit_code == 2
    assert "expected --role" in ran.output
