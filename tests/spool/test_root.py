"""The spool that goes away and comes back: nothing is written elsewhere, and nothing counts as lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.spool.test_files import DATA_SET, SERIES, SOP, STUDY, files, keep
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile
from triaged.spool.root import MARKER, established, is_marked

USES: dict[str, Callable[[Spool], object]] = {
    "receiving": keep,
    "the reserve": Spool.check_reserve,
    "the check for writing": Spool.check_writable,
    "free space": Spool.free_mb,
    "a result": lambda spool: spool.keep_derived("1.2.3", "2.25.9.dcm", b"SEG"),
    "quarantine": lambda spool: spool.quarantine("x.dcm", b"odd"),
    "reading": lambda spool: spool.absolute("1.2.3/1.2.4/1.2.5.dcm"),
    "the size of a file": lambda spool: spool.is_whole("1.2.3/1.2.4/1.2.5.dcm", 1),
    "discarding": lambda spool: spool.discard(KeptFile("1.2.3/1.2.4/1.2.5.dcm", "", 1)),
    "sweeping": lambda spool: spool.sweep_parts(datetime.now(UTC)),
    "being there": Spool.check_present,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
@pytest.mark.parametrize("instead", ["no folder", "an empty folder", "another spool"])
def test_nothing_is_done_where_the_spool_is_away(root: Path, use: Callable[[Spool], object], instead: str) -> None:
    spool = Spool(root, 0, established(root))
    keep(spool)
    away = root.rename(root.with_name("away"))
    if instead != "no folder":
        root.mkdir()
    if instead == "another spool":
        established(root)
    with pytest.raises(TryLater, match=r"expected the spool .* at .*, found"):
        use(spool)
    assert not root.exists() or {path.name for path in root.iterdir()} <= {MARKER}
    assert (away / "1.2.3/1.2.4/1.2.5.dcm").is_file()


def test_a_spool_that_is_back_is_used_again_with_all_that_it_had(root: Path) -> None:
    spool = Spool(root, 0, established(root))
    kept = keep(spool)
    away = root.rename(root.with_name("away"))
    root.mkdir()
    with pytest.raises(TryLater):
        keep(spool)
    root.rmdir()
    away.rename(root)
    assert keep(spool) == kept
    assert files(spool) == [kept.path]


def test_an_instance_on_its_way_while_the_spool_goes_away_is_refused_and_leaves_nothing(root: Path) -> None:
    spool = Spool(root, 0, established(root))

    def interrupted() -> None:
        with spool.part(STUDY, SERIES, SOP) as part:
            part.write(DATA_SET)
            root.rename(root.with_name("away"))
            root.mkdir()
            part.commit()

    with pytest.raises(TryLater):
        interrupted()
    assert list(root.iterdir()) == []
    assert not (root.with_name("away") / "1.2.3").exists()


def test_a_copy_of_the_spool_in_its_place_is_the_spool(root: Path, tmp_path: Path) -> None:
    spool = Spool(root, 0, established(root))
    kept = keep(spool)
    shutil.copytree(root, tmp_path / "restored")
    root.rename(tmp_path / "away")
    (tmp_path / "restored").rename(root)
    assert spool.absolute(kept.path).is_file()
    assert keep(spool) == kept


def test_a_folder_cleared_away_and_made_again_is_not_the_spool_even_under_the_same_number(root: Path) -> None:
    spool = Spool(root, 0, established(root))
    spool.check_present()
    for path in root.iterdir():
        path.unlink()
    with pytest.raises(TryLater, match="no spool"):
        spool.check_present()


def test_a_spool_that_was_away_before_the_process_began_is_waited_for(root: Path) -> None:
    identity = established(root)
    away = root.rename(root.with_name("away"))
    spool = Spool(root, 0, identity)
    with pytest.raises(TryLater, match="found no folder"):
        spool.check_reserve()
    assert not root.exists()
    away.rename(root)
    spool.check_reserve()


def test_a_link_that_takes_its_place_leads_to_the_same_files(root: Path) -> None:
    identity = established(root)
    spool = Spool(root, 0, identity)
    kept = spool.keep_derived("1.2.3", "a.dcm", b"content")
    moved = root.rename(root.with_name("moved"))
    root.symlink_to(moved)
    assert spool.absolute(kept.path).read_bytes() == b"content"
    with pytest.raises(ValueError, match="inside the spool"):
        spool.absolute("../moved-too")


def test_folders_are_synced_again_where_the_file_system_has_changed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(root, 0, established(root))
    keep(spool)
    shutil.copytree(root, tmp_path / "restored")
    root.rename(tmp_path / "away")
    (tmp_path / "restored").rename(root)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    keep(spool)
    assert {str(root), str(root / "1.2.3")} <= set(synced)


def test_no_operation_keeps_the_file_system_busy(root: Path) -> None:
    spool = Spool(root, 0, established(root))
    keep(spool)
    spool.sweep_parts(datetime.now(UTC) + timedelta(days=1))
    spool.is_whole("1.2.3/1.2.4/1.2.5.dcm", 1)
    held = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert [path for path in held if path.startswith(str(root))] == []


def test_a_marker_is_made_once_by_however_many(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from triaged.spool.root import established;"
        " print(established(Path(sys.argv[1])))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    named = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert named == {established(root)}
    assert [path.name for path in root.iterdir()] == [MARKER]


def test_an_empty_marker_names_no_spool(root: Path) -> None:
    root.mkdir()
    (root / MARKER).touch()
    assert is_marked(root)
    with pytest.raises(TryLater, match="empty"):
        established(root)
    with pytest.raises(TryLater, match="empty"):
        Spool(root, 0, "some").check_present()


UNMOUNTED = """
import subprocess, sys
from pathlib import Path
from tests.spool.test_files import keep
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.spool.root import established

root = Path(sys.argv[1])
mount = lambda: subprocess.run(["mount", "-t", "tmpfs", "none", str(root)], check=True)
root.mkdir()
mount()
spool = Spool(root, 0, established(root))
kept = keep(spool)
subprocess.run(["umount", str(root)], check=True)  # fails where a descriptor is open
for use in (keep, Spool.check_reserve, lambda spool: spool.is_whole(kept.path, 1)):
    try:
        use(spool)
    except TryLater:
        continue
    raise SystemExit("used where it was away")
assert list(root.iterdir()) == [], list(root.iterdir())
mount()
try:
    keep(spool)  # another, empty file system
except TryLater:
    pass
else:
    raise SystemExit("kept on another file system")
assert list(root.iterdir()) == []
subprocess.run(["umount", str(root)], check=True)
"""


def test_an_unmounted_file_system_is_not_written_under(root: Path) -> None:
    may = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if may.returncode:
        pytest.skip(f"mounts are not permitted here: {may.stderr.decode().strip()}")
    command = ["unshare", "-m", sys.executable, "-c", UNMOUNTED, str(root)]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert tried.returncode == 0, tried.stderr + tried.stdout
