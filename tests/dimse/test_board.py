"""What receivers let each other see: as long as they live, and no longer. Each board here stands for one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from triaged.dimse.board import Board, Elsewhere, new_board
from triaged.errors import TryLater

DIES = """
import sys, threading
from triaged.dimse.board import Board
board = Board(int(sys.argv[1]))
board.show_load(7)
board.enter("10.0.0.9", "CT9")
print("entered", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def descriptor() -> Iterator[int]:
    """A board in memory, as a supervisor hands it to receivers."""
    made = new_board()
    yield made
    os.close(made)


def _seen(board: Board) -> list[tuple[str, str]]:
    return [(each.address, each.calling_ae_title) for each in board.elsewhere()]


def test_an_association_is_seen_by_others_and_not_by_its_own_receiver(descriptor: int) -> None:
    one, other = Board(descriptor), Board(descriptor)
    row = one.enter("fe80::1%eth0", "CT\udce9 1")
    assert row is not None
    row.show(is_known=True, has_worked=True, idle_since=5.0, may_leave_from=15.0)
    (seen,) = other.elsewhere()
    assert one.elsewhere() == []
    assert seen == Elsewhere("fe80::1%eth0", "CT\udce9 1", True, True, 5.0, 15.0, seen.place, seen.number)
    assert (seen.may_leave(14.9), seen.may_leave(15.0)) == (False, True)
    row.end()
    row.end()
    assert other.elsewhere() == []


def test_a_wish_reaches_the_association_that_was_meant_and_no_later_one_in_its_place(descriptor: int) -> None:
    one, other = Board(descriptor), Board(descriptor)
    first = one.enter("10.0.0.1", "A")
    assert first is not None
    (seen,) = other.elsewhere()
    other.ask_to_leave(seen)
    assert first.is_to_leave
    first.refuse()
    assert not first.is_to_leave
    other.ask_to_leave(seen)
    first.end()
    second = one.enter("10.0.0.2", "B")
    assert second is not None
    assert not second.is_to_leave
    other.ask_to_leave(seen)
    assert not second.is_to_leave
    first.show(is_known=True, has_worked=True, idle_since=0.0, may_leave_from=0.0)
    assert not other.elsewhere()[0].is_known, "who is gone says nothing of who came after"


def test_what_a_process_showed_ends_with_it_however_it_ends(descriptor: int) -> None:
    board = Board(descriptor)
    command = [sys.executable, "-c", DIES, str(descriptor)]
    process = subprocess.Popen(command, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "entered\n"
    assert (_seen(board), board.least_load_elsewhere()) == ([("10.0.0.9", "CT9")], 7)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (_seen(board), board.least_load_elsewhere()) == ([], None)
    successor = Board(descriptor)
    assert (_seen(board), board.least_load_elsewhere()) == ([], 0)
    successor.close()


def test_who_has_closed_counts_no_more_and_leaves_room_for_another(descriptor: int) -> None:
    board, other = Board(descriptor), Board(descriptor)
    other.enter("10.0.0.1", "A")
    other.close()
    assert (_seen(board), board.least_load_elsewhere()) == ([], None)
    assert _seen(Board(descriptor)) == []


def test_one_at_a_time_has_its_turn(descriptor: int) -> None:
    one, other = Board(descriptor), Board(descriptor)
    with one.turn():
        assert not other._try_lock(64)
        with other.turn():
            pass  # it went on, after a moment: a process that is stopped in its turn keeps nobody out
        assert not other._try_lock(64), "and has not ended the turn of the first"
    assert other._try_lock(64)


def test_there_are_as_many_rows_as_a_receiver_can_have_threads_and_they_are_used_again(descriptor: int) -> None:
    one, other = Board(descriptor), Board(descriptor)
    rows = [one.enter("10.0.0.1", str(number)) for number in range(512)]
    assert None not in rows
    assert one.enter("10.0.0.1", "one too many") is None
    assert len(other.elsewhere()) == 512
    assert rows[100] is not None
    rows[100].end()
    assert one.enter("10.0.0.1", "again") is not None
    assert ("10.0.0.1", "again") in _seen(other)


def test_more_receivers_than_there_can_be_are_refused(descriptor: int) -> None:
    boards = [Board(descriptor) for _ in range(64)]
    with pytest.raises(TryLater, match="at most 64 receivers"):
        Board(descriptor)
    boards[3].close()
    assert Board(descriptor).least_load_elsewhere() == 0
