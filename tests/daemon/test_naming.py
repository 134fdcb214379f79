"""What a process is called: by its supervisor, by the environment of its container, and never as another one."""

from __future__ import annotations

import pytest

from triaged.daemon.naming import (
    HOST_VARIABLE,
    NAME_VARIABLE,
    demanded_plain,
    host_name,
    named,
    new_name,
    own_name,
    predecessors,
)
from triaged.errors import ConfigError
from triaged.study.process import host_of, stable_part


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in named("", ()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(HOST_VARIABLE, "ct-host")


def test_two_starts_of_one_role_never_have_one_name() -> None:
    first, second = new_name("worker-1"), new_name("worker-1")
    assert first != second
    assert {stable_part(first), stable_part(second)} == {"worker-1@ct-host"}


def test_a_role_has_the_name_that_its_supervisor_gave_it_and_knows_whose_place_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert predecessors() == []
    for variable, value in named("worker-1@ct-host/b", ["worker-1@ct-host/a"]).items():
        monkeypatch.setenv(variable, value)
    assert own_name("worker") == "worker-1@ct-host/b"
    assert predecessors() == ["worker-1@ct-host/a"]
    monkeypatch.delenv(NAME_VARIABLE)
    assert stable_part(own_name("worker")) == "worker@ct-host"


def test_without_the_variable_it_is_the_systems_name_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOST_VARIABLE)
    monkeypatch.setattr("socket.gethostname", lambda: "röntgen/1@x")
    assert host_of(new_name("worker-1")) == host_name() == "r-ntgen-1-x"


@pytest.mark.parametrize("name", ["a/b", "a@b", "a b", "x" * 101, "naïve"])
def test_a_name_that_would_be_taken_apart_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(HOST_VARIABLE, name)
    with pytest.raises(ConfigError, match=r"TRIAGED_HOST: expected at most 100 letters"):
        host_name()
    with pytest.raises(ConfigError, match=r"--name: expected"):
        demanded_plain("--name", name)
