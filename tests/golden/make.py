"""Writes the expected files, and with `--old` the database and spool of this version: `python -m tests.golden.make`."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from tests.golden.figures import figures
from tests.golden.old.keeping import DUMP, SPOOL, pack
from tests.golden.outputs import EXPECTED, Files, outputs
from tests.golden.scenario import play


def write(files: Files, folder: Path) -> None:
    """Write files into a folder in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def keep_old(folder: Path) -> None:
    """Keep the database and the spool at the end of the scenario as what an older version wrote."""
    play(folder).close()
    with closing(sqlite3.connect(folder / "triaged.db")) as database:
        dump = "\n".join(database.iterdump()) + "\n"
    DUMP.write_bytes(gzip.compress(dump.encode("utf-8"), mtime=0))
    pack(folder / "spool", SPOOL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        if sys.argv[1:] == ["--old"]:
            keep_old(Path(made))
        else:
            for name in ("clinic", "figures"):
                Path(made, name).mkdir()
            write(outputs(Path(made, "clinic")) | figures(Path(made, "figures")), EXPECTED)
