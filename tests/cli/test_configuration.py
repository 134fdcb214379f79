"""The commented configuration as a command, and the defaults where nobody wrote one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.site import run
from triaged.config.loading import load

PROJECT = Path(__file__).parents[2]


def test_the_example_is_the_commented_configuration_and_valid_as_it_is_printed(tmp_path: Path) -> None:
    printed = run("config", "example")
    assert printed.code == 0
    assert printed.out == (PROJECT / "config.yaml").read_text(encoding="utf-8")
    written = tmp_path / "config.yaml"
    written.write_text(printed.out, encoding="utf-8")
    load(written)


def test_without_a_configuration_file_the_defaults_are_in_force_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("worklist", "--json")
    assert (ended.code, ended.out.strip()) == (0, "[]")
    assert ended.err.splitlines() == [
        "No config.yaml here: every setting has its default (triaged config example prints them)."
    ]
    assert (tmp_path / "var" / "triaged.db").exists()


def test_a_configuration_file_that_is_there_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("dicom:\n  prot: 104\n", encoding="utf-8")
    assert run("worklist").code == 2
