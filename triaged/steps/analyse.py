"""Turns one claimed study into an assessment, a place in the order and result objects; the only step that computes.

What was found places the study at once, and the objects that show it are drawn and published afterwards. A worker may
be killed at any line: the study is claimed again, gets the same result, and no object is published twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import structlog

from triaged.errors import StaleClaim, TryLater, UnreadableStudy
from triaged.exams.exam import Analysis, Choice, Examination, next_after
from triaged.rules.matching import NO_RULES, Rules
from triaged.spool.files import Spool
from triaged.steps.attempts import given_up, too_large
from triaged.steps.choosing import Chosen, choose_under
from triaged.steps.ended import Ended, provenance_of, ranking_by_images, scheme_of
from triaged.steps.errand import Clock
from triaged.steps.following import compares, followed
from triaged.steps.footing import Footing, Latest, nothing_known
from triaged.steps.options import AnalyseOptions
from triaged.steps.publish import Kept, Publisher, object_set
from triaged.steps.putting_back import PuttingBack
from triaged.steps.ranking_policy import ranking_policy
from triaged.steps.reading_ahead import ReadingAhead, read_now
from triaged.steps.unscored import Unscored
from triaged.store.studies.claims import Claims
from triaged.store.studies.outcomes import Found, Made, Outcomes
from triaged.store.studies.publications import Publications
from triaged.study.assessment import Assessed, Reason, ReasonCode
from triaged.study.completeness import Candidate
from triaged.study.kinds import ObjectKind
from triaged.study.modalities import Stratum
from triaged.study.records import Claim, Series
from triaged.study.uids import SOPInstanceUID
from triaged.triage.ordering import under_rule
from triaged.triage.scheme import TriageOptions
from triaged.triage.shares import fair_shares

log = structlog.get_logger()


class Analyst(PuttingBack):
    """Scores studies of some `strata`, one at a time; engines in `seconds` are to read again what the first one scored.

    `configuration` is the SHA-256 of the configuration that results are made under. `rules` are those of the site,
    `by_model` the examinations of the models that they name.
    """

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
        configuration: str = "",
        rules: Rules = NO_RULES,
        by_model: Mapping[str, Sequence[Examination]] = MappingProxyType({}),
        ahead: ReadingAhead | None = None,
        latest: Latest = nothing_known,
        strata: Collection[Stratum] = tuple(Stratum),
    ) -> None:
        super().__init__(claims, options.retry_wait_s)
        self._seconds = seconds
        self._configuration = configuration
        self._rules = rules
        self._turns = fair_shares({each.name: each.share for each in rules.sites})
        self._by_model = by_model
        self._images = read_now if ahead is None else ahead.read
        self._outcomes = outcomes
        self._spool = spool
        self._publisher = Publisher(publications, spool, wanted=frozenset().union(*destinations.values()))
        self._examinations = examinations
        self._worker, self._strata = worker, strata
        self._triage = triage
        self._placing = ranking_policy(triage)
        self._options = options
        self._destinations = destinations
        self._footing = Footing(spool, latest)
        self._unscored = Unscored(self._publisher, spool, triage=triage, rules=rules, engine=examinations[0].engine)

    @property
    def examinations(self) -> Sequence[Examination]:
        """What is examined."""
        return self._examinations

    @property
    def engines(self) -> tuple[str, ...]:
        """Names of what reads the images."""
        return tuple(each.engine.name for each in self._examinations)

    def claim(self, *, clock: Clock) -> Claim | None:
        """Take the most urgent study that waits, or None; where several sites wait, by their shares.

        Raises:
            TryLater: the store is away, or the spool cannot be worked with here, as `Footing.demand` says.
        """
        self._footing.demand(now=clock())
        return self._claims.claim_next(
            self._worker, lease_s=self._options.lease_s, now=clock(), of=self._strata, turns=self._turns
        )

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
            if self._is_left_bare(claim, clock):
                return
            outcome = self._assess(claim, clock)
            kept = self._publisher.keep(outcome.provenance, outcome.objects, outcome.view, outcome.draft)
            self._commit(claim, outcome, kept, clock())
        except StaleClaim as stale:
            log.info("result dropped, the study changed meanwhile", why=str(stale), **fields)
            return
        except TryLater as later:
            self._footing.hindered()
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

    def would_read(self, candidate: Candidate) -> tuple[Examination, Sequence[Path]] | None:
        """Return which files would be read of a study by which examination; None where it would have no score."""
        under = choose_under(self._rules, candidate.facts, candidate.series, self._examinations_of)
        if (chosen := under.choice.chosen) is None:
            return None
        return under.examination, self._spool.paths([instance.path for instance in chosen.instances])

    def _is_left_bare(self, claim: Claim, clock: Clock) -> bool:
        """Give up making objects of a study that has its place, where every attempt to make them ended by itself."""
        if len(claim.strikes) < self._options.max_attempts:
            return False
        why = given_up(claim).detail
        is_left = self._outcomes.leave_bare(claim, f"no result objects: {why}", now=clock())
        if is_left:
            log.error("objects given up, the study keeps its score", study_instance_uid=claim.study_uid.value, why=why)
        return is_left

    def _assess(self, claim: Claim, clock: Clock) -> Ended:
        if len(claim.strikes) >= self._options.max_attempts:
            return self._unscored.given_up(claim)
        under = choose_under(self._rules, claim.facts, claim.series, self._examinations_of)
        choice = under.choice
        refused: dict[SOPInstanceUID, Reason] = {}
        while choice.chosen is not None:
            found = self._read(claim, under, choice.chosen, clock)
            if not isinstance(found, Reason):
                return self._placed_and_drawn(claim, under, choice, found, clock)
            refused |= {instance.sop_instance_uid: found for instance in choice.chosen.instances}
            another = next_after(under.examinations, under.examination, under.allowed, refused)
            if another is None:
                return self._unscored.declined(claim, under, choice, found)
            log.info("another image is read instead", study_instance_uid=claim.study_uid.value, why=found.detail)
            choice = another
        assert choice.reason is not None
        return self._unscored.declined(claim, under, choice, choice.reason)

    def _examinations_of(self, model: str) -> Sequence[Examination]:
        return self._by_model[model] if model else self._examinations

    def _read(self, claim: Claim, under: Chosen[Examination], chosen: Series, clock: Clock) -> Analysis | Reason:
        """Return what was found in the chosen instances, or why they could not be read."""

        def still_alive() -> None:
            self._claims.extend(claim, lease_s=self._options.lease_s, now=clock())

        try:
            instances = self._spool.paths([instance.path for instance in chosen.instances])
            return self._images(under.examination, instances, still_alive)
        except UnreadableStudy as error:
            if error.code == ReasonCode.FILE_LOST:
                files = [instance.path for instance in chosen.instances]
                self._footing.blame(claim.study_uid.value, attempt=claim.attempt, now=clock(), files=files)
            return Reason(ReasonCode(error.code), error.detail)
        except MemoryError:  # what it had taken is free again below this block
            if not claim.ran_out_of_memory:
                raise  # its worker may be what is short of it: another tries once more
            return too_large(len(chosen.instances))

    def _placed_and_drawn(
        self, claim: Claim, under: Chosen[Examination], choice: Choice, analysis: Analysis, clock: Clock
    ) -> Ended:
        """Give the study its place by what was found, and draw that."""
        assessment, examination, treatment = Assessed(analysis.finding), under.examination, under.treatment
        prior = self._publisher.prior(claim.study_uid, analysis.finding)
        policy = under_rule(self._triage, treatment)
        follows = followed(analysis.finding, prior, examination.engine.algorithm, policy)
        follow_up = None if follows is None else follows.follow_up
        ranking = ranking_by_images(claim, assessment, treatment, self._triage, follow_up)
        earlier = self._publisher.drawn(prior, claim.study_uid, examination.recall)
        compared_with = compares(prior, earlier, follows)
        scheme = scheme_of(treatment, self._triage)
        provenance = self._publisher.in_line(
            provenance_of(claim, examination.engine, choice.chosen, scheme=scheme, compares=compared_with)
        )
        compared = None if follows is None else follows.compared
        seconds = self._seconds if examination is under.examinations[0] else ()
        others = tuple(each for each in seconds if each != treatment.model)
        ended = Ended(assessment, choice, ranking, provenance, compared=compared, seconds=others, treatment=treatment)
        self._outcomes.place(claim, self._found(ended), now=clock())
        log.info("study placed, its objects follow", study_instance_uid=claim.study_uid.value, revision=claim.revision)
        results = analysis.draw(ranking, provenance, earlier)
        return replace(ended, objects=results.objects, view=results.view, draft=results.draft, is_placed=True)

    def _commit(self, claim: Claim, outcome: Ended, kept: Kept, now: datetime) -> None:
        made = Made(kept.objects, self._destinations, kept.coronal_path, kept.draft_path, outcome.seconds)
        if outcome.is_placed:
            self._outcomes.publish(claim, made, now=now)
        else:
            self._outcomes.commit(claim, self._found(outcome), made, now=now)

    def _found(self, outcome: Ended) -> Found:
        choice, provenance = outcome.choice, outcome.provenance
        return Found(
            outcome.assessment,
            self._placing,
            choice.chosen.series_uid if choice.chosen else None,
            choice.declined,
            provenance.algorithm,
            provenance.scheme,
            object_set(provenance),
            chosen_words=choice.words,
            compared=outcome.compared,
            configuration=self._configuration,
            treatment=outcome.treatment,
        )
