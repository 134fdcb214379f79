"""When studies were made, by the date and time that their scanners wrote; only the time between two means something."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

Interval = tuple[datetime, datetime]
"""When the later of two studies was made, and when the earlier."""


def interval(later: tuple[str, str], earlier: tuple[str, str]) -> Interval | None:
    """Return when two studies were made, from date and time of each (PS3.5 6.2, DA and TM); None without both dates.

    Where either says no time, whole days count. The site's clock is taken for UTC: what matters is what lies between.
    """
    now, then = _date(later[0]), _date(earlier[0])
    if now is None or then is None:
        return None
    since, until = _time_of_day(earlier[1]), _time_of_day(later[1])
    if since is None or until is None:
        since = until = timedelta(0)
    return _midnight(now) + until, _midnight(then) + since


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _date(text: str) -> date | None:
    if len(text) != 8 or not text.isascii() or not text.isdecimal():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _time_of_day(text: str) -> timedelta | None:
    digits = text.strip().partition(".")[0].replace(":", "")
    if len(digits) not in (2, 4, 6) or not digits.isascii() or not digits.isdecimal():
        return None
    hours, minutes, seconds = (int(digits[start : start + 2] or 0) for start in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
