"""How a study ends that gets no score: given up after several attempts, out of scope, or unreadable.

Knows no claims and no commit: what it returns is committed like a score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from pydicom.dataset import Dataset

from triaged.dicom.files import read_header_only
from triaged.errors import UnreadableStudy
from triaged.exams.exam import Choice, Examination
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.rules.matching import Rules, treated_without_series
from triaged.spool.files import Spool
from triaged.steps.attempts import given_up
from triaged.steps.choosing import Chosen
from triaged.steps.ended import Ended, provenance_of, ranking_by_images, scheme_of
from triaged.steps.publish import Publisher
from triaged.study.assessment import Failed, OutOfScope, Reason, unreadable
from triaged.study.records import Claim, Series
from triaged.study.treatment import Treatment
from triaged.triage.scheme import TriageOptions


class Unscored:
    """Says of a study without a score why, and which place it has; `engine` is the one that a study should have had.

    `rules` are those of the site.
    """

    def __init__(
        self, publisher: Publisher, spool: Spool, *, triage: TriageOptions, rules: Rules, engine: Engine
    ) -> None:
        self._publisher = publisher
        self._spool = spool
        self._triage = triage
        self._rules = rules
        self._engine = engine

    def given_up(self, claim: Claim) -> Ended:
        """Return a failure without looking at the study again, whichever part of it broke every attempt."""
        reason = given_up(claim)
        assessment = Failed(reason)
        treatment = treated_without_series(self._rules, claim.facts)
        ranking = ranking_by_images(claim, assessment, treatment, self._triage)
        provenance = self._provenance(claim, self._engine, None, treatment, reason)
        return Ended(assessment, Choice(None, (), reason), ranking, provenance, treatment=treatment)

    def declined(self, claim: Claim, under: Chosen[Examination], choice: Choice, reason: Reason) -> Ended:
        """Return why a study has no score; a page in the PACS says it of one that should, or might, have been read."""
        assessment, examination, treatment = unreadable(reason), under.examination, under.treatment
        ranking = ranking_by_images(claim, assessment, treatment, self._triage)
        provenance = self._provenance(claim, examination.engine, choice.chosen, treatment, reason)
        match assessment:
            case OutOfScope() if not choice.calls_itself_one:
                objects: Sequence[ResultObject] = ()
            case OutOfScope(reason=reason) | Failed(reason=reason):
                header = self._first_header(choice.chosen or claim.series[0])
                objects = () if header is None else examination.explain(header, reason, ranking, provenance)
            case _:
                assert_never(assessment)
        return Ended(assessment, choice, ranking, provenance, objects, treatment=treatment)

    def _provenance(
        self, claim: Claim, engine: Engine, chosen: Series | None, treatment: Treatment, reason: Reason
    ) -> Provenance:
        scheme = scheme_of(treatment, self._triage)
        return self._publisher.in_line(provenance_of(claim, engine, chosen, scheme=scheme, outcome=reason.code))

    def _first_header(self, series: Series) -> Dataset | None:
        """Return the header of the first instance that can be parsed at all, with which a page names the study."""
        for instance in series.instances:
            try:
                return read_header_only(self._spool.absolute(instance.path))
            except UnreadableStudy:
                self._spool.check_present()
        return None
