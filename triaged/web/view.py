"""Which part of the list a page shows, as its address says it; what an address says wrongly is left out.

Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from triaged.store.tables.views import ListOrder, Shown
from triaged.study.lifecycle import State
from triaged.study.ranking import TriageClass

MOST_SEARCH = 100
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class View:
    """A part of the list, in an order, at a page of it; the first page is 1."""

    shown: Shown = Shown.OPEN
    order: ListOrder = ListOrder.TRIAGE
    search: str = ""
    classes: frozenset[TriageClass] = frozenset()
    states: frozenset[State] = frozenset()
    number: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Tell whether studies that are still to be read are left out."""
        return bool(self.search or self.classes or self.states) or self.shown is Shown.DONE

    def address(self, *, number: int | None = None, order: ListOrder | None = None) -> str:
        """Return the address of this view, at another page or in another order where these are given."""
        changed = replace(self, number=number or 1, order=order or self.order)
        fields: list[tuple[str, str]] = []
        if changed.shown is not Shown.OPEN:
            fields.append(("show", changed.shown.value))
        if changed.order is not ListOrder.TRIAGE:
            fields.append(("order", changed.order.value))
        if changed.search:
            fields.append(("q", changed.search))
        fields += [("class", each.value) for each in TriageClass if each in changed.classes]
        fields += [("state", each.value) for each in State if each in changed.states]
        if changed.number > 1:
            fields.append(("page", str(changed.number)))
        return f"/?{urlencode(fields, errors='replace')}" if fields else "/"


def view_of(*, show: str, order: str, search: str, classes: list[str], states: list[str], number: int) -> View:
    """Return what an address asks for."""
    return View(
        shown=_one(Shown, show, Shown.OPEN),
        order=_one(ListOrder, order, ListOrder.TRIAGE),
        search=search.strip()[:MOST_SEARCH],
        classes=_several(TriageClass, classes),
        states=_several(State, states),
        number=number,
    )


def _one(kind: type[_Choice], sent: str, otherwise: _Choice) -> _Choice:
    return kind(sent) if sent in set(kind) else otherwise


def _several(kind: type[_Choice], sent: list[str]) -> frozenset[_Choice]:
    """Return the choices that were made; all of them is as good as none."""
    chosen = frozenset(kind(each) for each in sent if each in set(kind))
    return frozenset() if len(chosen) == len(kind) else chosen
