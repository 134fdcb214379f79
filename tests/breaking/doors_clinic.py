"""The clinic whose doors are tried: its studies, its routes, what is secret in it, and whether anything changed.

Knows no door.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from tests.web.scene import Scene, clinic
from triaged.spool.files import Spool
from triaged.store.tables.database import migrate, open_database

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW")
SECRETS = ("Ivanova", "Muster", "García", "山田", "P-3", "A-3", "19560412", "CT thorax", "MODALITY<1>")
"""What the clinic's patients and senders are known by."""
STUDY = "1.2.826.0.1.3"
FOR_EVERYBODY = ("/health", "/health/live", "/health/ready", "/sign-in", "/static")
FOR_ADMINISTRATORS = ("/people", "/metrics", "/admin", "/api/admin")


@contextmanager
def clinic_of(folder: Path) -> Iterator[Scene]:
    """Return a clinic's worth of studies in a folder."""
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    migrate(database)
    scene = clinic(Scene(database, Spool(folder / "spool", reserve_mb=0)))
    yield scene
    database.close()


def routes_of(app: FastAPI) -> list[str]:
    """Return the path of every route of an application, with values for what is variable in it."""

    def paths(routes: Iterable[Any]) -> Iterator[str]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from paths(route.original_router.routes)
            else:
                yield route.path

    values = {
        "uid": "1.2.826.0.1.3",
        "study_instance_uid": "1.2.826.0.1.3",
        "study_uid": "1.2.826.0.1.3",
        "series_uid": "1.2.826.0.2.1",
        "sop_instance_uid": "2.25.310",
        "numbers": "1",
        "path": "00420011",
        "index": "0",
        "number": "1",
        "row": "0",
        "column": "0",
    }
    return sorted({path.replace(":path}", "}").format(**values) for path in paths(app.routes)})


def tables(scene: Scene) -> str:
    """Return a digest of all that is kept, but sessions, sign-ins, when somebody was seen, and who looked at what."""
    path = Path(str(scene.database._engine.url.database))
    digest = sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
            if name not in ("session", "sign_in_attempt", "account", "audit"):
                digest.update(
                    f"{name}{database.execute(f'SELECT * FROM {name}').fetchall()}".encode("utf-8", "replace")
                )
    return digest.hexdigest()
