"""What becomes of a file that changed under a daemon is decided as a whole, before any role hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ports import free_port
from triaged.daemon.considering import Acceptable, Refused, Unchanged, consider
from triaged.daemon.versions import Version, version_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a daemon that runs with it."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"dicom: {{host: 127.0.0.1, port: {free_port()}}}\n"
        f"web: {{port: {free_port()}}}\n"
        "models: {ct: threshold}\n"
        "storage: {path: spool, reserve_mb: 1}\n"
        "database: {url: sqlite:///triaged.db}\n"
    )
    return path


@pytest.fixture
def running(path: Path) -> Version:
    """The version that is in force."""
    return version_of(path)


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_file_that_was_only_touched_changes_nothing(path: Path, running: Version) -> None:
    path.touch()
    assert consider(path, running) == Unchanged()


def test_a_valid_edit_is_acceptable_with_what_it_changes(path: Path, running: Version) -> None:
    path.write_text(path.read_text() + "completion: {quiet_s: 40}\n")
    found = consider(path, running)
    assert isinstance(found, Acceptable)
    assert (found.changed, found.later, found.remarks) == (("completion",), (), "")
    assert found.difference == "completion.quiet_s: 30.0 → 40.0"
    assert found.version.config.completion.quiet_s == 40


def test_where_everything_is_kept_stays_until_a_restart_and_the_rest_is_taken(path: Path, running: Version) -> None:
    _edit(path, "triaged.db", "other.db")
    path.write_text(path.read_text() + "completion: {quiet_s: 40}\n")
    found = consider(path, running)
    assert isinstance(found, Acceptable)
    assert (found.changed, found.later) == (("completion",), ("database.url",))
    assert found.version.config.database == running.config.database
    again = consider(path, found.version)
    assert again == Unchanged()
    _edit(path, "other.db", "triaged.db")
    back = consider(path, found.version)
    assert isinstance(back, Acceptable)
    assert (back.later, back.version.pinned) == ((), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers:\n\t2\n", "config.yaml:2: expected YAML, found character"),
        ("workres: 2\n", "config.yaml:1: workres: unknown key; did you mean workers?"),
        ("", "config.yaml:1: expected settings, found an empty file"),
        ("# nothing but words\n", "config.yaml:1: expected settings"),
        (None, "config.yaml: expected a readable configuration file"),
    ],
)
def test_a_file_that_is_broken_empty_or_gone_is_refused(
    path: Path, running: Version, text: str | None, said: str
) -> None:
    path.unlink()
    if text is not None:
        path.write_text(text)
    found = consider(path, running)
    assert isinstance(found, Refused)
    assert said in found.why


def test_a_package_that_is_not_there_is_refused_with_its_line(path: Path, running: Version) -> None:
    _edit(path, "threshold", "no-such")
    found = consider(path, running)
    assert isinstance(found, Refused)
    assert found.why.startswith(f"{path}:3: models.ct no-such: ")
    assert found.difference == "models.ct: threshold → no-such"


def test_a_destination_that_is_away_is_a_remark(path: Path, running: Version) -> None:
    pacs = f"{{name: pacs, ae_title: PACS, host: 127.0.0.1, port: {free_port()}}}"
    path.write_text(path.read_text() + f"destinations:\n  - {pacs}\n")
    found = consider(path, running)
    assert isinstance(found, Acceptable)
    assert found.changed == ("destinations",)
    assert found.remarks.startswith(f"{path}:7: destination pacs: expected PACS at 127.0.0.1")
