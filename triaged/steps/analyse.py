"""Turns one claimed study into an assessment, a place in the order and result objects; the only step that computes.

Everything a study needs happens between `claim` and `commit`, and nothing is visible before `commit`: a worker may be
killed at any line, and the study is claimed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog
from pydicom.dataset import Dataset

from triaged.dicom.files import read_header_only
from triaged.errors import StaleClaim, TryLater, UnreadableStudy
from triaged.exams.ct.choice import Choice, ScopeOptions, choose
from triaged.exams.ct.decoding.series import ReadSeries, read_series
from triaged.exams.ct.objects import reason_objects, result_objects
from triaged.exams.ct.pictures.colour import Palette
from triaged.exams.ct.pictures.comparison import Earlier
from triaged.exams.ct.pipelines.pipeline import Pipeline
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.spool.files import Spool
from triaged.steps.following import Followed, followed
from triaged.steps.placing import placing
from triaged.steps.publish import Kept, Publisher, object_set
from triaged.store.studies.ledger import Studies
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, Reason, ReasonCode, unreadable
from triaged.study.finding import Reading
from triaged.study.kinds import ObjectKind
from triaged.study.placement import Placement
from triaged.study.records import Claim, Prior, Series
from triaged.study.standing import Compared
from triaged.study.uids import SeriesUID
from triaged.triage.follow_up import FollowUp
from triaged.triage.ordering import place
from triaged.triage.scheme import TriageOptions

log = structlog.get_logger()

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class AnalyseOptions:
    """`lease_s`: how long a worker may be silent before its study is given to another.

    `max_attempts`: how often a study is tried before it ends as FAILED (one that kills its worker must not do so for
    ever); `retry_wait_s`: the wait before the next attempt, times the attempts so far. `palette`: colours of the
    pictures.
    """

    lease_s: float = 300.0
    max_attempts: int = 3
    retry_wait_s: float = 10.0
    palette: Palette = Palette.GREEN_RED


@dataclass(frozen=True, slots=True)
class Engine:
    """What reads the images, as the results name it.

    `settings_digest` changes with every setting that alters a result (cut-offs, head starts, scheme), so that objects
    made under other settings get other UIDs; `device_uid` changes with every retraining.
    """

    name: str
    version: str
    model_sha256: str
    device_uid: str
    software_version: str
    settings_digest: str

    @property
    def algorithm(self) -> str:
        """Name and version, by which results of the same engine are known."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    assessment: Assessment
    choice: Choice
    placement: Placement
    provenance: Provenance
    objects: Sequence[ResultObject] = ()
    coronal: bytes | None = None
    compared: Compared | None = None


class Analyst:
    """Scores studies, one at a time."""

    def __init__(
        self,
        studies: Studies,
        spool: Spool,
        pipeline: Pipeline,
        *,
        engine: Engine,
        worker: str,
        scope: ScopeOptions,
        triage: TriageOptions,
        options: AnalyseOptions,
        destinations: Mapping[str, frozenset[ObjectKind]],
    ) -> None:
        self._studies = studies
        self._spool = spool
        self._publisher = Publisher(studies, spool, wanted=frozenset().union(*destinations.values()))
        self._pipeline = pipeline
        self.engine = engine
        self._worker = worker
        self._scope = scope
        self._triage = triage
        self._placing = placing(triage)
        self._options = options
        self._destinations = destinations

    def claim(self, *, clock: Clock) -> Claim | None:
        """Take the most urgent study that waits, or None."""
        return self._studies.claim_next(self._worker, lease_s=self._options.lease_s, now=clock())

    def analyse(self, claim: Claim, *, clock: Clock) -> None:
        """Score a claimed study and commit the result; a claim that went stale meanwhile leaves no trace.

        Raises:
            Exception: anything unforeseen; the caller hands it to `put_back`.
        """
        started = clock()
        fields = {"study_instance_uid": claim.study_uid.value, "revision": claim.revision, "attempt": claim.attempt}
        log.info("analysis started", **fields)
        try:
            outcome = self._assess(claim, clock)
            kept = self._publisher.keep(outcome.provenance, outcome.objects, outcome.coronal)
            self._commit(claim, outcome, kept, clock())
        except StaleClaim as stale:
            log.info("result dropped, the study changed meanwhile", why=str(stale), **fields)
            return
        except TryLater as later:
            self.put_back(claim, str(later), clock=clock)
            return
        log.info(
            "analysis committed",
            triage_class=outcome.placement.triage_class.value,
            outcome=type(outcome.assessment).__name__,
            result_revision=outcome.provenance.revision,
            seconds=round((clock() - started).total_seconds(), 2),
            **fields,
        )

    def put_back(self, claim: Claim, why: str, *, clock: Clock) -> None:
        """Return a study to the queue after something unforeseen; it waits a little before the next attempt."""
        wait = timedelta(seconds=self._options.retry_wait_s * claim.attempt)
        log.warning("analysis put back", study_instance_uid=claim.study_uid.value, why=why, attempt=claim.attempt)
        try:
            self._studies.retry_later(claim, not_before=clock() + wait, why=why, now=clock())
        except StaleClaim as stale:
            log.info("nothing to put back", study_instance_uid=claim.study_uid.value, why=str(stale))

    def _assess(self, claim: Claim, clock: Clock) -> _Outcome:
        if claim.attempt > self._options.max_attempts:
            return self._given_up(claim)
        choice = choose(claim.series, self._scope)
        if choice.chosen is None:
            assert choice.reason is not None
            return self._declined(claim, choice, choice.reason)
        try:
            read = read_series([self._spool.absolute(instance.path) for instance in choice.chosen.instances])
            claim = self._studies.extend(claim, lease_s=self._options.lease_s, now=clock())
            reading = self._pipeline.read(read.volume, read.acquisition)
            claim = self._studies.extend(claim, lease_s=self._options.lease_s, now=clock())
        except UnreadableStudy as error:
            return self._declined(claim, choice, Reason(ReasonCode(error.code), error.detail))
        return self._assessed(claim, choice, read, reading)

    def _assessed(self, claim: Claim, choice: Choice, read: ReadSeries, reading: Reading) -> _Outcome:
        assessment = Assessed(reading.finding)
        prior = self._publisher.prior(claim.study_uid)
        follows = followed(reading.finding, prior, self.engine.algorithm, self._triage)
        placement = self._place(claim, assessment, None if follows is None else follows.follow_up)
        earlier = self._publisher.drawn(prior, claim.study_uid)
        provenance = self._provenance(claim, choice.chosen, compares=_compares(prior, earlier, follows))
        results = result_objects(
            sources=read.headers,
            source_geometry=read.source_geometry,
            reorientation=read.reorientation,
            volume=read.volume,
            reading=reading,
            placement=placement,
            provenance=provenance,
            palette=self._options.palette,
            earlier=earlier,
        )
        compared = None if follows is None else follows.compared
        return _Outcome(assessment, choice, placement, provenance, results.objects, results.coronal, compared)

    def _given_up(self, claim: Claim) -> _Outcome:
        """Return a failure without looking at the study again, whichever part of it broke every attempt."""
        detail = f"gave up after {self._options.max_attempts} attempts; the history holds the reason of each"
        reason = Reason(ReasonCode.GAVE_UP, detail)
        assessment = Failed(reason)
        provenance = self._provenance(claim, None, outcome=reason.code)
        return _Outcome(assessment, Choice(None, (), reason), self._place(claim, assessment), provenance)

    def _declined(self, claim: Claim, choice: Choice, reason: Reason) -> _Outcome:
        """Return why a study has no score; a CT that could not be read gets a page in the PACS, another study none."""
        assessment = unreadable(reason)
        placement = self._place(claim, assessment)
        provenance = self._provenance(claim, choice.chosen, outcome=reason.code)
        match assessment:
            case OutOfScope():
                objects: Sequence[ResultObject] = ()
            case Failed(reason=reason):
                source = self._first_header(choice.chosen or claim.series[0])
                objects = reason_objects([source], reason, placement, provenance) if source is not None else ()
            case _:
                assert_never(assessment)
        return _Outcome(assessment, choice, placement, provenance, objects)

    def _first_header(self, series: Series) -> Dataset | None:
        """Return the header of the first instance that can be parsed at all; the page names the study with it."""
        for instance in series.instances:
            try:
                return read_header_only(self._spool.absolute(instance.path))
            except UnreadableStudy:
                continue
        return None

    def _place(self, claim: Claim, assessment: Assessment, follow_up: FollowUp | None = None) -> Placement:
        """Return the place that the images alone give, as the objects say it; `commit` decides the one on the list."""
        priority = claim.order_priority
        return place(claim.study_uid, claim.ready_at, assessment, priority, self._triage, follow_up=follow_up)

    def _provenance(self, claim: Claim, chosen: Series | None, *, outcome: str = "", compares: str = "") -> Provenance:
        instances = chosen.instances if chosen else claim.series[0].instances
        provenance = Provenance(
            study_uid=claim.study_uid,
            input_sop_instance_uids=tuple(sorted(instance.sop_instance_uid.value for instance in instances)),
            engine=self.engine.name,
            engine_version=self.engine.version,
            model_sha256=self.engine.model_sha256,
            device_uid=self.engine.device_uid,
            scheme=self._triage.scheme.value,
            scheme_version=self.engine.settings_digest,
            software_version=self.engine.software_version,
            assessed_at=claim.ready_at,
            compares=compares,
            outcome=outcome,
        )
        return self._publisher.in_line(provenance)

    def _commit(self, claim: Claim, outcome: _Outcome, kept: Kept, now: datetime) -> None:
        chosen: SeriesUID | None = outcome.choice.chosen.series_uid if outcome.choice.chosen else None
        self._studies.commit(
            claim,
            outcome.assessment,
            placement=self._placing,
            chosen=chosen,
            not_chosen=outcome.choice.declined,
            objects=kept.objects,
            object_set=object_set(outcome.provenance),
            coronal_path=kept.coronal_path,
            destinations=self._destinations,
            model=outcome.provenance.algorithm,
            scheme=self._triage.scheme.value,
            compared=outcome.compared,
            now=now,
        )


def _compares(prior: Prior | None, earlier: Earlier | None, follows: Followed | None) -> str:
    """Return what of an earlier study alters the objects: its pictures, or its scores alone where they are lost."""
    if prior is None or (earlier is None and follows is None):
        return ""
    return prior.object_set_uid if earlier is not None else f"{prior.object_set_uid} without its view"
