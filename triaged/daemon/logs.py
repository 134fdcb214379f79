"""Sets up the log: one line per event, for the operator at 3 a.m., without patient attributes."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Literal, TextIO, cast

import structlog

from triaged.daemon.log_stream import LogStream
from triaged.daemon.repeated import EventLimit
from triaged.daemon.tracebacks import traceback_of

_QUOTE_WHAT_THEY_READ = ("pydicom", "pynetdicom", "highdicom")
"""Libraries that warn of a sender's values in their own words; what becomes of the instance is logged by us."""
_DIGITS = 8
_known: dict[str, str] = {"role": "", "config": ""}
"""What every line of this process has; lines are written by loggers that keep how they were configured first."""
_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def log_under(configuration: str) -> None:
    """Say from now on in every line that the process runs with the configuration of this SHA-256."""
    _known["config"] = configuration[:_DIGITS]


def configure_logging(
    level: str,
    style: Literal["console", "json"],
    role: str,
    *,
    configuration: str | None = None,
    hide: Callable[[str], str] = str,
) -> None:
    """Send every event at or above `level` to standard error, as text for people or as JSON for a log store.

    What others print there goes the same way: no process fails because its log cannot be written. Tracebacks, whoever
    writes them, are without the words of errors that are not ours: those may quote a patient. Every line has the role,
    and `configuration`, the SHA-256 of the file that the process runs with; as before where that is None. `hide` takes
    secrets out.
    """
    _known["role"] = role
    if configuration is not None:
        log_under(configuration)
    stream = _standard_error()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), pad_event_to=36, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            EventLimit(),
            lambda _logger, _method, event: {**_known, **event},  # in every thread, which contextvars are not
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_rendered),
            partial(_hidden, hide),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every round that a slow one delays
    logging.basicConfig(level=logging.WARNING, stream=stream)
    for library in _QUOTE_WHAT_THEY_READ:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings are for developers, and quote the same
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_WithoutWords("%(levelname)s %(name)s %(message)s%(known)s", hide))
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


class _WithoutWords(logging.Formatter):
    """Writes lines of libraries, with what every line has; their tracebacks as ours, and without secrets."""

    def __init__(self, form: str, hide: Callable[[str], str]) -> None:
        super().__init__(form)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        record.known = "".join(f" {name}={value}" for name, value in _known.items())
        return self._hide(super().format(record))

    def formatException(self, ei: object) -> str:  # is logging's
        """Return a traceback without the words of errors."""
        return _rendered(cast(_Raised, ei))


def _hidden(
    hide: Callable[[str], str], _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Return an event whose values are without secrets, also within lists."""
    return {name: _shown(hide, value) for name, value in event.items()}


def _shown(hide: Callable[[str], str], value: object) -> object:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list | tuple):
        return type(value)(_shown(hide, each) for each in value)
    return {key: _shown(hide, each) for key, each in value.items()} if isinstance(value, dict) else value


def _rendered(exc_info: _Raised) -> str:
    return traceback_of(exc_info[1])


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("ended by an error", exc_info=(kind, error, trace))


def _uncaught_in_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_value is not None and not issubclass(raised.exc_type, SystemExit):
        name = "" if raised.thread is None else raised.thread.name
        trace = (raised.exc_type, raised.exc_value, raised.exc_traceback)
        structlog.get_logger().critical("thread ended by an error", thread=name, exc_info=trace)


def _standard_error() -> TextIO:
    """Return standard error as a stream that neither fails nor waits; what somebody put in its place stays."""
    if sys.stderr is sys.__stderr__:
        sys.stderr = cast(TextIO, LogStream(2))
    return sys.stderr
