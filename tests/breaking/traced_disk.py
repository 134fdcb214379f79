"""What a disk holds after a power cut, from the system calls of a real run as `strace` recorded them.

Strict as POSIX allows: content is durable after a sync of its file, a name after a sync of its folder. What was not
synced may be there, in part, or not at all. Knows nothing of who wrote.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CALLS = (
    *("open", "openat", "creat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("writev", "pwritev", "truncate", "copy_file_range", "sendfile", "fallocate", "sync_file_range"),
)
"""What is recorded; of those in the last line none is expected on what is watched, and one would be an error."""
STRACE = ("strace", "-f", "-y", "-xx", "-s", "1000000000", "--seccomp-bpf", "-e", f"trace={','.join(CALLS)}")
SECTOR_BYTES = 512

_LINE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<value>-?\d+)")
_UNFINISHED = re.compile(r"(?P<pid>\d+) +(?P<head>\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_AT = re.compile(r"(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")

Survival = Literal["synced", "random", "everything"]
"""What of the unsynced is there after the cut: nothing, any part, or all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded."""

    name: str
    arguments: str
    value: int

    @property
    def descriptor(self) -> int:
        """Return the descriptor that is the first argument."""
        return int(self.arguments.split("<", 1)[0])

    def paths(self) -> list[str]:
        """Return the paths that are named, each made absolute by the folder in front of it."""
        folders = [bytes.fromhex(each.replace("\\x", "")).decode() for each in _AT.findall(self.arguments)]
        names = [each.decode(errors="replace") for each in self.strings()]
        padded = folders + [""] * (len(names) - len(folders))
        return [os.path.normpath(os.path.join(folder, name)) for folder, name in zip(padded, names, strict=False)]

    def strings(self) -> list[bytes]:
        """Return the texts among the arguments."""
        return [bytes.fromhex(each.replace("\\x", "")) for each in _STRING.findall(self.arguments)]

    def number(self, from_end: int) -> int:
        """Return an argument that is a number, counted from the end."""
        return int(self.arguments.rsplit(", ", from_end)[1].split(",")[0])


def calls_of(trace: Path) -> Iterator[Call]:
    """Yield the calls of a trace in the order in which they ended."""
    begun: dict[str, str] = {}
    with trace.open() as lines:
        for line in lines:
            line = line.rstrip("\n")
            if unfinished := _UNFINISHED.match(line):
                begun[unfinished["pid"]] = unfinished["head"]
                continue
            if resumed := _RESUMED.match(line):
                line = f"{resumed['pid']} {begun.pop(resumed['pid'])}{resumed['rest']}"
            if (found := _LINE.match(line)) and int(found["value"]) >= 0:
                yield Call(found["name"], found["arguments"], int(found["value"]))


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    content: bytes

    def apply(self, to: bytearray, length: int) -> None:
        end = self.offset + length
        if len(to) < end:
            to.extend(bytes(end - len(to)))
        to[self.offset : end] = self.content[:length]


@dataclass(frozen=True, slots=True)
class _Cut:
    length: int

    def apply(self, to: bytearray, _length: int) -> None:
        del to[self.length :]
        to.extend(bytes(self.length - len(to)))


@dataclass(slots=True, eq=False)
class _File:
    """Content that is durable, and what was written since, in order."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Write | _Cut] = field(default_factory=list)
    length: int = 0

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable, _length(change))
        self.pending.clear()

    def after(self, survival: Survival, seeded: random.Random) -> bytes:
        content = bytearray(self.durable)
        for change in self.pending:
            if survival == "everything":
                change.apply(content, _length(change))
            elif survival == "random" and seeded.random() < 0.5:
                sectors = -(-_length(change) // SECTOR_BYTES)
                change.apply(content, min(_length(change), SECTOR_BYTES * seeded.randint(0, sectors)))
        return bytes(content)


def _length(change: _Write | _Cut) -> int:
    return len(change.content) if isinstance(change, _Write) else 0


@dataclass(slots=True, eq=False)
class _Folder:
    """Names that are durable, and what changed since, in order; None where a name was removed."""

    durable: dict[str, _File | _Folder] = field(default_factory=dict)
    pending: list[tuple[str, _File | _Folder | None]] = field(default_factory=list)

    def now(self) -> dict[str, _File | _Folder]:
        return self._with(self.pending)

    def sync(self) -> None:
        self.durable, self.pending = self._with(self.pending), []

    def after(self, survival: Survival, seeded: random.Random) -> dict[str, _File | _Folder]:
        if survival == "random":
            lost = {name for name, _ in self.pending if seeded.random() < 0.5}
            return self._with([change for change in self.pending if change[0] not in lost])
        return self._with(self.pending if survival == "everything" else [])

    def _with(self, changes: Sequence[tuple[str, _File | _Folder | None]]) -> dict[str, _File | _Folder]:
        names = dict(self.durable)
        for name, what in changes:
            if what is None:
                names.pop(name, None)
            else:
                names[name] = what
        return names


class TracedDisk:
    """One folder of a disk, which each call changes; whatever is outside is not looked at."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = _Folder()
        self._open: dict[int, tuple[_File | _Folder, int]] = {}
        """What each descriptor is open on, and where its next write goes."""

    def apply(self, call: Call) -> bool:
        """Let a call happen; True where it made something durable."""
        name, paths = call.name.removesuffix("at2").removesuffix("at"), [] if "write" in call.name else call.paths()
        if name in ("open", "creat"):
            self._opened(call, paths[0])
        elif name in ("write", "pwrite64"):
            self._written(call)
        elif name == "ftruncate":
            if isinstance(found := self._at(call), _File):
                found.pending.append(_Cut(call.number(1)))
                found.length = call.number(1)
        elif name in ("fsync", "fdatasync"):
            if (synced := self._at(call)) is not None:
                synced.sync()
                return True
        elif any(self._is_inside(path) for path in paths):
            self._renamed(name, paths, call)
        return False

    def after_cut(self, target: Path, survival: Survival, seeded: random.Random) -> None:
        """Write what is there after a power cut at this moment into a fresh folder."""
        target.mkdir(parents=True)
        self._write(self._top, target, survival, seeded)

    def content(self, name: str) -> bytes:
        """Return a file directly in the folder as a process would read it now; empty where there is none."""
        found = self._top.now().get(name)
        return found.after("everything", random.Random(0)) if isinstance(found, _File) else b""

    def _write(self, folder: _Folder, target: Path, survival: Survival, seeded: random.Random) -> None:
        for name, what in folder.after(survival, seeded).items():
            if isinstance(what, _Folder):
                (target / name).mkdir()
                self._write(what, target / name, survival, seeded)
            else:
                (target / name).write_bytes(what.after(survival, seeded))

    def _opened(self, call: Call, path: str) -> None:
        self._open.pop(call.value, None)
        if not self._is_inside(path):
            return
        folder, name = self._parent(path)
        found = self._top if path == self._root else folder.now().get(name)
        if found is None:
            assert "O_CREAT" in call.arguments, f"expected a file that was created under the trace, found {path}"
            found = _File()
            folder.pending.append((name, found))
        if isinstance(found, _File) and "O_TRUNC" in call.arguments:
            found.pending.append(_Cut(0))
            found.length = 0
        at_end = "O_APPEND" in call.arguments and isinstance(found, _File)
        self._open[call.value] = found, found.length if at_end and isinstance(found, _File) else 0

    def _written(self, call: Call) -> None:
        found, position = self._open.get(call.descriptor, (None, 0))
        if not isinstance(found, _File):
            return
        offset = call.number(1) if call.name == "pwrite64" else position
        found.pending.append(_Write(offset, call.strings()[0][: call.value]))
        found.length = max(found.length, offset + call.value)
        if call.name == "write":
            self._open[call.descriptor] = found, offset + call.value

    def _renamed(self, name: str, paths: Sequence[str], call: Call) -> None:
        folder, last = self._parent(paths[-1])
        if name == "mkdir":
            folder.pending.append((last, _Folder()))
        elif name in ("unlink", "rmdir"):
            folder.pending.append((last, None))
        elif name in ("link", "rename"):
            source, first = self._parent(paths[0])
            folder.pending.append((last, source.now()[first]))
            if name == "rename":
                source.pending.append((first, None))
        else:
            raise AssertionError(f"expected calls that the disk knows, found {call.name} on {paths}")

    def _at(self, call: Call) -> _File | _Folder | None:
        return self._open.get(call.descriptor, (None, 0))[0]

    def _is_inside(self, path: str) -> bool:
        return path == self._root or path.startswith(self._root + "/")

    def _parent(self, path: str) -> tuple[_Folder, str]:
        *folders, name = Path(path).relative_to(self._root).parts or ("",)
        found = self._top
        for each in folders:
            inner = found.now()[each]
            assert isinstance(inner, _Folder)
            found = inner
        return found, name
