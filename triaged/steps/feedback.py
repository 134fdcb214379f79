"""What readers say of results, to whom they assign studies, and what they open, as the pages call it.

One line of log for each, without the note and without a name: both are in the history.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from triaged.store.listing.assignments import Assignments
from triaged.store.listing.verdicts import Verdicts
from triaged.study.verdict import Assignment, Said, Verdict, assignee_name, note_text

log = structlog.get_logger()


class Feedback:
    """Verdicts, assignments and openings; safe to share between threads. None of them moves a study.

    Raises:
        UnknownStudy: there is no such study.
        ActionRefused: as `Verdicts`.
        TryLater: the store is unreachable.
        ValueError: a note is too long, or what is sent can be no name.
    """

    def __init__(self, verdicts: Verdicts, assignments: Assignments) -> None:
        self._verdicts = verdicts
        self._assignments = assignments

    def say(
        self, study_uid: str, verdict: Verdict, person: str, *, note: str, revision: int | None, now: datetime
    ) -> Said:
        """Keep what a person says of the current result, as `Verdicts.say`."""
        said = self._verdicts.say(study_uid, verdict, person, note=note_text(note), revision=revision, now=now)
        log.info("verdict given", study_instance_uid=study_uid, verdict=verdict.value, number=said.number)
        return said

    def take_back(self, study_uid: str, person: str, *, revision: int | None, now: datetime) -> Said:
        """Take back what a person said last, as `Verdicts.take_back`."""
        said = self._verdicts.take_back(study_uid, person, revision=revision, now=now)
        log.info("verdict taken back", study_instance_uid=study_uid, verdict=said.verdict.value, number=said.number)
        return said

    def assign(self, study_uid: str, assignee: str, person: str, *, now: datetime) -> Assignment:
        """Assign a study, as `Assignments.assign`."""
        name = assignee_name(assignee, person=person)
        done = self._assignments.assign(study_uid, name, person, now=now)
        log.info("study assigned", study_instance_uid=study_uid, to_anybody=bool(name))
        return done

    def opened(self, study_uid: str, person: str, *, now: datetime) -> None:
        """Keep when a person opened a study first."""
        self._assignments.opened(study_uid, person, now=now)

    def verdicts(self, study_uid: str) -> list[Said]:
        """Return everything that was said of a study's results, the oldest first."""
        return self._verdicts.of_study(study_uid)

    def assignments(self, study_uid: str) -> list[Assignment]:
        """Return every assignment of a study, the oldest first."""
        return self._assignments.of_study(study_uid)
