"""What an edit changes is said in words, and concerns the roles that read the section."""

from __future__ import annotations

from typing import Any

import pytest

from triaged.config.settings import Config
from triaged.daemon.changes import CONCERNS, concerned, difference, needs_restart, sections
from triaged.daemon.roles import Role

PACS = {"name": "pacs", "ae_title": "PACS", "host": "10.0.0.5", "port": 104}


def _config(**settings: Any) -> Config:
    return Config.model_validate(settings)


def test_each_section_says_whom_it_concerns() -> None:
    assert set(CONCERNS) == set(Config.model_fields)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"triage": {"scheme": "combined"}}, "triage.scheme: severity → combined"),
        ({}, {"dicom": {"allowed_calling_ae_titles": ["A", "B"]}}, "dicom.allowed_calling_ae_titles: none → A, B"),
        ({"destinations": [PACS]}, {"destinations": [PACS | {"port": 105}]}, "destinations[pacs].port: 104 → 105"),
        ({"workers": 1}, {"workers": 2}, "workers: 1 → 2"),
        ({"web": {"groups": {"Chest": ["anna"]}}}, {}, "web.groups.Chest: anna removed"),
    ],
)
def test_an_edit_is_said_key_by_key(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    assert difference(_config(**before), _config(**after)) == said


def test_a_destination_that_is_added_is_said_by_its_name() -> None:
    said = difference(_config(), _config(destinations=[PACS])).splitlines()
    assert "destinations[pacs].host: 10.0.0.5 added" in said
    assert not [line for line in said if line.endswith((": none added", ": none removed"))]


@pytest.mark.parametrize("password", ["hunter22", "p%40ss", "with space"])
def test_a_password_that_changes_is_not_said(password: str) -> None:
    before, after = (
        _config(database={"url": f"postgresql://u:{word}@h:5432/d"}) for word in (password, f"{password}x")
    )
    assert difference(before, after) == "database.url: another value"


def test_where_everything_is_kept_needs_a_restart_and_the_rest_does_not() -> None:
    after = _config(database={"url": "sqlite:////o.db"}, storage={"path": "/o", "reserve_mb": 5}, workers=3)
    assert needs_restart(_config(), after) == ["database.url", "storage.path"]
    assert sections(_config(), after) == ["storage", "database", "workers"]


def test_an_edit_of_the_pages_concerns_nobody_who_receives_or_reads() -> None:
    assert concerned(["web"]) == {Role.WEB}
    assert concerned(["web", "completion"]) == {Role.WEB, Role.CLOCK}
    assert concerned(["workers"]) == frozenset()
