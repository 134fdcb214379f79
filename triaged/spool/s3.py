"""A bucket of S3, or of a store that speaks the same, by botocore; its only importer.

Reads no file of Amazon's tools, and of the environment a proxy alone (HTTPS_PROXY): all else is given. Errors become
`BucketAway` with words of ours, which hold no key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from io import BufferedIOBase
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from urllib3.exceptions import HTTPError

from triaged.spool.keeping import Found
from triaged.spool.objects import About, BucketAway, BucketOptions, Seen, Stamp

_PIECE: Final = 1024 * 1024
_CONNECTIONS: Final = 64
_REMOVED_AT_ONCE: Final = 1000
"""PS: the most keys of one DeleteObjects."""
_CONFLICTS: Final = 3
_UNSET: Final = dict.fromkeys(("profile", "config_file", "credentials_file", "ca_bundle"), (None, None, None, None))
_ABOUT: Final[dict[str, About]] = {
    "NoSuchBucket": "bucket",
    "InvalidBucketName": "bucket",
    "PermanentRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "RequestTimeTooSkewed": "",
    "InvalidAccessKeyId": "access_key",
    "AccessDenied": "access_key",
    "SignatureDoesNotMatch": "secret_key",
}


class S3:
    """The objects below a prefix of a bucket; see `Objects`."""

    def __init__(self, options: BucketOptions) -> None:
        self._bucket, self._prefix = options.bucket, options.key_prefix
        self._shown = f"{options}{'' if options.endpoint is None else f' at {options.endpoint}'}"
        config = Config(
            connect_timeout=options.timeout_s,
            read_timeout=options.timeout_s,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=_CONNECTIONS,
            ignore_configured_endpoint_urls=True,
            request_checksum_calculation="when_required",  # other stores than Amazon's know no others
            response_checksum_validation="when_required",
            s3={} if options.endpoint is None else {"addressing_style": "path"},
        )
        self._client: Any = _session().create_client(
            "s3",
            region_name=options.region,
            endpoint_url=options.endpoint,
            aws_access_key_id=options.access_key,
            aws_secret_access_key=options.secret_key,
            verify=None if options.ca_file is None else str(options.ca_file),
            config=config,
        )

    def put(self, name: str, content: BufferedIOBase, stamp: Stamp) -> bool:
        """Write an object where none has the name, by a conditional put, whose checksum the store verifies."""
        kept = {"sha256": stamp.sha256, "data-sha256": stamp.data_sha256, "meta-bytes": str(stamp.meta_bytes)}
        given: dict[str, Any] = {"Metadata": {key: value for key, value in kept.items() if value}}
        if stamp.sha256:
            given["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(stamp.sha256)).decode()
        for attempt in range(_CONFLICTS):
            with self._errors():
                try:
                    self._client.put_object(**self._at(name), Body=content, IfNoneMatch="*", **given)
                    return True
                except ClientError as error:
                    status = _status(error)
                    if status == 412:
                        return False
                    if status != 409 or attempt + 1 == _CONFLICTS:  # somebody puts or removes the same at this moment
                        raise
                    content.seek(0)
        raise AssertionError("unreachable")

    def put_over(self, name: str, content: bytes) -> None:
        """Write a small object, whatever had the name."""
        with self._errors():
            self._client.put_object(**self._at(name), Body=content)

    def get(self, name: str, write: Callable[[bytes], object]) -> Stamp | None:
        """Read an object, piece by piece; None where there is none."""
        with self._errors():
            try:
                found = self._client.get_object(**self._at(name))
            except ClientError as error:
                if _is_missing(error):
                    return None
                raise
            with closing(found["Body"]) as body:
                for piece in body.iter_chunks(_PIECE):
                    write(piece)
            return _stamp(found)

    def seen(self, name: str) -> Seen | None:
        """Return what is known of an object without its content; None where there is none."""
        with self._errors():
            try:
                found = self._client.head_object(**self._at(name))
            except ClientError as error:
                if _is_missing(error):
                    return None
                raise
        return Seen(_stamp(found), int(found["ContentLength"]), found["LastModified"])

    def folders(self) -> list[str]:
        """Return what comes before the first slash of names."""
        with self._errors():
            pages = self._pages(self._prefix, Delimiter="/")
            found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        return [name.removeprefix(self._prefix).rstrip("/") for name in found]

    def files(self, folder: str) -> Iterator[Found]:
        """Return every object whose name begins with a folder and a slash."""
        with self._errors():
            for page in self._pages(f"{self._prefix}{folder}/"):
                for each in page.get("Contents", ()):
                    name = each["Key"].removeprefix(self._prefix)
                    yield Found(name, int(each["Size"]), each["LastModified"])

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; some may be gone already."""
        for start in range(0, len(names), _REMOVED_AT_ONCE):
            keys = [{"Key": f"{self._prefix}{name}"} for name in names[start : start + _REMOVED_AT_ONCE]]
            with self._errors():
                done = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            if refused := done.get("Errors"):
                raise BucketAway(f"{self._shown} refused to remove {len(refused)} objects: {refused[0].get('Code')}")

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}

    def _pages(self, prefix: str, **given: str) -> Iterator[dict[str, Any]]:
        pages: Iterator[dict[str, Any]] = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, **given
        )
        return pages

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what store and network refuse into `BucketAway`, in words that hold nothing of the request."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "")) or "no reason"
            words = f"{self._shown} refused with {_status(error)} ({code})"
            raise BucketAway(words, _ABOUT.get(code, "access_key" if _status(error) in (401, 403) else "")) from None
        except (BotoCoreError, HTTPError) as error:
            raise BucketAway(f"{self._shown} does not answer ({type(error).__name__})", "endpoint") from None


@cache
def _session() -> Session:
    """Return what makes clients; it reads descriptions of the service, for which it takes a moment the first time."""
    return Session(session_vars=_UNSET)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_missing(error: ClientError) -> bool:
    """Tell a missing object from a missing bucket; of the answer to HEAD only the status is known."""
    return _status(error) == 404 and error.response.get("Error", {}).get("Code") != "NoSuchBucket"


def _stamp(found: dict[str, Any]) -> Stamp:
    kept = found.get("Metadata", {})
    return Stamp(kept.get("sha256", ""), kept.get("data-sha256", ""), int(kept.get("meta-bytes") or 0))
