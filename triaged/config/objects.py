"""The settings of a bucket that keeps the spool's files.

Must not know how a bucket is talked to.
"""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from triaged.config.values import ResolvedPath, Section, wrong
from triaged.spool.objects import BucketOptions

SECRET = ("storage", "objects", "secret_key")
"""A key whose value may not stand in the file itself."""


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    odd = any(character.isspace() or not character.isprintable() for character in url)
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or beyond or odd:
        raise wrong("http:// or https:// with a host and perhaps a port, nothing else")
    return url.rstrip("/")


class ObjectsSection(Section):
    """The bucket that keeps received and derived instances, of which `storage.path` then is a cache on each machine."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    access_key: Annotated[str, Field(pattern=r"^[!-~]{1,256}$")]
    secret_key: Annotated[str, Field(pattern=r"^[!-~]{1,1024}$", repr=False)]
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    key_prefix: Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/){0,8}$", max_length=256)] = ""
    ca_file: ResolvedPath | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 10.0
    cache_mb: Annotated[int, Field(ge=256)] = 20480

    @model_validator(mode="after")
    def _secret_stands_elsewhere(self, info: ValidationInfo) -> Self:
        if info.context is not None and SECRET not in info.context["references"]:
            raise wrong("${NAME} or {file: PATH}, which say where the secret stands", key="secret_key")
        return self

    @property
    def place(self) -> tuple[str | None, str, str]:
        """Where the files are: what a running daemon does not change."""
        return self.endpoint, self.bucket, self.key_prefix

    def options(self) -> BucketOptions:
        """Return how the bucket is reached."""
        return BucketOptions(**{name: getattr(self, name) for name in type(self).model_fields if name != "cache_mb"})
