"""Receivers as `triaged serve --role receiver` starts them, one or several, on a database of one kind or the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.programs import until
from tests.wire.peers import DCMTK_ENVIRONMENT
from triaged.store.tables.database import migrate, open_database


@contextmanager
def serving_receivers(
    folder: Path, url: str, receivers: int, **dicom: object
) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
    """Start them in a folder, and wait until all of them receive; give their port, and what tells their processes."""
    port = free_port()
    settings = {
        "dicom": {"host": "127.0.0.1", "port": port, "receivers": receivers, **dicom},
        "storage": {"path": "spool", "reserve_mb": 0},
        "database": {"url": url},
    }
    (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    if url.startswith("postgresql"):
        database = open_database(url)
        migrate(database)
        database.close()
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "receiver", "--config", "config.yaml"]
    with (folder / "log").open("wb") as log:
        # Each of several receivers has a session of its own, to which the scheduler gives a share: so has one alone.
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=DCMTK_ENVIRONMENT, start_new_session=True
        )
    try:
        text = (folder / "log").read_text
        try:
            until(lambda: text().count("receiving  ") == receivers, within_s=120, what="receivers to receive")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text()[-2000:]}") from None
        yield port, lambda: [process.pid, *_children(process.pid)]
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
