"""Copies a site while it runs: database, spool, configuration, and digests of everything. `daemon.restoring` reads it.

First the database at one moment, then the files that its rows refer to: a file is there before its row, so none is
missing, but what is deleted on purpose meanwhile, which is told. The manifest comes last: without it there is no
back-up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from triaged.config.settings import Config
from triaged.daemon.postgresql import dump
from triaged.daemon.spools import back_up_of
from triaged.errors import TryLater
from triaged.spool.copying import DigestList, demand_empty, digest_of, sync_folders, write
from triaged.spool.root import MARKER
from triaged.store.studies.inventory import kept_files
from triaged.store.tables.database import open_database, revision_of
from triaged.store.tables.postgresql import server_of, snapshot
from triaged.store.tables.sqlite import copy_database, file_of

MANIFEST: Final = "manifest.json"
DIGESTS: Final = "files.sha256"
SPOOL: Final = "spool"
SQLITE: Final = "triaged.db"
POSTGRESQL: Final = "triaged.dump"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a back-up is of. `missing` are files that rows refer to and that were not there.

    `deleted` were deleted on purpose while it was made. `digests_sha256` is of the list of all files with their
    digests. `packages` has the digest of each file of the model packages in use, which are not in the back-up.
    """

    at: str
    program: str
    schema: str
    database: str
    spool: str
    files: int
    size_bytes: int
    linked: int
    missing: tuple[str, ...]
    deleted: tuple[str, ...]
    packages: dict[str, str]
    digests_sha256: str


def back_up(config: Config, config_text: str, folder: Path, *, link: bool, now: datetime) -> Manifest:
    """Make a back-up in a folder that is empty or not there.

    Raises:
        NotEmpty: something is in it.
        TryLater: database or spool are away.
    """
    identity, copied = back_up_of(config.storage, link=link)
    demand_empty(folder)
    write(folder / "config.yaml", config_text.encode())
    write(folder / SPOOL / MARKER, f"{identity}\n".encode())
    with _copied(config.database.url, folder) as (name, paths):
        linked, missing = _place_all(paths, copied, folder / SPOOL)
    schema, deleted = _schema(config.database.url, folder), _deleted(config.database.url, missing)
    files, size_bytes = _write_digests(folder)
    digests = digest_of(folder / DIGESTS)
    assert digests is not None
    manifest = Manifest(
        at=now.isoformat(),
        program=version("triaged"),
        schema=schema,
        database=name,
        spool=identity,
        files=files,
        size_bytes=size_bytes,
        linked=linked,
        missing=tuple(path for path in missing if path not in deleted),
        deleted=tuple(sorted(deleted)),
        packages=_packages(config),
        digests_sha256=digests.sha256,
    )
    sync_folders(folder)
    write(folder / MANIFEST, (json.dumps(asdict(manifest), indent=2) + "\n").encode())
    sync_folders(folder)
    return manifest


@contextmanager
def _copied(url: str, folder: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Copy the database; give the name of the copy, and where the files are that its rows refer to."""
    file = file_of(url)
    if file is None:
        with snapshot(url) as (seen, connection):
            dump(server_of(url), seen, folder / POSTGRESQL)
            yield POSTGRESQL, kept_files(connection)
        return
    copy_database(file, folder / SQLITE)
    database = open_database(f"sqlite:///{folder / SQLITE}")
    try:
        with database.read() as connection:
            yield SQLITE, kept_files(connection)
    finally:
        database.close()


def _place_all(paths: Iterator[str], copied: Callable[[str, Path], bool], target: Path) -> tuple[int, list[str]]:
    linked, missing = 0, []
    for path in paths:
        placed = target / path
        if placed.exists():
            continue
        if not copied(path, placed):
            missing.append(path)
        elif placed.stat().st_nlink > 1:
            linked += 1
    return linked, missing


def _deleted(url: str, missing: Sequence[str]) -> set[str]:
    """Return which of these files no row needs any more."""
    if not missing:
        return set()
    database = open_database(url)
    try:
        with database.read() as connection:
            return set(missing).difference(kept_files(connection))
    finally:
        database.close()


def _schema(url: str, folder: Path) -> str:
    file = folder / SQLITE
    database = open_database(f"sqlite:///{file}" if file.exists() else url)
    try:
        return revision_of(database) or ""
    finally:
        database.close()


def _write_digests(folder: Path) -> tuple[int, int]:
    """List every file with its digest; return how many there are and how many bytes they have."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = size_bytes = 0
    digests = DigestList(folder / DIGESTS)
    try:
        for name in names:
            found = digest_of(folder / name)
            if found is None:
                raise TryLater(f"expected to read {name} in the back-up again, found that it cannot be read")
            digests.add(name, found.sha256)
            files, size_bytes = files + 1, size_bytes + found.size_bytes
    finally:
        digests.close()
    return files, size_bytes


def _packages(config: Config) -> dict[str, str]:
    """Return the digest of each file of the packages that the configuration names."""
    models = config.models
    folders = [models.folder / name for name in (models.ct, models.cxr, *models.second)]
    files = sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(models.folder).as_posix(): digest_of(path) for path in files}
    return {name: digest.sha256 for name, digest in found.items() if digest is not None}
