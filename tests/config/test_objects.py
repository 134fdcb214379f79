"""A bucket that keeps the spool: what may be said of it, and that its secret stands elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.config.hiding import without_passwords
from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.errors import ConfigError
from triaged.spool.objects import BucketOptions

KEYS = "bucket: triaged, access_key: AKIA1"
SECRET = "secret_key: '${S3_SECRET}'"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET", "hush/+hush=")


def _loaded(folder: Path, objects: str, more: str = "") -> Config:
    path = folder / "config.yaml"
    path.write_text(f"storage:\n  objects: {{{objects}}}\n{more}", encoding="utf-8")
    return load(path)


def test_a_bucket_reaches_the_spool_and_its_secret_no_text(tmp_path: Path) -> None:
    objects = f"{KEYS}, {SECRET}, endpoint: 'https://s3.example:9000/', key_prefix: ward-3/, ca_file: ca.pem"
    section = _loaded(tmp_path, objects).storage.objects
    assert section is not None
    place = ("us-east-1", "https://s3.example:9000", "ward-3/", tmp_path / "ca.pem", 10.0)
    assert section.options() == BucketOptions("triaged", "AKIA1", "hush/+hush=", *place)
    assert "hush" not in repr(section) + repr(section.options()) + str(section.options())


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of-a-file\n")
    section = _loaded(tmp_path, f"{KEYS}, secret_key: {{file: key}}").storage.objects
    assert section is not None
    assert section.secret_key == "of-a-file"


@pytest.mark.parametrize("value", ["hush-hush", "12345678"])
def test_the_secret_may_not_stand_in_the_file_and_is_not_shown(tmp_path: Path, value: str) -> None:
    text = f"storage:\n  objects:\n    bucket: triaged\n    access_key: AKIA1\n    secret_key: {value}\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"storage\.objects\.secret_key: expected ") as caught:
        load(tmp_path / "config.yaml")
    assert value not in str(caught.value)
    assert value not in without_passwords(text)


@pytest.mark.parametrize("value", ["${NAME}", "{file: secret}"])
def test_a_reference_to_the_secret_is_kept_with_the_text(value: str) -> None:
    text = f"  objects:\n    secret_key: {value}\n    bucket: triaged\n"
    assert without_passwords(text) == text


@pytest.mark.parametrize(
    ("objects", "key"),
    [
        (f"bucket: Triaged, access_key: a, {SECRET}", "bucket"),
        (f"{KEYS}, {SECRET}, endpoint: s3.example", "endpoint"),
        (f"{KEYS}, {SECRET}, endpoint: 'https://s3.example/triaged'", "endpoint"),
        (f"{KEYS}, {SECRET}, endpoint: 'https://user:word@s3.example'", "endpoint"),
        (f"{KEYS}, {SECRET}, key_prefix: ward-3", "key_prefix"),
        (f"{KEYS}, {SECRET}, key_prefix: ../", "key_prefix"),
        (f"{KEYS}, {SECRET}, cache_mb: 10", "cache_mb"),
        (f"{KEYS}, {SECRET}, timeout_s: 0", "timeout_s"),
        (KEYS, "secret_key"),
    ],
)
def test_a_mistake_about_a_bucket_is_said_with_its_key(tmp_path: Path, objects: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"storage\.objects\.{key}: expected "):
        _loaded(tmp_path, objects)


def test_a_bucket_has_no_free_space_to_delete_by(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"start_at_free_mb"):
        _loaded(tmp_path, f"{KEYS}, {SECRET}", "retention: {start_at_free_mb: 5000}\n")
