"""A name tells which process it is, and its stable part which place it has."""

from __future__ import annotations

import pytest

from triaged.study.process import host_of, process_name, stable_part


def test_two_starts_differ_and_have_one_place() -> None:
    first, second = (process_name("worker-1", "ct.example", start) for start in ("3f9a2c10", "00c0ffee"))
    assert first == "worker-1@ct.example/3f9a2c10"
    assert first != second
    assert stable_part(first) == stable_part(second) == "worker-1@ct.example"
    assert host_of(first) == "ct.example"


@pytest.mark.parametrize("name", ["worker-1@here", "receiver.2@here"])
def test_names_of_earlier_versions_are_their_own_place(name: str) -> None:
    assert (stable_part(name), host_of(name)) == (name, "here")
