"""How long lies between two studies, by what scanners write; worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from triaged.store.tables.moments import interval


@pytest.mark.parametrize(
    ("later", "earlier", "between"),
    [
        (("20260302", "1200"), ("20260301", "090000"), timedelta(days=1, hours=3)),
        (("20260301", "12:00:00"), ("20260228", "12"), timedelta(days=1)),
        (("20240301", "000000"), ("20240228", "000000"), timedelta(days=2)),  # a leap year
        (("20260101", "003000.123456"), ("20251231", "233000"), timedelta(hours=1)),
        (("20260302", ""), ("20260301", "235959"), timedelta(days=1)),
        (("20260302", "000000"), ("20260301", "no time"), timedelta(days=1)),
        (("20260302", "0000"), ("20260301", "2500"), timedelta(days=1)),
    ],
)
def test_what_lies_between_is_to_the_second_or_in_whole_days(
    later: tuple[str, str], earlier: tuple[str, str], between: timedelta
) -> None:
    found = interval(later, earlier)
    assert found is not None
    assert found[0] - found[1] == between


@pytest.mark.parametrize("date", ["", "2026", "20261301", "20260230", "2026-3-1", "00000101", "٢٠٢٦٠٣٠١"])
def test_without_two_dates_nothing_is_known(date: str) -> None:
    assert interval((date, "1200"), ("20260301", "1200")) is None
    assert interval(("20260301", "1200"), (date, "1200")) is None
