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
from tests.golden.old.keeping import DUMP, EXPECTED_OF_OLD, SPOOL, pack, unpack
from tests.golden.outputs import EXPECTED, Files, afterwards, outputs, seen
from tests.golden.scenario import END, NEVER_STORED, play
from tests.golden.wiring import Clinic


def write(files: Files, folder: Path) -> None:
    """Write files into a folder in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def of_old(folder: Path) -> Files:
    """Return what is shown of the folder that the older version left, where it differs from what is expected."""
    unpack(folder)
    clinic = Clinic(folder, now=END)
    shown = {name: text for name, text in seen(clinic).items() if name not in NEVER_STORED} | afterwards(clinic)
    clinic.close()
    return {name: text for name, text in shown.items() if text != (EXPECTED / name).read_text(encoding="utf-8")}


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
            for name in ("clinic", "figures", "old"):
                Path(made, name).mkdir()
            write(outputs(Path(made, "clinic")) | figures(Path(made, "figures")), EXPECTED)
            write(of_old(Path(made, "old")), EXPECTED_OF_OLD)
