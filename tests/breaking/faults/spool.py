"""The spool's ground moves: its file system goes away, is another one, is full, slow, says errors, or hangs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.breaking.fault import Fault, Truth
from tests.breaking.mounts import Disk, copy_of
from tests.breaking.site import Site, demand, run, stopped, wait_for


def _on_disk(options: str = "size=256m") -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        site.disks["spool"] = Disk(site, site.spool, options=options)

    return prepare


@contextmanager
def _unmounted(site: Site) -> Iterator[None]:
    disk = site.disks["spool"]
    disk.take()
    yield
    _expect_nothing_written(site, site.spool)
    disk.put_back()


@contextmanager
def _lazily_unmounted(site: Site) -> Iterator[None]:
    disk = site.disks["spool"]
    disk.take_lazily()
    yield
    _expect_nothing_written(site, site.spool)
    disk.put_back()


@contextmanager
def _folder_moved(site: Site) -> Iterator[None]:
    moved = site.folder / "spool-moved"
    site.spool.rename(moved)
    yield
    if site.spool.exists():
        site.broken.append("the spool was made again while the daemon ran")
        run("rm", "-rf", site.spool)
    moved.rename(site.spool)


@contextmanager
def _empty_folder(site: Site) -> Iterator[None]:
    moved = site.folder / "spool-moved"
    site.spool.rename(moved)
    site.spool.mkdir()
    yield
    _expect_nothing_written(site, site.spool)
    run("rm", "-rf", site.spool)
    moved.rename(site.spool)


@contextmanager
def _read_only(site: Site) -> Iterator[None]:
    disk = site.disks["spool"]
    disk.remount("ro")
    yield
    disk.remount("rw")


@contextmanager
def _full(site: Site) -> Iterator[None]:
    ballast = site.disks["spool"].fill()
    yield
    ballast.unlink()


@contextmanager
def _out_of_inodes(site: Site) -> Iterator[None]:
    folder = site.disks["spool"].kept / "many"
    folder.mkdir()
    made = 0
    try:
        while True:
            (folder / str(made)).touch()
            made += 1
    except OSError:
        pass
    yield
    run("rm", "-rf", folder)


@contextmanager
def _another_device(site: Site) -> Iterator[None]:
    disk = site.disks["spool"]
    disk.take()
    time.sleep(5)
    disk.replace(copy_of(disk, site))
    yield


def _beside_another(site: Site) -> None:
    """Let another daemon make a spool of its own."""
    _on_disk()(site)
    other = Site(site.folder / "other", seed=1)
    other.start()
    other.health.start()
    try:
        other.wait_ready(within_s=60)
    finally:
        other.end()
    site.servers["other spool"] = other.spool


@contextmanager
def _another_spool(site: Site) -> Iterator[None]:
    disk, other = site.disks["spool"], site.servers["other spool"]
    before = _names(other)
    disk.take()
    disk.replace(other)
    yield
    if _names(other) != before:
        site.broken.append("files were written to the spool of another daemon")
    disk.take_lazily()
    disk.put_back()


def _with_injected(what: str) -> Callable[[Site], AbstractContextManager[None]]:
    """Let the calls that sync, of whoever writes or looks at the spool, go as `strace` injects it."""

    @contextmanager
    def inject(site: Site) -> Iterator[None]:
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject=fsync,fdatasync:{what}"]
        traced = [argument for role in ("receiver", "web") for argument in ("-p", str(site.role_pid(role)))]
        tracer = subprocess.Popen([*command, *traced])
        try:
            yield
        finally:
            tracer.terminate()
            tracer.wait(20)

    return inject


def _demand_strace(site: Site) -> None:
    demand("strace")


def _on_bindfs(site: Site) -> None:
    """Put the spool on a file system that a process serves, which can be stopped: a server that does not answer."""
    demand("bindfs")
    _on_disk()(site)
    disk = site.disks["spool"]
    served = site.folder / "spool-served"
    served.mkdir()
    disk.take()
    server = subprocess.Popen(["bindfs", "-f", disk.kept, site.spool])
    wait_for(lambda: os.path.ismount(site.spool), within_s=20, what="bindfs")
    site.servers["spool"] = server
    site.at_end.append(lambda: _end_server(server, site.spool))


@contextmanager
def _hung(site: Site) -> Iterator[None]:
    with stopped([site.servers["spool"].pid]):
        yield


def _end_server(server: subprocess.Popen[bytes], mounted: Path) -> None:
    run("umount", "-l", mounted)
    server.terminate()
    server.wait(20)


def _expect_nothing_written(site: Site, folder: Path) -> None:
    if found := _names(folder):
        site.broken.append(f"written where the spool was not: {len(found)} files and folders, such as {found[-1]}")


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


FAULTS = [
    Fault("spool unmounted", _unmounted, Truth.NOT_READY, _on_disk()),
    Fault("spool unmounted for 70 s", _unmounted, Truth.NOT_READY, _on_disk(), hold_s=70),
    Fault("spool lazily unmounted", _lazily_unmounted, Truth.NOT_READY, _on_disk()),
    Fault("spool folder moved away", _folder_moved, Truth.NOT_READY),
    Fault("empty folder for a spool", _empty_folder, Truth.NOT_READY),
    Fault("spool read-only", _read_only, Truth.NOT_READY, _on_disk()),
    Fault("spool full", _full, Truth.NOT_READY, _on_disk("size=24m")),
    Fault("spool out of inodes", _out_of_inodes, Truth.NOT_READY, _on_disk("size=256m,nr_inodes=3000")),
    Fault("spool slow", _with_injected("delay_enter=500000"), Truth.READY, _demand_strace),
    Fault("spool says I/O error", _with_injected("error=EIO"), Truth.NOT_READY, _demand_strace),
    Fault("spool hangs", _hung, Truth.NOT_READY, _on_bindfs),
    Fault("spool on another device", _another_device, Truth.EITHER, _on_disk(), hold_s=5),
    Fault("another daemon's spool", _another_spool, Truth.NOT_READY, _beside_another),
]

SHORT = Fault("spool unmounted", _unmounted, Truth.NOT_READY, _on_disk(), hold_s=8)
SHORT_WITHOUT_MOUNTING = Fault("spool folder moved away", _folder_moved, Truth.NOT_READY, hold_s=8)
