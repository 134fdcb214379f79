"""The section that says what is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.config.loading import parse
from triaged.errors import ConfigError
from triaged.steps.options import RetentionOptions


def test_nothing_is_deleted_unless_somebody_says_so() -> None:
    assert parse("", Path("config.yaml")).retention_options() == RetentionOptions()


def test_days_are_numbers_or_never() -> None:
    text = """
retention: {images_days: 30, results_days: 365.5, undone_days: never, quarantine_days: never, start_at_free_mb: 4096}
destinations:
  - {name: pacs, ae_title: PACS, host: 127.0.0.1, port: 104, storage_commitment: true}
  - {name: other, ae_title: OTHER, host: 127.0.0.1, port: 105}
"""
    found = parse(text, Path("config.yaml")).retention_options()
    expected = RetentionOptions(
        images_days=30, results_days=365.5, start_at_free_mb=4096, committing=frozenset({"pacs"})
    )
    assert found == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images_days: 0", "config.yaml:2: retention.images_days: expected more than 0.0, found 0"),
        ("images_days: often", "config.yaml:2: retention.images_days: expected a number, found 'often'"),
        ("image_days: 3", "config.yaml:2: retention.image_days: unknown key; did you mean images_days?"),
        (
            "undone_days: 30",
            "config.yaml:2: retention.undone_days: expected never: what nobody has done is not deleted",
        ),
        ("results_days: 30", "config.yaml:2: retention.results_days: expected at least images_days"),
        ("{images_days: 30, results_days: 7}", "config.yaml:2: retention.results_days: expected at least images_days"),
        (
            "start_at_free_mb: 1024",
            "config.yaml:1: retention: expected start_at_free_mb above storage.reserve_mb (1024)",
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"retention:\n  {text}", Path("config.yaml"))
    assert said in str(refused.value)
