"""Keeps torch to one thread: two workers whose threads wait for each other take many times as long."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Let small networks be computed without threads."""
    pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]").set_num_threads(1)
