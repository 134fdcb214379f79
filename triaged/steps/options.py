"""What a site may choose of the steps; apart from them, since every process reads the settings and few can score."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnalyseOptions:
    """`lease_s`: how long a worker may be silent before its study is given to another.

    `max_attempts`: how many attempts may fail by the study itself before it ends as FAILED (one that kills its worker
    must not do so for ever); what was unavailable counts against no study. `retry_wait_s`: the wait before the next
    attempt, times the attempts that failed so far.
    """

    lease_s: float = 300.0
    max_attempts: int = 3
    retry_wait_s: float = 10.0


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """After how many days files may be deleted; None is never. All of them: since a reader was done with the study.

    `quarantine_days`, `ignored_days` and `history_days` count from when the file, the study or the row came.
    `promised_days`: also images of which a peer was told, by storage commitment, that they are kept.
    `start_at_free_mb`: with less free disk the images of studies that were done the longest go whatever their age.
    `committing`: destinations that have an object only once they have said that they keep it.
    """

    images_days: float | None = None
    results_days: float | None = None
    promised_days: float | None = None
    quarantine_days: float | None = None
    ignored_days: float | None = None
    history_days: float | None = None
    start_at_free_mb: int | None = None
    committing: frozenset[str] = frozenset()
