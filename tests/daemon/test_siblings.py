"""What receivers are called, and whether they share a board."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from triaged.config.loading import parse
from triaged.daemon.naming import NAME_VARIABLE, own_call
from triaged.daemon.roles import Role
from triaged.daemon.siblings import SharedBoard, inherited_board, receivers_of
from triaged.daemon.supervisor import members_of
from triaged.errors import ConfigError


@pytest.mark.parametrize(
    ("receivers", "names"),
    [(1, ["receiver"]), (2, ["receiver-1", "receiver-2"]), (3, [f"receiver-{n}" for n in (1, 2, 3)])],
)
def test_one_receiver_has_the_name_of_its_role_and_several_have_numbers(receivers: int, names: list[str]) -> None:
    config = parse(f"dicom: {{receivers: {receivers}}}", Path("config.yaml"))
    assert receivers_of(config) == [(Role.RECEIVER, name) for name in names]
    assert members_of(config)[: receivers + 1] == [*receivers_of(config), (Role.WORKER, "worker-1")]
    assert [name for _, name in receivers_of(config, "ct")] == [name.replace("receiver", "ct") for name in names]


@pytest.mark.parametrize("receivers", ["0", "17", "1.5", "many"])
def test_there_are_between_one_and_sixteen(receivers: str) -> None:
    with pytest.raises(ConfigError, match=r"config.yaml:2: dicom.receivers: expected"):
        parse(f"dicom:\n  receivers: {receivers}", Path("config.yaml"))


def test_a_line_of_the_log_tells_receivers_apart_and_not_their_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_call("receiver") == "receiver"
    monkeypatch.setenv(NAME_VARIABLE, "receiver-2.7@host/0a1b2c3d")
    assert own_call("receiver") == "receiver-2.7"


def test_a_board_is_handed_over_and_a_receiver_alone_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inherited_board() is None
    shared = SharedBoard()
    for name, value in shared.environment.items():
        monkeypatch.setenv(name, value)
    one, other = inherited_board(), inherited_board()
    assert one is not None
    assert other is not None
    one.show_load(3)
    assert other.least_load_elsewhere() == 3
    assert not os.get_inheritable(shared.descriptors[0])
    shared.close()
    shared.close()
    assert other.least_load_elsewhere() == 3, "who has it keeps it"
