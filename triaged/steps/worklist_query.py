"""Answers queries for the worklist as Unified Procedure Steps, for C-FIND and for UPS-RS alike.

The order is read once, at one moment, so that no study is missed that moves while the answer is on its way; the rows
are read in stretches, so that nobody holds the whole list. Knows neither sockets nor HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pydicom import Dataset

from triaged.dicom.matching import Query
from triaged.dicom.workitem import CHARACTER_SET, KNOWN, Named, Workitem, workitem_uid
from triaged.store.listing.worklist import Worklist
from triaged.study.records import WorklistEntry

_STRETCH = 200


class WorklistQuery:
    """Finds rows of the list by their attributes; safe to use from several threads.

    Raises:
        TryLater: the store is unreachable, from the first row or from one in between.
    """

    def __init__(self, worklist: Worklist, *, stretch: int = _STRETCH) -> None:
        self._worklist = worklist
        self._stretch = stretch

    def within(self, sites: frozenset[str]) -> WorklistQuery:
        """Return the same for the studies of these sites alone; without names, of all."""
        return WorklistQuery(self._worklist.within(sites), stretch=self._stretch)

    def find(self, query: Query) -> Iterator[Dataset]:
        """Return what matches, row by row in the order of the list, each with what the query asks for.

        A query without any key matches nothing (PS3.4 section CC.2.8.3.1). Attributes that are not supported are
        neither matched nor returned.
        """
        if not query.keys:
            return
        for workitem in self._matching(query.known(KNOWN)):
            found = query.known(KNOWN).selected(workitem)
            found.SpecificCharacterSet = CHARACTER_SET
            yield found

    def search(self, query: Query) -> Iterator[Dataset]:
        """Return what matches with all of its attributes; a query without any key matches everything."""
        return (workitem.dataset() for workitem in self._matching(query.known(KNOWN)))

    def retrieve(self, sop_instance_uid: str) -> Dataset | None:
        """Return the step with this SOP Instance UID, or None where it is not on the list."""
        order = self._worklist.order()
        place = next(
            ((uid, number) for number, uid in enumerate(order, 1) if workitem_uid(uid) == sop_instance_uid), None
        )
        entries = () if place is None else self._worklist.entries_at(dict([place]))
        return next((Workitem(entry).dataset() for entry in entries), None)

    def _matching(self, query: Query) -> Iterator[Workitem]:
        return (
            workitem for workitem in map(Workitem, self._entries(query.only(Named.tags))) if query.matches(workitem)
        )

    def _entries(self, named: Query) -> Iterator[WorklistEntry]:
        """Return the rows whose UIDs match, as they are when their turn comes."""
        places = ((uid, number) for number, uid in enumerate(self._worklist.order(), 1) if named.matches(Named(uid)))
        while stretch := dict(islice(places, self._stretch)):
            yield from self._worklist.entries_at(stretch)
