"""What a role says of its threads, and how that reaches the supervisor."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from triaged.daemon.beats import BEAT_VARIABLE, Beat, BeatPipe, begin_beats
from triaged.daemon.progress import Progress


@dataclass
class _Time:
    """A clock that the test sets."""

    at: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.at


def test_a_thread_that_marks_in_time_gets_on_and_one_that_does_not_is_named() -> None:
    now = _Time()
    progress = Progress(now)
    accept, answer = progress.watch("accepting", 10), progress.watch("answering", 20)
    now.at = 9
    assert progress.hung() is None
    now.at = 11
    assert progress.hung() == "accepting: no progress for 11 s, at most 10 s"
    accept()
    assert progress.hung() is None
    now.at = 20.9
    accept()
    assert progress.hung() == "answering: no progress for 21 s, at most 20 s"
    answer()
    assert progress.hung() is None


def test_one_long_piece_of_work_may_have_a_time_of_its_own() -> None:
    now = _Time()
    progress = Progress(now)
    look = progress.watch("looking", 10)
    with look.during("one study", 1800):
        now.at = 1700
        assert progress.hung() is None
        now.at = 1801
        assert progress.hung() == "one study: no progress for 1801 s, at most 1800 s"
    assert progress.hung() is None
    now.at += 11
    assert progress.hung() == "looking: no progress for 11 s, at most 10 s"


def test_a_beat_says_whether_the_role_serves_and_what_hangs(monkeypatch: object) -> None:
    now = _Time()
    progress = Progress(now)
    pipe = BeatPipe()
    os.environ[BEAT_VARIABLE] = str(os.dup(pipe.write_end))
    try:
        begin_beats(progress)
    finally:
        del os.environ[BEAT_VARIABLE]
    assert _next(pipe) == Beat(serves=False, hung="")
    progress.serving()
    assert _next(pipe) == Beat(serves=True, hung="")
    progress.watch("accepting", 10)
    now.at = 60
    assert _next(pipe) == Beat(serves=False, hung="accepting: no progress for 60 s, at most 10 s")
    pipe.started()
    pipe.close()


def test_a_supervisor_that_does_not_listen_holds_no_role_up() -> None:
    pipe = BeatPipe()
    line = b"serving\n" * 500
    try:
        while os.write(pipe.write_end, line):
            pass
    except BlockingIOError:
        pass
    assert pipe.last() == Beat(serves=True, hung="")
    pipe.started()
    pipe.close()


def _next(pipe: BeatPipe) -> Beat:
    pipe.last()
    deadline = time.monotonic() + 10
    while (beat := pipe.last()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return beat


def test_what_is_done_by_one_kind_of_work_says_nothing_of_another() -> None:
    progress = Progress(lambda: 100.0)
    progress.hindered("the spool is away", of="courier 1")
    progress.hindered("", of="courier 2")
    assert progress.hindrance() == "the spool is away"
    progress.hindered("", of="courier 1")
    assert progress.hindrance() == ""


def test_what_hinders_a_role_is_said_until_it_works_again_or_nobody_tries() -> None:
    now = _Time(100.0)
    progress = Progress(now)
    assert progress.hindrance() == ""
    progress.hindered("instances are refused: the disk is full")
    assert progress.hindrance() == "instances are refused: the disk is full"
    assert progress.hung() is None
    progress.hindered("")
    assert progress.hindrance() == ""
    progress.hindered("instances are refused: the disk is full")
    now.at += 20
    assert progress.hindrance() == ""
