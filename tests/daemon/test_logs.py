"""Every line of the log says which process wrote it, and by which version of the configuration."""

from __future__ import annotations

import json
import subprocess
import sys

_WRITES = """
import logging, threading
import structlog
from triaged.daemon.logs import configure_logging, log_under

log = structlog.get_logger()
configure_logging("info", "{style}", "receiver", configuration="{first}")
log.info("one")
log_under("{second}")
thread = threading.Thread(target=lambda: log.warning("two"))
thread.start()
thread.join()
logging.getLogger("uvicorn.error").warning("three")
log.info("four", role="worker-1")
raise ValueError
"""
FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"


def _lines(style: str) -> list[str]:
    code = _WRITES.format(style=style, first=FIRST, second=SECOND)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return done.stderr.splitlines()


def test_each_line_has_role_and_version_also_from_threads_and_after_a_change() -> None:
    lines = _lines("json")
    ours = [json.loads(line) for line in lines if line.startswith("{")]
    assert [(line["event"], line["role"], line["config"]) for line in ours] == [
        ("one", "receiver", FIRST[:8]),
        ("two", "receiver", SECOND[:8]),
        ("four", "worker-1", SECOND[:8]),
        ("ended by an error", "receiver", SECOND[:8]),
    ]
    (library,) = [line for line in lines if "three" in line]
    assert library == f"WARNING uvicorn.error three role=receiver config={SECOND[:8]}"


def test_text_for_people_has_them_too() -> None:
    words = {"one": FIRST, "two": SECOND, "three": SECOND, "four": SECOND, "ended by an error": SECOND}
    lines = _lines("console")
    for word, version in words.items():
        (line,) = [line for line in lines if f" {word} " in line]
        assert "role=" in line
        assert f"config={version[:8]}" in line
