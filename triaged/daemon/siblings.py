"""The receivers of one daemon: what they are called, and the board on which they see each other's associations."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from triaged.config.settings import Config
from triaged.daemon.roles import Role
from triaged.dimse.board import Board, new_board

BOARD_VARIABLE: Final = "TRIAGED_BOARD_FD"
"""Descriptor of the board of several receivers, in the environment of each."""


def receivers_of(config: Config, called: str = Role.RECEIVER.value) -> list[tuple[Role, str]]:
    """Return role and name of each receiver that the configuration asks for; of several, each has a number."""
    several = config.dicom.receivers
    names = [called] if several == 1 else [f"{called}-{number}" for number in range(1, several + 1)]
    return [(Role.RECEIVER, each) for each in names]


class SharedBoard:
    """What several receivers of one daemon inherit."""

    def __init__(self) -> None:
        self._descriptor = new_board()
        self._is_closed = False

    @property
    def descriptors(self) -> Sequence[int]:
        """Return what a receiver has to inherit."""
        return [self._descriptor]

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what tells a receiver which it is."""
        return {BOARD_VARIABLE: str(self._descriptor)}

    def close(self) -> None:
        """Give it up; receivers that run keep theirs."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._descriptor)


def inherited_board() -> Board | None:
    """Return the board that a supervisor handed to this process; None where this receiver is alone.

    Raises:
        TryLater: too many receivers have it.
    """
    said = os.environ.get(BOARD_VARIABLE)
    if said is None:
        return None
    os.set_inheritable(int(said), False)
    return Board(int(said))
