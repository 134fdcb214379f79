"""docs/scale.md names only files, tests and settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triaged.config.loading import parse

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "scale.md"


def test_every_file_that_it_links_or_names_is_there() -> None:
    said = DOCUMENT.read_text(encoding="utf-8")
    linked = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", said)]
    missing = [each for each in linked if not (DOCUMENT.parent / each).exists()]
    named = re.findall(r"`(tests/[\w/]+\.py)`", said)
    assert named
    assert [*missing, *(each for each in named if not (PROJECT / each).exists())] == []


def test_its_configuration_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = DOCUMENT.read_text(encoding="utf-8")
    text, of_a_bucket = re.findall(r"(?s)```yaml\n(.*?)```", said)
    monkeypatch.setenv("S3_ACCESS_KEY", "a")
    (tmp_path / "s3-secret-key").write_text("b")
    assert parse(of_a_bucket, tmp_path / "config.yaml").storage.objects is not None
    for number, url in enumerate(re.findall(r"`(postgresql://[^`]+)`", said), 1):
        (tmp_path / "database-url").write_text(url)
        settings = parse(text, tmp_path / "config.yaml")
        assert settings.database.url == url.replace("postgresql", "postgresql+psycopg", 1), number
        assert settings.worker_count > 1
