"""How the analysis of one study ended, as a value on its way to the commit: its place, and where results come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triaged.exams.exam import Choice
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.study.assessment import Assessment
from triaged.study.ranking import Ranking
from triaged.study.ranking_input import Compared
from triaged.study.records import Claim, Series
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.triage.follow_up import FollowUp
from triaged.triage.ordering import place
from triaged.triage.scheme import TriageOptions


@dataclass(frozen=True, slots=True)
class Ended:
    """All that is committed of a study; `seconds` are the engines that are to read it again.

    `is_placed`: what was found is in force already, and only what was made of it is still to be published.
    """

    assessment: Assessment
    choice: Choice
    ranking: Ranking
    provenance: Provenance
    objects: Sequence[ResultObject] = ()
    view: bytes | None = None
    draft: bytes | None = None
    compared: Compared | None = None
    seconds: Sequence[str] = ()
    treatment: Treatment = BY_DEFAULT
    is_placed: bool = False


def ranking_by_images(
    claim: Claim, assessment: Assessment, treatment: Treatment, triage: TriageOptions, follow_up: FollowUp | None = None
) -> Ranking:
    """Return the place that the images alone give, as the objects say it; the commit decides the one on the list."""
    known = (claim.study_uid, claim.ready_at, assessment, claim.order_priority, triage)
    return place(*known, follow_up=follow_up, treatment=treatment)


def scheme_of(treatment: Treatment, triage: TriageOptions) -> str:
    """Return the scheme that a study's class is made by: the one of its rule, or of the site."""
    return treatment.scheme or triage.scheme.value


def provenance_of(
    claim: Claim, engine: Engine, chosen: Series | None, *, scheme: str, outcome: str = "", compares: str = ""
) -> Provenance:
    """Return where a result comes from: of a study of which nothing was chosen, from the series that came first."""
    instances = chosen.instances if chosen else claim.series[0].instances
    return Provenance(
        study_uid=claim.study_uid,
        input_sop_instance_uids=tuple(sorted(instance.sop_instance_uid.value for instance in instances)),
        engine=engine.name,
        engine_version=engine.version,
        model_sha256=engine.model_sha256,
        device_uid=engine.device_uid,
        scheme=scheme,
        scheme_version=engine.settings_digest,
        software_version=engine.software_version,
        assessed_at=claim.ready_at,
        compares=compares,
        outcome=outcome,
    )
