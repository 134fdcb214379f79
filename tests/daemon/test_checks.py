"""What `triaged check` says of the ground that a configuration names: every row with its place, and nothing made."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.web.provider import provider
from triaged.daemon.checks import Check, check, located
from triaged.daemon.versions import version_from

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


def _rows(folder: Path, text: str, *only: str) -> dict[str, Check]:
    version = version_from(text, folder / "config.yaml")
    found = located(check(version.config, only), text, version.path)
    return {row.what: row for row in found}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that somebody listens on who speaks no DICOM."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.mark.parametrize(
    ("make", "url", "said"),
    [
        (
            lambda at: at.write_bytes(b"no database" * 100),
            "d.db",
            "expected a SQLite database, found a file that is none",
        ),
        (lambda at: at.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000), "d.db", "found a file that is none"),
        (lambda at: at.mkdir(), "d.db", "expected a file, found something else"),
        (lambda at: at.write_bytes(b"x"), "d.db/x.db", "expected a folder, found a file"),
    ],
)
def test_what_is_no_database_is_said_with_its_line(make: Any, url: str, said: str, tmp_path: Path) -> None:
    make(tmp_path / "d.db")
    row = _rows(tmp_path, f"workers: 1\ndatabase:\n  url: sqlite:///{url}\n", "database")["database"]
    assert (row.passed, row.blocks, row.at) == (False, True, f"{tmp_path}/config.yaml:3")
    assert said in row.found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o500)
    row = _rows(tmp_path, "database: {url: sqlite:///folder/t.db}", "database")["database"]
    assert "expected to be able to write to" in row.found


def test_a_check_makes_neither_folder_nor_file(tmp_path: Path) -> None:
    text = "database: {url: sqlite:///new/t.db}\nstorage: {path: other/spool, reserve_mb: 1}\n"
    rows = _rows(tmp_path, text, "database", "storage", "access", "retired")
    assert all(row.passed for row in rows.values()), rows
    assert list(tmp_path.iterdir()) == []


def test_why_a_port_cannot_be_had_is_said(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    taken = _rows(tmp_path, f"dicom: {{host: 127.0.0.1, port: {port}}}", "dicom")["dicom"]
    assert not taken.passed
    assert "Address already in use, and who listens there does not answer C-ECHO" in taken.found
    elsewhere = _rows(tmp_path, f"dicom: {{host: 192.0.2.1, port: {free_port()}}}", "dicom")["dicom"]
    assert "Cannot assign requested address" in elsewhere.found


@pytest.mark.parametrize(
    ("dicom", "warns"),
    [
        ("{}", True),
        ("{host: 127.0.0.1}", False),
        ("{allowed_calling_ae_titles: [CT1]}", False),
        ("{access: {store: [{network: 10.0.0.0/8}]}}", False),
        ("{access: {echo: [{network: 10.0.0.0/8}]}}", True),
    ],
)
def test_a_receiver_that_is_open_to_everybody_is_a_warning(dicom: str, warns: bool, tmp_path: Path) -> None:
    row = _rows(tmp_path, f"dicom: {dicom}", "dicom")["dicom.access"]
    assert (row.passed, row.warns) == (True, warns)


def test_a_site_that_no_study_comes_to_is_a_warning_at_its_line(tmp_path: Path) -> None:
    text = "sites:\n  - {name: north, senders: NORTH_*}\n  - {name: south}\n"
    rows = {name: row for name, row in _rows(tmp_path, text, "sites").items() if name.startswith("sites")}
    row = rows.pop("sites: south")
    assert rows == {}
    assert (row.passed, row.warns) == (True, True)
    assert row.found == "no study comes to it: it has no senders, no addresses, and no rule"
    assert row.at == f"{tmp_path}/config.yaml:3"


def _signing_on(issuer: str, roles: str = "{pacs: administrator}") -> str:
    return (
        "access:\n  mode: accounts\n  origin: https://triage.example\n  oidc:\n"
        f"    client_id: triaged\n    issuer: {issuer}\n    roles_claim: groups\n    roles: {roles}\n"
    )


def test_a_provider_that_answers_is_said(tmp_path: Path) -> None:
    with provider() as there:
        row = _rows(tmp_path, _signing_on(there.issuer), "access")["access.oidc"]
    assert (row.state, row.found) == ("ok", f"{there.issuer} answers and signs people out, too")


def test_a_provider_that_is_away_is_a_warning_with_its_line(tmp_path: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    row = _rows(tmp_path, _signing_on(issuer), "access")["access.oidc"]
    assert (row.state, row.blocks, row.at) == ("warning", False, f"{tmp_path}/config.yaml:6")
    assert row.found.startswith(f"expected {issuer} to answer, found: ")


def test_a_provider_that_is_another_is_a_mistake_and_keeps_nothing_from_running(tmp_path: Path) -> None:
    with provider() as there:
        there.metadata["issuer"] = "https://evil.example"
        row = _rows(tmp_path, _signing_on(there.issuer), "access")["access.oidc"]
    assert (row.state, row.blocks, row.at) == ("FAILED", False, f"{tmp_path}/config.yaml:6")
    assert "of another issuer than access.oidc.issuer" in row.found


@pytest.mark.parametrize(("roles", "passed"), [("{pacs: administrator}", True), ("{radiology: reader}", False)])
def test_an_administrator_may_come_from_the_provider(roles: str, passed: bool, tmp_path: Path) -> None:
    with provider() as there:
        assert _rows(tmp_path, _signing_on(there.issuer, roles), "access")["access"].passed is passed


@pytest.mark.parametrize(("workers", "warns"), [(1, False), (64, True)])
def test_less_memory_than_the_workers_may_take_is_a_warning(
    workers: int, warns: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.daemon.checks._memory_gib", lambda: 16.0)
    row = _rows(tmp_path, f"workers: {workers}", "workers")["workers"]
    words = f"{workers} x 2 GiB, receivers: 1 x 0.27 GiB of 16.0 GiB of memory"
    assert (row.passed, row.warns, row.found) == (True, warns, words)


def test_receivers_count_for_the_memory_and_more_than_one_is_of_little_use_on_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triaged.daemon.checks._memory_gib", lambda: 6.0)
    text = "workers: 2\ndicom:\n  receivers: {}\ndatabase: {{url: '{}'}}"
    rows = _rows(tmp_path, text.format(8, "sqlite:///t.db"), "dicom")
    words = "2 x 2 GiB, receivers: 8 x 0.27 GiB of 6.0 GiB of memory"
    assert (rows["workers"].warns, rows["workers"].found) == (True, words)
    row = rows["dicom.receivers"]
    assert (row.passed, row.warns, row.at) == (True, True, f"{tmp_path}/config.yaml:3")
    assert "8 processes share 20 associations; on SQLite" in row.found
    rows = _rows(tmp_path, text.format(2, "postgresql://t@127.0.0.1/t"), "dicom")
    assert (rows["dicom.receivers"].warns, rows["workers"].warns) == (False, False)
    assert "dicom.receivers" not in _rows(tmp_path, text.format(1, "sqlite:///t.db"), "dicom")


def test_the_memory_of_each_pool_is_reckoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triaged.daemon.checks._memory_gib", lambda: 8.0)
    text = "workers:\n - {name: gpu0, number: 2, memory_mb: 3584}\n - {name: cpu, number: 1}\n"
    row = _rows(tmp_path, text, "workers")["workers"]
    assert (row.warns, row.found) == (
        True,
        "gpu0: 2 x 3.5 GiB, cpu: 1 x 2 GiB, receivers: 1 x 0.27 GiB of 8.0 GiB of memory",
    )


def test_models_are_tried_on_the_device_of_each_pool(tmp_path: Path) -> None:
    text = "inference: {device: cpu}\nworkers:\n - {name: gpu7, device: 'cuda:7'}\n - {name: a}\n - {name: b}\n"
    rows = _rows(tmp_path, text, "models")
    by_pool = {what: (row.passed, "expected cuda:7, as configured" in row.found) for what, row in rows.items()}
    assert by_pool["models.ct ct-open in workers gpu7"] == (False, True)
    assert by_pool["models.ct ct-open in workers a"] == (True, False)
    assert "models.ct ct-open in workers b" not in by_pool


def test_a_package_that_is_not_there_blocks_and_one_that_a_peer_refuses_does_not(tmp_path: Path) -> None:
    text = (
        "models: {ct: no-such}\ndestinations:\n"
        f"  - {{name: pacs, ae_title: P, host: 127.0.0.1, port: {free_port()}}}\n"
    )
    rows = _rows(tmp_path, text, "models", "destinations")
    assert (rows["models.ct no-such"].blocks, rows["models.ct no-such"].at) == (True, f"{tmp_path}/config.yaml:1")
    assert "there is: " in rows["models.ct no-such"].found
    assert "ct-open" in rows["models.ct no-such"].found
    assert not rows["destination pacs"].passed
    assert (rows["destination pacs"].blocks, rows["destination pacs"].at) == (False, f"{tmp_path}/config.yaml:3")
