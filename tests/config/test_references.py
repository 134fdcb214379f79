"""Values in the environment and in files: found, only as whole values, and never shown, whatever they are."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from triaged.config.hiding import without_passwords
from triaged.config.loading import parse
from triaged.config.references import Secrets
from triaged.config.settings import Config
from triaged.daemon.changes import difference
from triaged.daemon.logs import configure_logging
from triaged.errors import ConfigError

HARD = [
    "p@ss/w@rd",
    "p@ss:w@rd",
    "a b@c://d",
    "x://s@rest",
    "ünï\ncode",
    "quo\"te'",
    "100%25",
    "back\\slash",
    "x" * 300,
]
PLACES = [
    ("database", "url"),
    ("dicom", "ae_title"),
    ("dicom", "port"),
    ("dicom", "tls", "key"),
    ("web", "host"),
    ("web", "viewer_url"),
    ("logging", "level"),
    ("triage", "scheme"),
    ("access", "mode"),
    ("access", "oidc", "client_secret"),
    ("models", "ct"),
    ("no_such", "key"),
    ("workers",),
]


def _at(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(place):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def test_a_variable_and_a_file_give_whole_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AE", "FROM_ENV")
    (tmp_path / "url").write_text("postgresql://u:p%40ss@h/d\n")
    text = "dicom: {ae_title: '${AE}'}\ndatabase:\n  url: {file: url}\n"
    config = parse(text, tmp_path / "config.yaml")
    assert config.dicom.ae_title == "FROM_ENV"
    assert config.database.url == "postgresql+psycopg://u:p%40ss@h/d"
    assert set(config.secrets.values) == {"${AE}", "{file: url}"}


def test_a_credential_of_the_service_comes_before_a_file_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "ae").write_text("SYSTEMD")
    (tmp_path / "ae").write_text("BESIDE")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert parse("dicom: {ae_title: {file: ae}}", tmp_path / "config.yaml").dicom.ae_title == "SYSTEMD"
    assert parse("dicom: {ae_title: {file: ./ae}}", tmp_path / "config.yaml").dicom.ae_title == "BESIDE"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("'${ABSENT}'", "expected the environment variable ABSENT, found none"),
        ("'x${HOME}'", "expected ${HOME} as the whole value, found other characters beside it"),
        ("{file: absent}", "expected a readable file at"),
        ("{file: empty}", "expected 1 to 65536 bytes in"),
        ("{file: binary}", "expected UTF-8 text in"),
    ],
)
def test_what_is_not_there_is_said_with_line_and_key(value: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as error:
        parse(f"workers: 1\ndicom:\n  ae_title: {value}\n", tmp_path / "config.yaml")
    assert str(error.value).startswith(f"{tmp_path}/config.yaml:3: dicom.ae_title: {said}")


def test_names_that_a_site_chooses_are_no_references(tmp_path: Path) -> None:
    assert parse("retired: {file: drop}", tmp_path / "config.yaml").retired == {"file": "drop"}


def test_no_section_has_a_key_that_makes_it_a_reference() -> None:
    from triaged.config.loading import _models

    def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
        below = [each for field in model.model_fields.values() for each in _models(field.annotation)]
        return [model, *(found for each in below for found in sections(each))]

    found = sections(Config)
    assert len(found) > 20
    assert not [each for each in found if "file" in each.model_fields]


@pytest.mark.parametrize("password", ["p@ss/w@rd", "p@ss", "a/b@c"])
def test_a_password_that_would_be_taken_for_a_host_is_refused_and_not_shown(password: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f"database:\n  url: postgresql://u:{password}@h:5432/d\n", tmp_path / "config.yaml")
    assert "config.yaml:2: database.url: expected a password in which @ is written %40" in str(error.value)
    assert not _leaks(password, str(error.value))


secrets = st.one_of(st.sampled_from(HARD), st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=secrets, place=st.sampled_from(PLACES), in_address=st.booleans())
def test_a_secret_is_in_no_message_no_difference_and_no_log(
    secret: str, place: tuple[str, ...], in_address: bool, tmp_path: Path
) -> None:
    value = f"postgresql://user:{secret}@db:5432/x" if in_address else secret
    (tmp_path / "secret").write_text(value, encoding="utf-8", newline="")
    text = json.dumps(_at(place, {"file": "secret"}))
    try:
        config = parse(text, tmp_path / "config.yaml")
        told, hide = [difference(Config(), config)], config.secrets.hide
        value = next(iter(config.secrets.values.values()))
    except ConfigError as error:
        told, hide = [str(error)], Secrets({"{file: secret}": value}).hide
    told += [hide(each) for each in (value, f"before {value} after", repr(value), json.dumps({"url": value}))]
    told.append(_logged(hide, value))
    assert not [each for each in told if _leaks(secret.removesuffix("\n").removesuffix("\r"), each)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=st.one_of(st.sampled_from(["p@ss w", "quo\"te'", "a: b #c"]), st.text("abz@/:?#%&={}'\" ", min_size=8)))
def test_the_secret_of_a_client_is_taken_and_is_in_no_difference_and_no_log(secret: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(secret, encoding="utf-8", newline="")
    oidc = {
        "issuer": "https://login.example",
        "client_id": "triaged",
        "roles_claim": "groups",
        "roles": {"pacs": "reader"},
        "client_secret": {"file": "secret"},
    }
    access = {"mode": "accounts", "origin": "https://triage.example", "oidc": oidc}
    text = json.dumps({"access": access})
    config = parse(text, tmp_path / "config.yaml")
    assert config.access.oidc is not None
    assert config.access.oidc.client_secret == secret
    told = [difference(Config(), config), repr(config.access), repr(config.access.options(config.web))]
    told += [without_passwords(text), _logged(config.secrets.hide, secret)]
    assert not [each for each in told if _leaks(secret, each)]


@given(password=st.one_of(st.sampled_from(["p@ss/w@rd", "://@"]), st.text("abz@/:?#%&= \u00fc", min_size=8)))
def test_a_password_in_the_file_itself_is_not_kept_with_its_text(password: str) -> None:
    line = f'database: {{url: "postgresql://user:{password}@db:5432/x"}}  # by ops'
    for kept in (without_passwords(line), without_passwords(f"{line}\n\tbroken: [")):
        assert f":{password}@" not in kept


def _logged(hide: Callable[[str], str], value: str) -> str:
    written = io.StringIO()
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("triaged.daemon.logs._standard_error", lambda: written)
            patch.setattr("sys.excepthook", None)
            patch.setattr("threading.excepthook", None)
            configure_logging("INFO", "json", "test", hide=hide)
            structlog.get_logger().bind().info("an event", url=value, urls=[value], inside={"url": value})
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "an event" in written.getvalue()
    return written.getvalue()


def _leaks(secret: str, text: str) -> bool:
    """Tell whether a text has a secret as it is, or as Python or JSON write it."""
    forms = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return any(form in text for form in forms)
