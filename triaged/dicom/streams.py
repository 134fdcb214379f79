"""Files as pydicom reads them, with a limit on what they cost: bytes, reads, and what unpacks to more than it is.

Knows no attribute. A limit that is passed raises `TooMuch`, whatever the reader makes of it.
"""

from __future__ import annotations

import io
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

from pydicom.filereader import _read_file_meta_info, read_preamble

from triaged.study.kinds import DEFLATED, EXPLICIT

LONGEST_READ: Final = 64 * 1024 * 1024
"""No value of a header, and no frame of a CT, is longer; what announces more is refused before it is read."""
LONGEST_HEADER: Final = 64 * 1024 * 1024
MOST_READS: Final = 400_000
"""A read takes an element's header or its value; what they leave behind is 180 MiB at most. Of an Enhanced CT with its
usual groups, 1000 frames take 100,000."""

_PIECE = 64 * 1024
_KEPT_BEHIND = 64 * 1024
"""A reader goes back by the header of an element that it does not want yet."""


class TooMuch(Exception):
    """Reading on would take more than any real file does; `args[0]` says what."""


class Bounded(io.RawIOBase):
    """A stream with a limit on the reads and on their sum; `exceeded` says which was passed, if any."""

    exceeded = ""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._reads = self._bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        self._reads += 1
        if self._reads > MOST_READS:
            self._refuse(f"expected a header of at most {MOST_READS // 2} elements, found more")
        if size is None or not 0 <= size <= LONGEST_READ:
            self._refuse(f"expected values of at most {LONGEST_READ} bytes, found a longer one")
        content = self._source.read(size)
        self._bytes += len(content)
        if self._bytes > LONGEST_HEADER:
            self._refuse(f"expected a header of at most {LONGEST_HEADER} bytes, found a longer one")
        return content

    def _refuse(self, why: str) -> NoReturn:
        self.exceeded = why  # pydicom makes an OSError of whatever is raised at the tag of an item
        raise TooMuch(why)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move as in the source."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the source."""
        return self._source.tell()


class Inflated(io.RawIOBase):
    """A deflated file as if it had been written plainly, inflated as it is read and forgotten behind the reader."""

    def __init__(self, packed: BinaryIO, meta: bytes, longest: int = LONGEST_READ) -> None:
        """Take what is packed from where the stream stands, after the file meta information `meta`."""
        super().__init__()
        self._longest = longest
        self._packed = packed
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._window = bytearray(meta)
        self._start = self._at = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; ValueError where they were forgotten."""
        if size is None or size < 0 or size > self._longest:
            raise TooMuch(f"expected values of at most {self._longest} bytes, found a longer one")
        if self._at < self._start:
            raise ValueError(f"expected to read on from byte {self._start}, found a reader at byte {self._at}")
        while len(self._window) < self._at - self._start + size and self._unpack():
            self._forget()
        begin = self._at - self._start
        content = bytes(self._window[begin : begin + size])
        self._at += len(content)
        return content

    def _unpack(self) -> bool:
        """Inflate one more piece; False at the end."""
        packed = self._inflate.unconsumed_tail or self._packed.read(_PIECE)
        if not packed or self._inflate.eof:
            return False
        self._window += self._inflate.decompress(packed, 16 * _PIECE)
        return True

    def _forget(self) -> None:
        behind = min(self._at - self._start, len(self._window)) - _KEPT_BEHIND
        if behind > 16 * _PIECE:
            del self._window[:behind]
            self._start += behind

    def close(self) -> None:
        """Close the packed file too."""
        self._packed.close()
        super().close()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Say where to read next."""
        self._at = offset if whence == 0 else self._at + offset
        return self._at

    def tell(self) -> int:
        """Return where to read next."""
        return self._at


def opened(path: Path, longest: int = LONGEST_READ) -> BinaryIO:
    """Open a DICOM file, a deflated one as if it were explicit VR little endian; to be closed by the caller.

    `longest` is the longest value that is inflated.
    """
    with ExitStack() as until_ready:
        stream = until_ready.enter_context(path.open("rb"))
        read_preamble(stream, force=False)
        syntax = _read_file_meta_info(cast("BinaryIO", Bounded(stream))).get("TransferSyntaxUID")
        end = stream.tell()
        stream.seek(0)
        until_ready.pop_all()
    if syntax != DEFLATED:
        return stream
    meta = stream.read(end)
    plainly = EXPLICIT.encode().ljust(len(DEFLATED), b"\0")  # as long, so that every length in it stays true
    return cast("BinaryIO", Inflated(stream, meta.replace(DEFLATED.encode(), plainly), longest))
