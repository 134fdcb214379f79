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
    both = _config(), _config()
    assert concerned(["web"], *both) == {Role.WEB}
    assert concerned(["web", "completion"], *both) == {Role.WEB, Role.CLOCK}
    assert concerned(["workers"], _config(), _config(workers=3)) == frozenset()


GPU = {"name": "gpu0", "number": 2, "device": "cuda:0"}
REST = {"name": "cpu", "device": "cpu"}


@pytest.mark.parametrize(
    ("after", "said", "who"),
    [
        ([GPU | {"number": 3}, REST], "workers[gpu0].number: 2 → 3", frozenset()),
        ([GPU | {"device": "cuda:1"}, REST], "workers[gpu0].device: cuda:0 → cuda:1", {Role.WORKER}),
        ([GPU | {"modalities": ["X-ray"]}, REST], "workers[gpu0].modalities: none → X-ray", {Role.WORKER}),
        ([GPU], "workers[cpu].name: cpu removed", {Role.WORKER}),
        (2, "workers: 2 added", {Role.WORKER}),
    ],
)
def test_workers_are_started_anew_where_a_pool_says_something_else_than_how_many(
    after: object, said: str, who: frozenset[Role]
) -> None:
    before, changed = _config(workers=[GPU, REST]), _config(workers=after)
    assert said in difference(before, changed).splitlines()
    assert concerned(sections(before, changed), before, changed) == who
