"""Turns one claimed study into an assessment, a place in the order and result objects; the only step that computes.

Everything a study needs happens between `claim` and `commit`, and nothing is visible before `commit`: a worker may be
killed at any line, and the study is claimed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import structlog
from pydicom.dataset import Dataset

from triaged.dicom.files import read_header_only
from triaged.errors import StaleClaim, TryLater, UnreadableStudy
from triaged.exams.exam import Analysis, Choice, Examination, first_that_accepts, next_after
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.spool.files import Spool
from triaged.steps.attempts import given_up, too_large
from triaged.steps.errand import Clock
from triaged.steps.following import compares, followed
from triaged.steps.options import AnalyseOptions
from triaged.steps.publish import Kept, Publisher, object_set
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.claims import Claims
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, Reason, ReasonCode, unreadable
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking
from triaged.study.ranking_input import Compared
from triaged.study.records import Claim, Series
from triaged.study.uids import SeriesUID, SOPInstanceUID
from triaged.triage.follow_up import FollowUp
from triaged.triage.ordering import place
from triaged.triage.scheme import TriageOptions

log = structlog.get_logger()


class _GiveBack(Protocol):
    """How the store takes a claimed study back."""

    def __call__(self, claim: Claim, *, not_before: datetime, why: str, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    assessment: Assessment
    choice: Choice
    ranking: Ranking
    provenance: Provenance
    objects: Sequence[ResultObject] = ()
    view: bytes | None = None
    draft: bytes | None = None
    compared: Compared | None = None
    seconds: Sequence[str] = ()


class Analyst:
    """Scores studies, one at a time; engines in `seconds` are to read again what the first examination scored."""

    def __init__(
        self,
        claims: Claims,
        outcomes: Outcomes,
        publications: Publications,
        spool: Spool,
        examinations: Sequence[Examination],
        *,
        worker: str,
        triage: TriageOptions,
        options: AnalyseOptions,
        destinations: Mapping[str, frozenset[ObjectKind]],
        seconds: Sequence[str] = (),
    ) -> None:
        self._seconds = seconds
        self._claims = claims
        self._outcomes = outcomes
        self._spool = spool
        self._publisher = Publisher(publications, spool, wanted=frozenset().union(*destinations.values()))
        self._examinations = examinations
        self._worker = worker
        self._triage = triage
        self._placing = ranking_policy(triage)
        self._options = options
        self._destinations = destinations
        self._is_hindered = False

    @property
    def examinations(self) -> Sequence[Examination]:
        """What is examined."""
        return self._examinations

    @property
    def engines(self) -> tuple[str, ...]:
        """Names of what reads the images."""
        return tuple(each.engine.name for each in self._examinations)

    def claim(self, *, clock: Clock) -> Claim | None:
        """Take the most urgent study that waits, or None.

        Raises:
            TryLater: the store or the spool is away. Where a study had to be put back, a file has to be begun first, so
                that studies are not read again and again for results that cannot be kept.
        """
        if self._is_hindered:
            self._spool.check_reserve()
            self._spool.check_writable()
            self._is_hindered = False
        self._spool.check_present()
        return self._claims.claim_next(self._worker, lease_s=self._options.lease_s, now=clock())

    def analyse(self, claim: Claim, *, clock: Clock) -> None:
        """Score a claimed study and commit the result; a claim that went stale meanwhile leaves no trace.

        Raises:
            Exception: anything unforeseen; the caller hands it to `count_and_put_back`. After a `MemoryError` another
                process should try again: this one may be what is short of it.
        """
        started = clock()
        fields = {"study_instance_uid": claim.study_uid.value, "revision": claim.revision, "attempt": claim.attempt}
        log.info("analysis started", **fields)
        try:
            outcome = self._assess(claim, clock)
            kept = self._publisher.keep(outcome.provenance, outcome.objects, outcome.view, outcome.draft)
            self._commit(claim, outcome, kept, clock())
        except StaleClaim as stale:
            log.info("result dropped, the study changed meanwhile", why=str(stale), **fields)
            return
        except TryLater as later:
            self._is_hindered = True
            self.put_back(claim, str(later), clock=clock)
            return
        log.info(
            "analysis committed",
            triage_class=outcome.ranking.triage_class.value,
            outcome=type(outcome.assessment).__name__,
            result_revision=outcome.provenance.revision,
            seconds=round((clock() - started).total_seconds(), 2),
            **fields,
        )

    def put_back(self, claim: Claim, why: str, *, clock: Clock) -> None:
        """Return a study to the queue that has nothing to do with why its analysis ended; this costs it no attempt."""
        self._put_back(self._claims.retry_later, claim, why, waits=1, clock=clock)

    def count_and_put_back(self, claim: Claim, why: str, *, clock: Clock) -> None:
        """Return a study to the queue whose analysis failed by itself; after `max_attempts` of these it is given up.

        `why` is shown on the list in the end: no patient attribute.
        """
        self._put_back(self._claims.strike, claim, why, waits=len(claim.strikes) + 1, clock=clock)

    def _put_back(self, give_back: _GiveBack, claim: Claim, why: str, *, waits: int, clock: Clock) -> None:
        not_before = clock() + timedelta(seconds=self._options.retry_wait_s * waits)
        log.warning("analysis put back", study_instance_uid=claim.study_uid.value, why=why, attempt=claim.attempt)
        try:
            give_back(claim, not_before=not_before, why=why, now=clock())
        except StaleClaim as stale:
            log.info("nothing to put back", study_instance_uid=claim.study_uid.value, why=str(stale))

    def _assess(self, claim: Claim, clock: Clock) -> _Outcome:
        if len(claim.strikes) >= self._options.max_attempts:
            return self._given_up(claim)
        examination, choice = first_that_accepts(self._examinations, claim.series)
        refused: dict[SOPInstanceUID, Reason] = {}
        while choice.chosen is not None:
            found = self._read(claim, examination, choice, choice.chosen, clock)
            if isinstance(found, _Outcome):
                return found
            refused |= {instance.sop_instance_uid: found for instance in choice.chosen.instances}
            another = next_after(self._examinations, examination, claim.series, refused)
            if another is None:
                return self._declined(claim, examination, choice, found)
            log.info("another image is read instead", study_instance_uid=claim.study_uid.value, why=found.detail)
            choice = another
        assert choice.reason is not None
        return self._declined(claim, examination, choice, choice.reason)

    def _read(
        self, claim: Claim, examination: Examination, choice: Choice, chosen: Series, clock: Clock
    ) -> _Outcome | Reason:
        """Return what was found in the chosen instances, or why they could not be read."""

        def still_alive() -> None:
            self._claims.extend(claim, lease_s=self._options.lease_s, now=clock())

        try:
            instances = [self._spool.absolute(instance.path) for instance in chosen.instances]
            return self._assessed(claim, examination, choice, examination.read(instances, still_alive))
        except UnreadableStudy as error:
            self._spool.check_present()  # a file is lost only where the others are there
            return Reason(ReasonCode(error.code), error.detail)
        except MemoryError:  # what it had taken is free again below this block
            if not claim.ran_out_of_memory:
                raise  # its worker may be what is short of it: another tries once more
            return too_large(len(chosen.instances))

    def _assessed(self, claim: Claim, examination: Examination, choice: Choice, analysis: Analysis) -> _Outcome:
        assessment = Assessed(analysis.finding)
        prior = self._publisher.prior(claim.study_uid, analysis.finding)
        follows = followed(analysis.finding, prior, examination.engine.algorithm, self._triage)
        ranking = self._place(claim, assessment, None if follows is None else follows.follow_up)
        earlier = self._publisher.drawn(prior, claim.study_uid, examination.recall)
        compared_with = compares(prior, earlier, follows)
        provenance = self._provenance(claim, examination.engine, choice.chosen, compares=compared_with)
        results = analysis.draw(ranking, provenance, earlier)
        compared = None if follows is None else follows.compared
        made = results.objects, results.view, results.draft
        seconds = self._seconds if examination is self._examinations[0] else ()
        return _Outcome(assessment, choice, ranking, provenance, *made, compared, seconds)

    def _given_up(self, claim: Claim) -> _Outcome:
        """Return a failure without looking at the study again, whichever part of it broke every attempt."""
        reason = given_up(claim)
        assessment = Failed(reason)
        provenance = self._provenance(claim, self._examinations[0].engine, None, outcome=reason.code)
        return _Outcome(assessment, Choice(None, (), reason), self._place(claim, assessment), provenance)

    def _declined(self, claim: Claim, examination: Examination, choice: Choice, reason: Reason) -> _Outcome:
        """Return why a study has no score; one that could not be read gets a page in the PACS, others get none."""
        assessment = unreadable(reason)
        ranking = self._place(claim, assessment)
        provenance = self._provenance(claim, examination.engine, choice.chosen, outcome=reason.code)
        match assessment:
            case OutOfScope():
                objects: Sequence[ResultObject] = ()
            case Failed(reason=reason):
                header = self._first_header(choice.chosen or claim.series[0])
                objects = () if header is None else examination.explain(header, reason, ranking, provenance)
            case _:
                assert_never(assessment)
        return _Outcome(assessment, choice, ranking, provenance, objects)

    def _first_header(self, series: Series) -> Dataset | None:
        """Return the header of the first instance that can be parsed at all; the page names the study with it."""
        for instance in series.instances:
            try:
                return read_header_only(self._spool.absolute(instance.path))
            except UnreadableStudy:
                self._spool.check_present()
        return None

    def _place(self, claim: Claim, assessment: Assessment, follow_up: FollowUp | None = None) -> Ranking:
        """Return the place that the images alone give, as the objects say it; `commit` decides the one on the list."""
        priority = claim.order_priority
        return place(claim.study_uid, claim.ready_at, assessment, priority, self._triage, follow_up=follow_up)

    def _provenance(
        self, claim: Claim, engine: Engine, chosen: Series | None, *, outcome: str = "", compares: str = ""
    ) -> Provenance:
        instances = chosen.instances if chosen else claim.series[0].instances
        provenance = Provenance(
            study_uid=claim.study_uid,
            input_sop_instance_uids=tuple(sorted(instance.sop_instance_uid.value for instance in instances)),
            engine=engine.name,
            engine_version=engine.version,
            model_sha256=engine.model_sha256,
            device_uid=engine.device_uid,
            scheme=self._triage.scheme.value,
            scheme_version=engine.settings_digest,
            software_version=engine.software_version,
            assessed_at=claim.ready_at,
            compares=compares,
            outcome=outcome,
        )
        return self._publisher.in_line(provenance)

    def _commit(self, claim: Claim, outcome: _Outcome, kept: Kept, now: datetime) -> None:
        chosen: SeriesUID | None = outcome.choice.chosen.series_uid if outcome.choice.chosen else None
        self._outcomes.commit(
            claim,
            outcome.assessment,
            ranking=self._placing,
            chosen=chosen,
            not_chosen=outcome.choice.declined,
            chosen_words=outcome.choice.words,
            objects=kept.objects,
            object_set=object_set(outcome.provenance),
            coronal_path=kept.coronal_path,
            draft_path=kept.draft_path,
            destinations=self._destinations,
            model=outcome.provenance.algorithm,
            scheme=self._triage.scheme.value,
            compared=outcome.compared,
            seconds=outcome.seconds,
            now=now,
        )
