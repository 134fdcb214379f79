"""The ledger of studies, as one door for the steps; each kind of writer has a module of its own behind it."""

from __future__ import annotations

from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.history import History
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.store.studies.reception import Reception


class Studies(Reception, Arrivals, Completion, Claims, Outcomes, History, Publications):
    """Every study from its first instance to its result. Every method is one transaction.

    Any method raises `TryLater` when the database is away; then nothing was written.
    """
