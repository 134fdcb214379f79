"""Log lines that cannot be written are lost and counted; nobody fails or waits for them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from triaged.daemon.log_stream import LogStream


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: its end for reading and its end for writing."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # the test did


def test_whole_lines_are_written_and_the_rest_waits(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1])
    stream.write("one\ntwo")
    assert os.read(pipe[0], 100) == b"one\n"
    print(" and a half", file=stream, flush=True)
    assert os.read(pipe[0], 100) == b"two and a half\n"


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    stream = LogStream(full)
    stream.write("lost\n")
    stream.write("lost too\n")
    os.close(full)


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    LogStream(pipe[1]).write("lost\n")


def test_a_reader_that_stops_is_waited_for_once_and_hears_later_how_many_lines_it_missed(
    pipe: tuple[int, int],
) -> None:
    stream = LogStream(pipe[1])
    began = time.monotonic()
    for _ in range(200):
        stream.write("x" * 999 + "\n")
    assert time.monotonic() - began < 5
    os.set_blocking(pipe[0], False)
    kept = os.read(pipe[0], 1_000_000).count(b"\n")
    stream.write("again\n")
    lines = os.read(pipe[0], 1_000_000).decode().splitlines()
    assert lines == [f"{200 - kept} log lines could not be written before this one", "again"]
