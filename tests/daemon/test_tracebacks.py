"""What the log says of an error: where it happened and what kind it is, and no words that may quote a patient."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from triaged.daemon.tracebacks import traceback_of
from triaged.errors import TryLater

_MARK = "Zqxwv7Name"
_UNCAUGHT = f"""
import logging, sys, threading, warnings
import structlog
from triaged.daemon.logs import configure_logging

configure_logging("debug", "{{style}}", "worker")

def broken():
    raise ValueError("expected a number, found {_MARK}")

def caught(say):
    try:
        broken()
    except ValueError:
        say("a constant message")

caught(structlog.get_logger().exception)
caught(logging.getLogger("uvicorn.error").exception)
logging.getLogger("pydicom").warning("Invalid value for VR UI: {_MARK}")
warnings.warn("Invalid value for VR UI: {_MARK}", stacklevel=1)
thread = threading.Thread(target=broken, name="peer 127.0.0.1")
thread.start()
thread.join()
broken()
"""


class _Diagnosis:
    table_name, constraint_name, message_detail = "study", "patient_is_known", f"Failing row contains ({_MARK})"


class _CheckViolation(Exception):
    sqlstate, diag = "23514", _Diagnosis()


def _raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ValueError(_MARK), "ValueError: words left out"),
        (KeyError(_MARK), "KeyError: words left out"),
        (_CheckViolation(_MARK), "23514, study, patient_is_known, words left out"),
        (OSError(28, "No space left on device", _MARK), "OSError: No space left on device"),
        (TryLater("the disk is full"), "triaged.errors.TryLater: the disk is full"),
        (AttributeError("no attribute 'x'"), "AttributeError: no attribute 'x'"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_words_of_others_are_left_out_and_ours_are_kept(error: Exception, kept: str) -> None:
    said = traceback_of(_raised(error))
    assert kept in said
    assert "test_tracebacks.py" in said
    assert _MARK not in said


def test_what_caused_an_error_and_what_a_group_holds_is_said_without_words_too() -> None:
    cause = _raised(ValueError(_MARK))
    group = ExceptionGroup(_MARK, [_raised(RuntimeError(_MARK), cause), TryLater("later")])
    said = traceback_of(_raised(group))
    assert [word in said for word in ("ValueError", "RuntimeError", "later", _MARK)] == [True, True, True, False]
    assert said.index("ValueError") < said.index("RuntimeError"), "the cause first"


@pytest.mark.slow
@pytest.mark.parametrize("style", ["json", "console"])
def test_nothing_that_a_process_prints_of_errors_and_warnings_quotes_anybody(style: str) -> None:
    command = [sys.executable, "-c", _UNCAUGHT.replace("{style}", style)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert _MARK not in ended.stderr + ended.stdout
    assert ended.stderr.count("in broken") == 4, ended.stderr
    if style == "json":
        lines: list[dict[str, Any]] = [json.loads(line) for line in ended.stderr.splitlines() if line[:1] == "{"]
        events = ["a constant message", "thread ended by an error", "ended by an error"]
        assert [line["event"] for line in lines] == events
        assert lines[1]["thread"] == "peer 127.0.0.1"
        assert {line["role"] for line in lines} == {"worker"}, "of every thread"
