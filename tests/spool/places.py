"""Where a spool is kept, as several machines see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.spool.object_store import ObjectStore
from triaged.spool.bucket import Cached
from triaged.spool.cache import CacheLimits
from triaged.spool.files import Spool
from triaged.spool.objects import BucketOptions, BucketPlace
from triaged.spool.root import established
from triaged.spool.s3 import S3


@dataclass(frozen=True)
class SharedFolder:
    """One folder, which every machine has mounted at the same path."""

    root: Path

    def machine(self, name: str) -> Spool:
        """Return the spool as one machine sees it."""
        return Spool(self.root, 0, established(self.root))

    def lose(self, path: str) -> None:
        """Remove a file behind the back of the spool."""
        (self.root / path).unlink()

    def damage(self, path: str) -> None:
        """Give a file other content of the same length, behind the back of the spool."""
        file = self.root / path
        file.write_bytes(file.read_bytes()[:-1] + b"?")


@dataclass(frozen=True)
class OneBucket:
    """A bucket, and a folder for each machine."""

    store: ObjectStore
    options: BucketOptions
    folder: Path

    @property
    def objects(self) -> S3:
        """A client of the bucket."""
        return S3(self.options)

    @property
    def identity(self) -> str:
        """The name of the spool."""
        return BucketPlace(self.objects, "the bucket").established()

    def machine(self, name: str, *, most_mb: int = 1000, monotonic: Callable[[], float] = time.monotonic) -> Spool:
        """Return the spool as one machine sees it."""
        cached = Cached(self.objects, self.identity, CacheLimits(most_mb), monotonic)
        return Spool(self.folder / name, 0, cached=cached)

    def lose(self, path: str) -> None:
        """Remove an object behind the back of the spool."""
        self.objects.remove([path])

    def damage(self, path: str) -> None:
        """Give an object other content of the same length and the same stamp, behind the back of the spool."""
        at = {"Bucket": self.options.bucket, "Key": f"{self.options.key_prefix}{path}"}
        client = self.objects._client
        found = client.get_object(**at)
        client.put_object(**at, Body=found["Body"].read()[:-1] + b"?", Metadata=found["Metadata"])


Place = SharedFolder | OneBucket
