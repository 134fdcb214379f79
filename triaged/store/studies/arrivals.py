"""The row that every received instance gets before its sender gets Success.

Knows no sockets and no files: the bytes are already durable in the spool when an instance comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import bindparam, select

from triaged.store.listing.rankings import Where
from triaged.store.posting.ruling import Treat, as_by_default
from triaged.store.studies.admitting import Arrival, admitted
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.together import Together
from triaged.study.records import Admission, Instance, ReceivedHeader


class Arrivals(Ledger):
    """What the receivers write for each instance; safe to use from several threads, which may share a commit."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._together = Together(database)

    def admit(
        self,
        instance: Instance,
        header: ReceivedHeader,
        association_id: int | None,
        *,
        ranking: Where,
        now: datetime,
        judged: Mapping[str, bool] | None = None,
        is_there: Callable[[str], bool] | None = None,
        treat: Treat = as_by_default,
    ) -> Admission:
        """Write the row of a durable instance, and its study's revision, in one transaction.

        `ranking` is that of the study now. One that is on the list already takes that only where it is higher,
        so that nothing sinks before it is scored again (ordering specification, 2.3.4). One that is done comes back
        onto the list: whoever read it has not seen this instance. `judged` says of digests kept whether theirs is the
        same image in another transfer syntax; None where nobody compares images. `is_there` tells whether a file is
        kept: one that was deleted (`store.studies.retention`) and comes again is kept again. `treat` says what a rule
        of the site does with a study when its first instance comes.

        Raises:
            TryLater: the file was deleted while it came again; the sender has to send it once more.
            OtherSyntax: that is not known yet, and nothing was written.
        """
        if header.made_by_us:
            return Admission.OWN
        arrival = Arrival(instance, header, association_id, ranking, now, judged, is_there, treat)
        return self._together.run(lambda connection: admitted(connection, arrival))

    def is_here(self, study_uid: str) -> bool:
        """Tell whether an instance of a study has come."""
        return self._row(_STUDY, uid=study_uid) is not None


_STUDY = select(schema.study.c.id).where(schema.study.c.study_uid == bindparam("uid"))
