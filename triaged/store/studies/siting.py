"""The sites of studies on the list, decided again where the settings are others than when they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from triaged.store.listing.order import IS_OPEN
from triaged.store.posting.ruling import facts_of, write_treatment
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.study.facts import StudyFacts
from triaged.study.treatment import Treatment

_AT_ONCE: Final = 100


class Siting(Ledger):
    """Gives studies that are to be read their sites again; those that are done keep theirs."""

    def is_any(self) -> bool:
        """Tell whether a study of the open list is of any site."""
        return self._row(_ANY) is not None

    def decide_again(self, site_of: Callable[[StudyFacts], str | None], *, now: datetime) -> int:
        """Give each study of the open list the site that `site_of` says, a few at once; return how many changed.

        None: it keeps the one that it has. Its history says what changed.
        """
        changed = last = 0
        while True:
            with self._database.begin() as connection:
                studies = connection.execute(_NEXT, {"after": last}).all()
                for study in studies:
                    site = site_of(facts_of(connection, study))
                    if site is not None and site != study.site:
                        treatment = replace(Treatment.of_text(study.treatment), site=site)
                        write_treatment(connection, study, treatment, now=now)
                        changed += 1
            if not studies:
                return changed
            last = studies[-1].id


_study = schema.study
_ANY = select(_study.c.id).where(IS_OPEN, _study.c.site != "").limit(1)
_NEXT = (
    select(_study)
    .where(IS_OPEN, _study.c.id > bindparam("after"))
    .order_by(_study.c.id)
    .limit(_AT_ONCE)
    .with_for_update(key_share=True)
)
