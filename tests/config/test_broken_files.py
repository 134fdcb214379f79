"""Whatever is wrong with a configuration file: one error that names file, line, key, what was expected and found."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from tests.config.broken import Broken, some_ways
from triaged.config.loading import load
from triaged.errors import ConfigError

SHIPPED = "".join(
    line
    for line in (Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    if line.strip() and not line.strip().startswith("#")
)
QUICK, ALL = 60, 500
LONGEST_S = 2.0
CLOSED_LATER = "quote left open"
"""What begins there goes on to the next quote of the file, so that YAML stumbles only after that."""


def _said(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(ConfigError) as error:
        load(path)
    assert time.process_time() - began < LONGEST_S
    return str(error.value)


def _demand_a_place(path: Path, broken: Broken) -> None:
    for said in _said(path, broken.content).splitlines():
        found = re.match(rf"{re.escape(str(path))}:(\d+): (.+)", said)
        assert found is not None, (broken.kind, said)
        line, words = int(found[1]), found[2]
        is_near = abs(line - broken.line) <= 1 or (broken.kind == CLOSED_LATER and line > broken.line)
        assert is_near, (broken.kind, broken.line, said)
        assert "unknown key" in words or ("expected" in words and "found" in words), (broken.kind, said)
        if broken.is_yaml:
            assert line == broken.line, (broken.kind, said)
            assert broken.key in words.lower(), (broken.kind, broken.key, said)


def test_a_mistake_in_any_line_is_said_with_that_line(tmp_path: Path) -> None:
    for broken in some_ways(SHIPPED, random.Random(16), QUICK):
        _demand_a_place(tmp_path / "config.yaml", broken)


@pytest.mark.slow
def test_hundreds_of_mistakes_are_said_with_their_lines(tmp_path: Path) -> None:
    chosen = some_ways(SHIPPED, random.Random(7), ALL)
    assert len(chosen) == ALL
    assert len({each.kind for each in chosen}) >= 25
    for broken in chosen:
        _demand_a_place(tmp_path / "config.yaml", broken)


@pytest.mark.parametrize(
    "content",
    [
        b"- dicom\n- web\n",
        b"just words\n",
        b"42\n",
        b"? {a: b}\n: c\n",
        b"workers: !!python/object:os.system {}\n",
        b"workers: !tag 3\n",
        b"a: &x {b: c}\nworkers: 1\n<<: *x\n",
        b"workers: 1\n---\nworkers: 2\n",
        b"%YAML 3.9\n---\nworkers: [\n",
        "workers: 2\n".encode("utf-16"),
        "workers: 2\n".encode("utf-32"),
        b"\xef\xbb\xbfworkers: two\n",
        b"workers: 2026-01-01\n",
        b"workers: 0x10000\n",
        b"workers: 1_000\n",
        b"null: 1\n",
        b"1: 2\n",
        b"true: 1\n",
        b"[a, b]: c\n",
        b"dicom: {port: {port: {port: 1}}}\n",
        b"destinations: {name: pacs}\n",
        b"destinations: [null]\n",
        b"destinations: [[]]\n",
        b"pushes: [{}]\n",
        b"web: {groups: {Chest: anna}}\n",
        b"retired: {'': drop}\n",
        b"dicom: " + b"[" * 200 + b"\n",
        b"x" * 300_000,
        b"workers: " + b"9" * 5000 + b"\n",
        b"logging: {level: " + b"L" * 10_000 + b"}\n",
        b"database: {url: 'sqlite:///\x7f'}\nworkers: no\n",
        b"dicom:\n  port: 104\n web:\n  port: 1\n",
        b"dicom: {port: 104\n",
        b"web: {host: 127.0.0.1}}\n",
    ],
)
def test_what_nobody_would_write_is_said_too(content: bytes, tmp_path: Path) -> None:
    said = _said(tmp_path / "config.yaml", content)
    assert said.startswith(str(tmp_path / "config.yaml")), said
    for line in said.splitlines():
        assert "expected" in line or "unknown key" in line, said
        assert len(line) < 1000
