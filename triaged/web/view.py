"""Which part of the list a page shows, as its address says it, and what its classes and its order mean.

What an address says wrongly is left out. Knows values only: no server, no store, no markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlencode

from triaged.rules.sites import NO_SITE
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.lifecycle import State
from triaged.study.modalities import ShownModality
from triaged.study.ranking import TriageClass
from triaged.triage.scheme import Discipline

MOST_SEARCH = 100
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
WHOLE: Final = "/?show=open"
"""The address of the whole list for who begins with a part of it."""
_Choice = TypeVar("_Choice", bound=StrEnum)
CLASS_WORDS: Final[Mapping[TriageClass, str]] = {
    TriageClass.EMERGENCY: "emergency order (STAT): a lane of its own, before everything else",
    TriageClass.CRITICAL: "critical: most of one lung",
    TriageClass.SEVERE: "severe: half of one lung or more",
    TriageClass.SUSPECTED_MODERATE: "moderate, or lungs that could not be told from what surrounds them",
    TriageClass.SUSPECTED_MILD: "mild",
    TriageClass.UNSCORED: "no score: still waiting, out of scope, or could not be read",
    TriageClass.OPACITY_NOT_FLAGGED: "a moderate share without suspicion of COVID-19",
    TriageClass.NOT_FLAGGED: "not flagged",
}
MODALITY_WORDS: Final[Mapping[ShownModality, str]] = {
    ShownModality.ALL: "All",
    ShownModality.CT: "CT",
    ShownModality.XRAY: "X-ray",
}
ORDER_WORDS: Final[Mapping[Discipline, str]] = {
    Discipline.HEAD_START: "A study stands where its arrival, less the head start of its class, puts it: a more urgent "
    "class overtakes, and nobody is overtaken for ever.",
    Discipline.FIFO: "Studies stand as they arrived, after emergencies and pinned ones; no class moves them.",
    Discipline.STRICT: "The more urgent class stands first, and within a class who arrived first; the last class waits "
    "for all others.",
    Discipline.STRICT_CAP: "The more urgent class stands first, and within a class who arrived first; who has waited "
    "for as long as the site allows is next after the emergencies.",
    Discipline.ACCUMULATING: "The wait decides, and counts more in a more urgent class; the list moves as time passes.",
}


SORTED_WORDS: Final[Mapping[ListOrder, str]] = {
    ListOrder.ARRIVAL: "order of arrival",
    ListOrder.LATEST: "the latest first",
    ListOrder.NAME: "sorted by name",
    ListOrder.SHARE: "sorted by affected share",
    ListOrder.PROBABILITY: "sorted by P",
    ListOrder.CHANGE: "sorted by change",
}


class Whose(StrEnum):
    """Studies of anybody, or those that are assigned to who asks, by name or by group."""

    ANYBODY = "anybody"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class View:
    """A part of the list, in an order, at a page of it; the first page is 1.

    `site` is the name of one, that of the studies of no site, or empty for all studies. `whole` is the address of the
    whole list in its order, `is_kept` whether a person begins with this view.
    """

    shown: Shown = Shown.OPEN
    order: ListOrder = ListOrder.TRIAGE
    search: str = ""
    classes: frozenset[TriageClass] = frozenset()
    states: frozenset[State] = frozenset()
    modality: ShownModality = ShownModality.ALL
    whose: Whose = Whose.ANYBODY
    site: str = ""
    number: int = 1
    whole: str = "/"
    is_kept: bool = False

    @property
    def is_filtered(self) -> bool:
        """Tell whether studies may be left out by something that they are or are called."""
        narrows = self.modality is not ShownModality.ALL or self.whose is Whose.MINE
        return narrows or bool(self.search or self.classes or self.states or self.site)

    @property
    def sites(self) -> frozenset[str]:
        """The sites whose studies are asked for, as the store knows them; none: all studies."""
        return frozenset({"" if self.site == NO_SITE else self.site}) if self.site else frozenset()

    @property
    def is_narrowed(self) -> bool:
        """Tell whether studies that are still to be read are left out."""
        return self.is_filtered or self.shown in (Shown.DONE, Shown.IGNORED)

    def address(
        self,
        *,
        number: int | None = None,
        order: ListOrder | None = None,
        modality: ShownModality | None = None,
        whose: Whose | None = None,
        site: str | None = None,
    ) -> str:
        """Return the address of this view, at another page, in another order, of others' studies where given."""
        changed = replace(self, number=number or 1, order=order or self.order, modality=modality or self.modality)
        changed = replace(changed, whose=whose or self.whose, site=self.site if site is None else site)
        fields: list[tuple[str, str]] = []
        if changed.shown is not Shown.OPEN:
            fields.append(("show", changed.shown.value))
        if changed.order is not ListOrder.TRIAGE:
            fields.append(("order", changed.order.value))
        if changed.modality is not ShownModality.ALL:
            fields.append(("modality", changed.modality.value))
        if changed.whose is not Whose.ANYBODY:
            fields.append(("whose", changed.whose.value))
        if changed.site:
            fields.append(("site", changed.site))
        if changed.search:
            fields.append(("q", changed.search))
        fields += [("class", each.value) for each in TriageClass if each in changed.classes]
        fields += [("state", each.value) for each in State if each in changed.states]
        if changed.number > 1:
            fields.append(("page", str(changed.number)))
        return f"/?{urlencode(fields, errors='replace')}" if fields else self.whole

    @property
    def query(self) -> str:
        """The address without the path and the page, as a person keeps it."""
        return self.address().partition("?")[2]


def view_of(
    *,
    show: str,
    order: str,
    modality: str,
    search: str,
    classes: list[str],
    states: list[str],
    number: int,
    whose: str = "",
    site: str = "",
) -> View:
    """Return what an address asks for."""
    return View(
        shown=_one(Shown, show, Shown.OPEN),
        order=_one(ListOrder, order, ListOrder.TRIAGE),
        modality=_one(ShownModality, modality, ShownModality.ALL),
        search=search.strip()[:MOST_SEARCH],
        classes=_several(TriageClass, classes),
        states=_several(State, states),
        whose=_one(Whose, whose, Whose.ANYBODY),
        site=site if _SITE.fullmatch(site) else "",
        number=number,
    )


def _one(kind: type[_Choice], sent: str, otherwise: _Choice) -> _Choice:
    return kind(sent) if sent in set(kind) else otherwise


def _several(kind: type[_Choice], sent: list[str]) -> frozenset[_Choice]:
    """Return the choices that were made; all of them is as good as none."""
    chosen = frozenset(kind(each) for each in sent if each in set(kind))
    return frozenset() if len(chosen) == len(kind) else chosen


def kept_view(query: str) -> View:
    """Return the view that a person keeps, as `View.query` wrote it; what it says wrongly is left out."""
    sent = parse_qs(query)

    def one(name: str) -> str:
        return sent.get(name, [""])[0]

    kept = view_of(
        show=one("show"),
        order=one("order"),
        modality=one("modality"),
        search=one("q"),
        classes=sent.get("class", []),
        states=sent.get("state", []),
        number=1,
        whose=one("whose"),
        site=one("site"),
    )
    return replace(kept, whole=WHOLE, is_kept=True)
