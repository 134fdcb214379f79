"""No line of the log without a limit, and none left out without a count."""

from __future__ import annotations

import pytest
import structlog

from triaged.daemon.repeated import EventLimit, Repeated, cause


def test_each_thing_is_said_a_few_times_in_a_while_and_then_with_a_count() -> None:
    now = [0.0]
    repeated = Repeated(2, 30, lambda: now[0])
    assert [repeated.left_out("a") for _ in range(5)] == [0, 0, None, None, None]
    assert repeated.left_out("b") == 0
    now[0] = 30
    assert [repeated.left_out("a") for _ in range(3)] == [3, 0, None]
    now[0] = 60
    assert repeated.left_out("a") == 1


def test_keys_without_end_are_forgotten() -> None:
    repeated = Repeated(1, 30, lambda: 0.0)
    for number in range(5000):
        assert repeated.left_out(str(number)) == 0
    assert len(repeated._said) <= 1000


def test_a_message_whose_numbers_differ_has_one_cause() -> None:
    assert cause("found 512 MiB") == cause("found 7 MiB") != cause("found nothing")


def test_a_processor_drops_what_is_logged_too_often_and_says_how_much() -> None:
    now = [0.0]
    limit = EventLimit(Repeated(1, 30, lambda: now[0]))
    assert limit(None, "warning", {"event": "lost", "peer": "a"}) == {"event": "lost", "peer": "a"}
    with pytest.raises(structlog.DropEvent):
        limit(None, "warning", {"event": "lost", "peer": "b"})
    assert limit(None, "info", {"event": "lost"}) == {"event": "lost"}
    now[0] = 31
    assert limit(None, "warning", {"event": "lost"}) == {"event": "lost", "left_out": 1}
