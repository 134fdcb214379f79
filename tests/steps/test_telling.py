"""Of several couriers one tells the audit repository at a time, and another goes on where that one ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from tests.store.making import at
from triaged.errors import TryLater
from triaged.steps.errand import DeliveryOptions
from triaged.steps.ports import SendOutcome, Sent
from triaged.steps.telling import AuditTeller
from triaged.store.tables.database import open_database
from triaged.store.trail.audits import Audits, Told
from triaged.study.audit import Audited, AuditEvent

pytestmark = pytest.mark.slow


class _Repository:
    """Keeps what it is told; `meanwhile` happens while it is being told."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def tell(self, rows: Sequence[Told]) -> SendOutcome:
        self.meanwhile()
        self.took += [row.audited.person for row in rows]
        return Sent()


class _Couriers:
    """Two of them, each with connections of its own, and one repository."""

    def __init__(self, url: str, opened: ExitStack) -> None:
        self._url, self._opened = url, opened
        self.repository = _Repository()
        self.audits = self._audits()

    def teller(self, *, lease_s: float = 300.0) -> AuditTeller:
        return AuditTeller(self._audits(), self.repository, options=DeliveryOptions(lease_s=lease_s))

    def _audits(self) -> Audits:
        database = open_database(self._url)
        self._opened.callback(database.close)
        return Audits(database)


@pytest.fixture
def couriers(postgresql_url: str) -> Iterator[_Couriers]:
    with ExitStack() as opened:
        made = _Couriers(postgresql_url, opened)
        made.audits.record(*(Audited(AuditEvent.SIGNED_IN, at(0), person=each, source="web") for each in "ab"))
        yield made


def _runs(teller: AuditTeller) -> bool:
    return teller.run_next(clock=lambda: at(1))


def test_who_comes_while_another_tells_tells_nothing_and_later_what_is_new(couriers: _Couriers) -> None:
    one, other = couriers.teller(), couriers.teller()
    found: list[bool] = []
    couriers.repository.meanwhile = lambda: found.append(_runs(other))
    assert _runs(one)
    assert (found, couriers.repository.took) == ([False], ["a", "b"])
    couriers.repository.meanwhile = lambda: None
    couriers.audits.record(Audited(AuditEvent.SIGNED_IN, at(2), person="c", source="web"))
    assert _runs(other)
    assert not _runs(one)
    assert couriers.repository.took == ["a", "b", "c"]


def test_who_ends_while_it_tells_leaves_the_rows_to_another(couriers: _Couriers) -> None:
    def dies() -> None:
        raise SystemExit

    couriers.repository.meanwhile = dies
    with pytest.raises(SystemExit):
        _runs(couriers.teller())
    couriers.repository.meanwhile = lambda: None
    assert _runs(couriers.teller())
    assert couriers.repository.took == ["a", "b"]


def test_who_takes_longer_than_its_lease_is_not_waited_for(couriers: _Couriers) -> None:
    other = couriers.teller()

    def waits_for_the_other() -> None:
        couriers.repository.meanwhile = lambda: None
        while not _runs(other):
            pass

    couriers.repository.meanwhile = waits_for_the_other
    with pytest.raises(TryLater):
        _runs(couriers.teller(lease_s=0.1))
    assert couriers.repository.took == ["a", "b", "a", "b"], "twice is better than never"
