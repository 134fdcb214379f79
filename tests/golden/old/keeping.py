"""Packs the folder of an older version, and unpacks it; knows no rooms."""

from __future__ import annotations

import gzip
import io
import lzma
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

DUMP = Path(__file__).parent / "triaged.sql.gz"
SPOOL = Path(__file__).parent / "spool.tar.xz"
EXPECTED_OF_OLD = Path(__file__).parent / "expected"
"""What is shown of the old folder otherwise than of a new one: words of its time, and numbers that it does not have."""
SAID_OTHERWISE = {
    "gave up after 3 attempts; the history holds the reason of each": (
        "gave up after 3 attempts: attempts 1, 2, 3: RuntimeError"
    ),
}
"""Sentences that the older version wrote, and this one words otherwise: what both show is compared in today's words."""


def pack(spool: Path, archive: Path) -> None:
    """Write a spool as an archive that is the same whenever it is packed."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in sorted(path for path in spool.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(str(path.relative_to(spool)))
            entry.size = path.stat().st_size
            tar.addfile(entry, io.BytesIO(path.read_bytes()))
    archive.write_bytes(lzma.compress(content.getvalue(), preset=9))


def unpack(folder: Path) -> None:
    """Make the folder as the older version left it: its database, and its spool."""
    with closing(sqlite3.connect(folder / "triaged.db")) as database:
        script = gzip.decompress(DUMP.read_bytes()).decode("utf-8")
        for said, today in SAID_OTHERWISE.items():
            script = script.replace(said, today)
        database.executescript(script)
    with tarfile.open(SPOOL) as tar:
        tar.extractall(folder / "spool", filter="data")
