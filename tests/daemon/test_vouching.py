"""A role that computes without letting another of its threads run has signs of life: its supervisor vouches for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from triaged.daemon.vouching import Voucher
from triaged.store.roles.pulses import Pulses
from triaged.store.tables.database import Database
from triaged.study.pulse import Pulse

BUSY, OTHER = "worker-1@here/1", "worker-2@here/1"


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_signs_of_life_are_given_for_those_that_are_named_and_for_no_other(
    database: Database, database_url: str
) -> None:
    pulses, voucher = Pulses(database), Voucher(database_url)
    for name in (BUSY, OTHER):
        pulses.write(Pulse(name, "worker", "a-1"))
    voucher.vouch([BUSY, "worker-3@here/1"])

    def beats() -> dict[str, str]:
        return {each.name: each.beat for each in pulses.all()}

    _until(lambda: beats()[BUSY] != "a-1")
    first = beats()[BUSY]
    _until(lambda: beats()[BUSY] != first)
    assert beats()[OTHER] == "a-1"
    assert set(beats()) == {BUSY, OTHER}
    voucher.close()
