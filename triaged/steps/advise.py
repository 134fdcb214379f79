"""Lets a second engine read what the first one has scored, and keeps what it found beside that; moves no study.

Two halves that may run in different processes: `advise` computes and knows no store; `Adviser` claims, settles and
computes nothing. Whatever goes wrong in either, the first result stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from triaged.errors import StaleClaim, TryLater, UnreadableStudy
from triaged.exams.exam import Examination
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance, Referenced
from triaged.spool.files import Spool
from triaged.steps.errand import Clock
from triaged.steps.footing import Footing, Latest, nothing_known
from triaged.steps.options import AnalyseOptions
from triaged.steps.publish import kept_object, predecessor
from triaged.store.studies.seconds import Seconds
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.kinds import ObjectKind
from triaged.study.records import Series
from triaged.study.second import SecondClaim, SecondFailed, SecondOutcome, SecondRead
from triaged.triage.agreement import agreement
from triaged.triage.scheme import TriageOptions

log = structlog.get_logger()

MOST_ATTEMPTS = 12
"""After so many it is over, whatever ended them; what counts against a reading ends it sooner."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a second engine found, with the objects that say so."""

    outcome: SecondOutcome
    objects: tuple[ResultObject, ...]


def advise(
    examination: Examination, claim: SecondClaim, triage: TriageOptions, absolute: Callable[[str], Path]
) -> Advice:
    """Read a study by a second engine and compare; `absolute` finds a file of the spool.

    Raises:
        TryLater: a file could not be read from the disk.
        Exception: anything unforeseen; the caller counts it against this reading.
    """
    engine, first = examination.engine, claim.first
    choice = examination.choose([claim.series])
    if choice.chosen is None:
        assert choice.reason is not None
        return Advice(SecondFailed(engine.algorithm, choice.reason), ())
    try:
        analysis = examination.read([absolute(each.path) for each in choice.chosen.instances], _nobody_waits)
    except UnreadableStudy as error:
        return Advice(SecondFailed(engine.algorithm, Reason(ReasonCode(error.code), error.detail)), ())
    overlap = analysis.overlap(None if first.segmentation is None else absolute(first.segmentation))
    compared = agreement(first.finding, analysis.finding, overlap, triage)
    before = None if claim.supersedes is None else predecessor(absolute(claim.supersedes))
    provenance = _provenance(claim, engine, choice.chosen, triage, () if before is None else (before,))
    objects = analysis.draw_second(compared, first.algorithm, provenance)
    return Advice(SecondRead(engine.algorithm, analysis.finding, compared), objects)


class Adviser:
    """Claims what second engines are to read, and keeps what they found.

    `configuration` is the SHA-256 of the configuration that they read under.
    """

    def __init__(
        self,
        seconds: Seconds,
        spool: Spool,
        names: Sequence[str],
        *,
        worker: str,
        options: AnalyseOptions,
        destinations: Mapping[str, frozenset[ObjectKind]],
        configuration: str = "",
        latest: Latest = nothing_known,
    ) -> None:
        self._seconds = seconds
        self._footing = Footing(spool, latest)
        self._spool = spool
        self._names = names
        self._worker = worker
        self._options = options
        self._destinations = destinations
        self._configuration = configuration

    def claim(self, *, clock: Clock) -> SecondClaim | None:
        """Take what is to be read next, or None; what failed too often is given up here.

        Raises:
            TryLater: the store is away, or the spool cannot be worked with here, as `Footing.demand` says.
        """
        self._footing.demand(now=clock())
        claim = self._seconds.claim_next(self._worker, self._names, lease_s=self._options.lease_s, now=clock())
        if claim is not None and self._is_exhausted(claim):
            causes = "; ".join(f"attempt {each.attempt}: {each.cause}" for each in claim.strikes)
            detail = f"gave up after {claim.attempt - 1} attempts{': ' if causes else ''}{causes}"
            outcome = SecondFailed(claim.name, Reason(ReasonCode.GAVE_UP, detail))
            self.settle(claim, Advice(outcome, ()), clock=clock)
            return None
        return claim

    def extend(self, claim: SecondClaim, *, clock: Clock) -> None:
        """Keep a claim; `StaleClaim` where there is nothing to be read for any more."""
        self._seconds.extend(claim, lease_s=self._options.lease_s, now=clock())

    def settle(self, claim: SecondClaim, advice: Advice, *, clock: Clock) -> None:
        """Commit what was found; a claim that went stale meanwhile leaves no trace.

        It is put back where it is rather this host that cannot read a file.

        Raises:
            TryLater: the store or the spool is away.
        """
        outcome, fields = advice.outcome, _fields(claim)
        if isinstance(outcome, SecondFailed) and outcome.reason.code is ReasonCode.FILE_LOST:
            try:
                files = [each.path for each in claim.series.instances]
                self._footing.blame(claim.study_uid.value, attempt=claim.attempt, now=clock(), files=files)
            except TryLater as later:
                self.put_back(claim, str(later), clock=clock)
                return
        reports = [kept_object(self._spool, claim.study_uid.value, each) for each in advice.objects]
        try:
            self._seconds.commit(
                claim,
                outcome,
                reports=reports,
                destinations=self._destinations,
                configuration=self._configuration,
                now=clock(),
            )
        except StaleClaim as stale:
            log.info("second result dropped, the study changed meanwhile", why=str(stale), **fields)
            return
        if isinstance(outcome, SecondRead):
            in_what = [each.value for each in outcome.agreement.disagreements]
            log.info("second result committed", disagreements=in_what, **fields)
        else:
            log.warning("second engine could not read a study", why=outcome.reason.detail, **fields)

    def put_back(self, claim: SecondClaim, why: str, *, clock: Clock) -> None:
        """Let it be read later, for a reason that has nothing to do with it."""
        not_before = clock() + timedelta(seconds=self._options.retry_wait_s)
        log.info("second engine put back", why=why, **_fields(claim))
        _unless_stale(claim, lambda: self._seconds.retry_later(claim, not_before=not_before, now=clock()))

    def count_and_put_back(self, claim: SecondClaim, why: str, *, clock: Clock) -> None:
        """Let it be read later, and count the attempt; after `max_attempts` it is given up. `why` is shown."""
        waits = len(claim.strikes) + 1
        not_before = clock() + timedelta(seconds=self._options.retry_wait_s * waits)
        log.warning("second engine failed", why=why, **_fields(claim))
        _unless_stale(claim, lambda: self._seconds.strike(claim, not_before=not_before, why=why, now=clock()))

    def is_first_at_work(self, *, clock: Clock) -> bool:
        """Tell whether second engines have to pause."""
        return self._seconds.is_first_at_work(now=clock())

    def _is_exhausted(self, claim: SecondClaim) -> bool:
        return len(claim.strikes) >= self._options.max_attempts or claim.attempt > MOST_ATTEMPTS


def _unless_stale(claim: SecondClaim, give_back: Callable[[], None]) -> None:
    try:
        give_back()
    except StaleClaim as stale:
        log.info("nothing to put back", why=str(stale), **_fields(claim))


def _fields(claim: SecondClaim) -> Mapping[str, str | int]:
    return {"study_instance_uid": claim.study_uid.value, "engine": claim.name, "attempt": claim.attempt}


def _nobody_waits() -> None:
    """Say nothing between the parts of a reading: the lease is kept by whoever claimed."""


def _provenance(
    claim: SecondClaim, engine: Engine, chosen: Series, triage: TriageOptions, replaces: tuple[Referenced, ...]
) -> Provenance:
    return Provenance(
        study_uid=claim.study_uid,
        input_sop_instance_uids=tuple(sorted(each.sop_instance_uid.value for each in chosen.instances)),
        engine=engine.name,
        engine_version=engine.version,
        model_sha256=engine.model_sha256,
        device_uid=engine.device_uid,
        scheme=triage.scheme.value,
        scheme_version=engine.settings_digest,
        software_version=engine.software_version,
        assessed_at=claim.ready_at,
        replaces=replaces,
        revision=claim.first.revision,
        advises=claim.first.object_set_uid,
    )
