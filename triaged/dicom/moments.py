"""Dates and date times as queries name them: to a precision, or as a range (PS3.4 section C.2.2.2.5, PS3.5 6.2).

Knows texts only. A text of lower precision is the whole time that it covers: a year, a day, a second.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

Span = tuple[datetime, datetime]
"""From the first instant to the first one that is no longer part of it."""

_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_PARTS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)?(?P<day>\d\d)?(?P<hour>\d\d)?(?P<minute>\d\d)?"
    r"(?:(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?(?P<offset>[+-]\d{4})?"
)
_SOME_DAY = "20000101"
_LARGEST_OFFSET = timedelta(hours=14)


class NotUnderstood(ValueError):
    """Something that was asked for is no query; the words are ours, without a value that may name a patient."""


def zone_of(offset: str) -> timezone:
    """Return the zone of an offset from UTC, like -0500; raises `ValueError` where it is none."""
    if not re.fullmatch(r"[+-]\d{4}", offset):
        raise NotUnderstood("expected an offset from UTC, found something else")
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    if size > _LARGEST_OFFSET:
        raise NotUnderstood("expected an offset from UTC of at most 14 hours, found a longer one")
    return timezone(-size if offset[0] == "-" else size)


@lru_cache(maxsize=256)
def span_of(text: str, zone: tzinfo) -> Span:
    """Return the time that a date (time) or a range of them covers, else raise `ValueError`; `zone` is the default.

    A hyphen with four digits behind it is an offset where it can be one, which no year from 1401 on can.
    """
    try:
        return _moment(text, zone)
    except ValueError:
        pass
    for position in (position for position, character in enumerate(text) if character == "-"):
        first, last = text[:position], text[position + 1 :]
        try:
            begin = _moment(first, zone)[0] if first else _EVER[0]
            end = _moment(last, zone)[1] if last else _EVER[1]
        except ValueError:
            continue
        if first or last:
            return begin, end
    raise NotUnderstood("expected a date, a date time or a range of them, found something else")


def covers(wanted: str, found: str, zone: tzinfo) -> bool:
    """Tell whether a value falls into what a query names; a value that is no date falls into nothing."""
    begin, end = span_of(wanted, zone)
    try:
        return begin <= _moment(found, UTC)[0] < end
    except ValueError:
        return False


def dated(times: str) -> str:
    """Return a time of day, or a range of them, on one and the same day, so that it can be compared as a date time."""
    parts = times.replace(":", "").split("-")
    return "-".join(f"{_SOME_DAY}{part}" if part else "" for part in parts)


def _moment(text: str, zone: tzinfo) -> Span:
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise NotUnderstood("expected a date time, found something else")
    year, month, day, hour, minute, second = (
        int(parts[name] or default)
        for name, default in (("year", 0), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    fraction = parts["fraction"] or ""
    at = zone_of(parts["offset"]) if parts["offset"] else zone
    begin = datetime(year, month, day, hour, minute, min(second, 59), int(fraction.ljust(6, "0")), at)
    try:
        if parts["month"] is None:
            return begin, begin.replace(year=year + 1)
        if parts["day"] is None:
            return begin, begin.replace(year=year + month // 12, month=month % 12 + 1)
        return begin, begin + _width(parts, fraction)
    except (OverflowError, ValueError):  # the end of 9999, as queries name the end of time
        return begin, _EVER[1]


def _width(parts: re.Match[str], fraction: str) -> timedelta:
    if fraction:
        return timedelta(microseconds=10 ** (6 - len(fraction)))
    widths = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
    return next((width for name, width in widths.items() if parts[name] is not None), timedelta(days=1))
