"""What a site may choose of the analysis; apart from it, since every process reads the settings and few can score."""

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
