"""What the spool asks of a store of objects, such as S3, and how a bucket of one gets the name of a spool.

Objects are kept under the paths of their files. None is ever written over: a name is taken once, by one put. Knows no
protocol.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Final, Literal, Protocol

from triaged.errors import TryLater
from triaged.spool.keeping import Found
from triaged.spool.root import MARKER

About = Literal["endpoint", "region", "bucket", "access_key", "secret_key", ""]
"""Which part of how a bucket is reached is to be looked at, as the settings name it."""
PROBE: Final = ".triaged-probe"
"""The object that is written to find out whether objects can be."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class BucketOptions:
    """Where a bucket is and how it is reached; without `endpoint` at Amazon's of the region.

    `timeout_s`: for how long one request may be silent; each is tried three times at most.
    """

    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    endpoint: str | None
    key_prefix: str
    ca_file: Path | None
    timeout_s: float

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key_prefix}"


class BucketAway(TryLater):
    """The bucket does not answer, or refuses; `about` is what to look at."""

    def __init__(self, words: str, about: About = "") -> None:
        super().__init__(words)
        self.about: About = about


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is kept beside the content of an object: digests of all of it, and of what comes after `meta_bytes`.

    The digests are empty of an object that somebody else has put there.
    """

    sha256: str
    data_sha256: str
    meta_bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that is there."""

    stamp: Stamp
    size_bytes: int
    modified_at: datetime


class Objects(Protocol):
    """A bucket, or a part of one; safe to use from several threads.

    Raises:
        BucketAway: it does not answer in time, or refuses.
    """

    def put(self, name: str, content: BufferedIOBase, stamp: Stamp) -> bool:
        """Write an object, durably; False where the name is taken, by whatever."""

    def put_over(self, name: str, content: bytes) -> None:
        """Write a small object, whatever had the name."""

    def get(self, name: str, write: Callable[[bytes], object]) -> Stamp | None:
        """Read an object, piece by piece; None where there is none."""

    def seen(self, name: str) -> Seen | None:
        """Return what is known of an object without its content; None where there is none."""

    def folders(self) -> list[str]:
        """Return what comes before the first slash of names."""

    def files(self, folder: str) -> Iterator[Found]:
        """Return every object whose name begins with a folder and a slash."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; some may be gone already."""


def identity_in(objects: Objects) -> str | None:
    """Return the name of the spool in a bucket; None where it has none."""
    content = BytesIO()
    if objects.get(MARKER, content.write) is None:
        return None
    return content.getvalue().decode("ascii", "replace").strip() or None


def demand_identity(objects: Objects, identity: str) -> None:
    """Refuse where a bucket is not the spool of a name."""
    found = identity_in(objects)
    if found != identity:
        said = "none" if found is None else f"the spool {found[:_SHOWN]}"
        raise BucketAway(f"expected the spool {identity[:_SHOWN]} in the bucket, found {said}", "bucket")


def demand_writable(objects: Objects) -> None:
    """Refuse where objects cannot be written, or where one would be written over: there nothing would be safe."""
    objects.put_over(PROBE, b"1\n")
    if objects.put(PROBE, BytesIO(b"2\n"), Stamp("", "", 0)):
        words = (
            "expected a store that refuses a put with If-None-Match where the name is taken, found one that does not"
        )
        raise BucketAway(words, "endpoint")


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket as a place where a spool is looked for and made; see `root.Place`."""

    objects: Objects
    named: str

    def __str__(self) -> str:
        return self.named

    def is_marked(self) -> bool:
        """Tell whether there is a spool."""
        return identity_in(self.objects) is not None

    def established(self) -> str:
        """Return the identity of the spool; where there is none, one of all that ask at once makes it."""
        found = identity_in(self.objects)
        if found is not None:
            return found
        demand_writable(self.objects)
        self.objects.put(MARKER, BytesIO(f"{uuid.uuid4()}\n".encode()), Stamp("", "", 0))
        made = identity_in(self.objects)
        if made is None:
            raise BucketAway(f"expected the name of a spool in {MARKER}, found none after it was written", "bucket")
        return made

    def holds_any(self, paths: Sequence[str]) -> bool:
        """Tell whether one of these files is there."""
        return any(self.objects.seen(path) is not None for path in paths)
