"""Sets up the log: one line per event, for the operator at 3 a.m., without patient attributes."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO, cast

import structlog

from triaged.daemon.log_stream import LogStream
from triaged.daemon.repeated import EventLimit


def configure_logging(level: str, style: Literal["console", "json"], role: str) -> None:
    """Send every event at or above `level` to standard error, as text for people or as JSON for a log store.

    What others print there, such as tracebacks, goes the same way: no process fails because its log cannot be written.
    """
    stream = _standard_error()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=36)
    )
    structlog.configure(
        processors=[
            EventLimit(),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every round that a slow one delays
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(levelname)s %(name)s %(message)s")


def _standard_error() -> TextIO:
    """Return standard error as a stream that neither fails nor waits; what somebody put in its place stays."""
    if sys.stderr is sys.__stderr__:
        sys.stderr = cast(TextIO, LogStream(2))
    return sys.stderr
