"""The settings of who may see the list."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.errors import ConfigError
from triaged.web.identity import AccessOptions, Mode


def _loaded(folder: Path, text: str) -> Config:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load(folder / "config.yaml")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_a_list_may_be_open_to_this_machine(tmp_path: Path, host: str) -> None:
    config = _loaded(tmp_path, f"web: {{host: '{host}'}}\n")
    options = config.access.options(config.web)
    assert options.mode is Mode.OPEN
    assert host in options.hosts


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.5", "triage.example", "localhost.example", "::ffff:10.0.0.1"]
)
def test_a_list_that_others_reach_is_never_open(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _loaded(tmp_path, f"dicom: {{port: 104}}\nweb: {{host: '{host}'}}\n")
    assert str(caught.value) == (
        f"{tmp_path / 'config.yaml'}:1: access: expected mode: accounts (people get theirs by `triaged user add`) or "
        f"mode: proxy, because others reach web.host {host}; open is for web.host 127.0.0.1"
    )
    for access in ("{mode: accounts}", "{mode: proxy, proxies: [10.0.0.1]}"):
        assert _loaded(tmp_path, f"web: {{host: '{host}'}}\naccess: {access}\n")


@pytest.mark.parametrize(
    ("access", "key"),
    [
        ("{mode: closed}", "access.mode"),
        ("{mode: proxy}", "access.proxies"),
        ("{proxies: ['0.0.0.0/0']}", r"access.proxies\[0\]"),
        ("{proxies: ['::/0']}", r"access.proxies\[0\]"),
        ("{proxies: ['*']}", r"access.proxies\[0\]"),
        ("{proxies: [proxy.example]}", r"access.proxies\[0\]"),
        ("{proxies: [10.0.0.1/24]}", r"access.proxies\[0\]"),
        ("{origin: triage.example}", "access.origin"),
        ("{origin: 'https://triage.example/'}", "access.origin"),
        ("{person_header: 'Remote User'}", "access.person_header"),
        ("{person_header: 'Remote_User'}", "access.person_header"),
        ("{group_header: ''}", "access.group_header"),
        ("{idle_min: 0}", "access.idle_min"),
        ("{longest_h: 1000}", "access.longest_h"),
        ("{readers: ['']}", r"access.readers\[0\]"),
    ],
)
def test_a_mistake_is_said_with_its_key(tmp_path: Path, access: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f":1: {key}: expected "):
        _loaded(tmp_path, f"access: {access}\n")


def test_what_is_set_reaches_the_web(tmp_path: Path) -> None:
    config = _loaded(
        tmp_path,
        "web: {host: 0.0.0.0, port: 8443}\n"
        "access: {mode: proxy, idle_min: 15, longest_h: 10, proxies: [10.0.0.1, 10.1.0.0/16],"
        " origin: 'https://triage.example', person_header: X-Person, group_header: X-Groups,"
        " readers: [radiology], administrators: [pacs]}\n",
    )
    options = config.access.options(config.web)
    expected: dict[str, Any] = {
        "mode": Mode.PROXY,
        "proxies": ("10.0.0.1", "10.1.0.0/16"),
        "origin": "https://triage.example",
        "cookies": "triaged-8443",
    }
    assert {name: getattr(options, name) for name in expected} == expected
    assert (options.lasting.idle, options.lasting.longest) == (timedelta(minutes=15), timedelta(hours=10))
    assert (options.word.person_header, options.word.group_header) == ("X-Person", "X-Groups")
    assert (set(options.word.readers), set(options.word.administrators)) == ({"radiology"}, {"pacs"})


def test_the_defaults_are_those_of_the_web() -> None:
    config = Config()
    options = config.access.options(config.web)
    assert (options.lasting, options.word) == (AccessOptions().lasting, AccessOptions().word)
