"""File systems that a trial may take away: a disk in memory that is mounted elsewhere too, so that it survives.

Everything happens in the mount namespace of the trial; whoever started it sees none of it. Knows no fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.breaking.site import NotHere, Site, run

_NAMESPACE = "TRIAGED_TRIAL_NAMESPACE"


def in_own_namespace(module: str) -> None:
    """Go on in a mount namespace of our own, where that is permitted; without it faults that mount are skipped."""
    if _NAMESPACE in os.environ or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return
    os.environ[_NAMESPACE] = "1"
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", module, *sys.argv[1:]]
    os.execvp(command[0], command)


def is_in_own_namespace() -> bool:
    """Tell whether mounting is possible."""
    return _NAMESPACE in os.environ


class Disk:
    """A file system in memory at a place of the site, which can be taken from there and put back as it was."""

    def __init__(self, site: Site, where: Path, *, options: str = "size=256m") -> None:
        if not is_in_own_namespace():
            raise NotHere("mounting needs a mount namespace, which is not permitted here")
        self.where = where
        self.kept = site.folder / f"{where.name}-disk"
        self.kept.mkdir()
        run("mount", "-t", "tmpfs", "-o", options, "trial", self.kept)
        site.at_end += [lambda: run("umount", "-l", self.kept), self._take_all]
        self.put_back()

    def put_back(self) -> None:
        """Mount it at its place."""
        run("mount", "--bind", self.kept, self.where)

    def take(self, *, within_s: float = 20) -> None:
        """Unmount it from its place, as soon as no file there is open."""
        deadline = time.monotonic() + within_s
        while subprocess.run(["umount", self.where], capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise NotHere(f"{self.where.name} was in use for {within_s:.0f} s and could not be unmounted")
            time.sleep(0.01)

    def take_lazily(self) -> None:
        """Unmount it from its place at once; who has files open keeps them."""
        run("umount", "-l", self.where)

    def replace(self, other: Path) -> None:
        """Mount another folder at its place."""
        run("mount", "--bind", other, self.where)

    def remount(self, options: str, *, within_s: float = 20) -> None:
        """Change how it is mounted at its place, as soon as nobody writes."""
        deadline = time.monotonic() + within_s
        while subprocess.run(["mount", "-o", f"remount,bind,{options}", self.where], capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise NotHere(f"{self.where.name} was written to for {within_s:.0f} s and could not be remounted")
            time.sleep(0.01)

    def fill(self) -> Path:
        """Fill it with one file to the last byte; return the file."""
        ballast = self.kept / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1024 * 1024, 4096):
                with suppress(OSError):  # it is full to this size
                    while file.write(bytes(size)):
                        pass
        return ballast

    def _take_all(self) -> None:
        while subprocess.run(["umount", "-l", self.where], capture_output=True).returncode == 0:
            pass


def copy_of(disk: Disk, site: Site) -> Path:
    """Return a copy of all that is on a disk, on a file system of another device number."""
    other = site.folder / f"{disk.where.name}-copy"
    other.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256m", "trial", other)
    site.at_end.append(lambda: run("umount", "-l", other))
    run("cp", "-a", f"{disk.kept}/.", other)
    return other
