"""A courier's thread that ends by a bug must not be missed: its destination would get nothing and nobody would know."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import cast

import pytest

from triaged.config.settings import Config
from triaged.daemon import delivering
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import Rooms
from triaged.store.tables.database import Database


def _broken() -> bool:
    """Fail as no peer can make it fail."""
    raise ValueError("a bug")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_courier_that_ends_by_a_bug_ends_the_role_so_that_it_is_started_again(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(delivering, "_errands", lambda rooms, name: [("", _broken)])
    rooms = cast(Rooms, SimpleNamespace(config=Config(), database=database))
    stop = threading.Event()
    giving_up = threading.Timer(20, stop.set)
    giving_up.start()
    with pytest.raises(RuntimeError, match="courier"):
        delivering.deliver(rooms, "courier", stop, Progress())
    giving_up.cancel()
