"""Looks for studies, series and instances (QIDO-RS); knows no requests and no answers.

Studies are gone through in stretches, the last that came first, until enough are found: files are opened only for what
the store does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from starlette.exceptions import HTTPException

from triaged.dicom.matching import Query
from triaged.store.studies.catalogue import Catalogue, Contents, KeptStudy, Member
from triaged.web.dicomweb.entries import (
    ROW_TAGS,
    Budget,
    Entry,
    Row,
    known_of_instance,
    known_of_series,
    known_of_study,
)
from triaged.web.dicomweb.held import Held
from triaged.web.dicomweb.levels import SERIES_TAGS, STUDY_TAGS, Level
from triaged.web.dicomweb.model import Model
from triaged.web.dicomweb.paths import Address
from triaged.web.dicomweb.question import Question

MOST_RESULTS: Final = {Level.STUDY: 500, Level.SERIES: 2000, Level.INSTANCE: 5000}
_STRETCH: Final = 500
_AT_ONCE: Final = 50
_MOST_OPENED: Final = 500
"""Studies whose instances one search looks at."""
_STUDY_UID, _SOP_UID = 0x0020000D, 0x00080018
_SEARCHED: Final = frozenset({0x00080050, 0x00100010, 0x00100020})
"""Accession number, patient's name and ID: the store finds words in them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found; `is_cut` tells that there may be more than there is room for in one answer."""

    models: tuple[Model, ...]
    is_cut: bool


class Search:
    """Answers searches; safe to share between threads. Raises `TryLater` where store or spool is away."""

    def __init__(self, catalogue: Catalogue, held: Held) -> None:
        self._catalogue = catalogue
        self._held = held

    def find(self, level: Level, within: Address | None, question: Question, origin: str) -> Answer:
        """Return what is found of a level, in everything or within a study or series; addresses begin with `origin`."""
        budget = Budget()
        levels = _listed(level, within)
        entries = self._entries(level, within, question, origin, budget)
        most = MOST_RESULTS[level]
        wanted = most if question.limit is None else min(question.limit, most)
        found = islice(entries, question.offset, None)
        models = tuple(entry.returned(levels, question) for entry in islice(found, wanted))
        may_be_more = len(models) == most and (question.limit is None or question.limit > most)
        return Answer(models, budget.is_spent or (may_be_more and next(found, None) is not None))

    def _entries(
        self, level: Level, within: Address | None, question: Question, origin: str, budget: Budget
    ) -> Iterator[Entry]:
        of_study = question.query.only(STUDY_TAGS)
        opened = 0
        for row, contents in self._studies(within, question):
            known = known_of_study(row, contents, origin)
            study = Entry(Level.STUDY, known, partial(self._held.of_study, contents.path), budget)
            if not of_study.matches(study):
                continue
            if level is Level.STUDY:
                yield study
                continue
            opened += 1
            if opened > _MOST_OPENED:
                budget.is_spent = True
                return
            address = within or Address(row.study_uid)
            yield from self._inside(level, study, address, question.query, origin)

    def _inside(self, level: Level, study: Entry, address: Address, query: Query, origin: str) -> Iterator[Entry]:
        """Return the series or instances of a study that match."""
        of_series = query.only(STUDY_TAGS | SERIES_TAGS)
        for members in self._series(address):
            known = study.known | known_of_series(members, origin)
            said = partial(self._held.model, members[0])
            series = Entry(Level.SERIES, known, said, study.budget)
            if not of_series.matches(series):
                continue
            if level is Level.SERIES:
                yield series
                continue
            for member in members:
                known = series.known | known_of_instance(member, origin)
                instance = Entry(Level.INSTANCE, known, partial(self._held.model, member), study.budget)
                if query.matches(instance):
                    yield instance

    def _studies(self, within: Address | None, question: Question) -> Iterator[tuple[KeptStudy, Contents]]:
        """Go through the studies whose rows match; what else they have is asked for a few of them at once."""
        of_row = question.query.only(ROW_TAGS)
        for stretch in self._stretches(within, question):
            matching = (study for study in stretch if of_row.matches(Row(study)))
            while few := list(islice(matching, _AT_ONCE)):
                contents = self._catalogue.contents([study.number for study in few])
                yield from ((study, contents.get(study.number, Contents())) for study in few)

    def _stretches(self, within: Address | None, question: Question) -> Iterator[list[KeptStudy]]:
        named = question.values(_STUDY_UID) if within is None else (within.study_uid,)
        instances = question.values(_SOP_UID)
        holding = instances[0] if len(instances) == 1 else ""
        words = question.parts(_SEARCHED)
        before: int | None = None
        next_studies = partial(
            self._catalogue.studies, _STRETCH, study_uids=named, holding=holding, words=words, sites=question.sites
        )
        while stretch := next_studies(before=before):
            yield stretch
            before = stretch[-1].number

    def _series(self, address: Address) -> Iterator[list[Member]]:
        """Return the instances of a study or series by their series; none where it is gone by now."""
        try:
            members = self._held.members(address)
        except HTTPException:
            return
        by_series: dict[str, list[Member]] = {}
        for member in members:
            by_series.setdefault(member.series_uid, []).append(member)
        yield from by_series.values()


def _listed(level: Level, within: Address | None) -> tuple[Level, ...]:
    """Return the levels whose attributes an answer has: not of what the address names already (PS3.18 10.6.3.3)."""
    named = -1 if within is None else Level.SERIES if within.series_uid else Level.STUDY
    return tuple(each for each in Level if named < each <= level)
