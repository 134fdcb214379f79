"""The ledger of studies, as one door for the steps; each kind of writer has a module of its own behind it."""

from __future__ import annotations

from triaged.store.arrivals import Arrivals
from triaged.store.claims import Claims
from triaged.store.completion import Completion
from triaged.store.history import History
from triaged.store.outcomes import Outcomes
from triaged.store.publications import Publications
from triaged.store.reception import Reception


class Studies(Reception, Arrivals, Completion, Claims, Outcomes, History, Publications):
    """Every study from its first instance to its result. Every method is one transaction.

    Any method raises `TryLater` when the database is away; then nothing was written.
    """
