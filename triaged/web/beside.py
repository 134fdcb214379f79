"""The earlier study of a patient that the reading screen shows beside a study; knows values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triaged.steps.following import chosen
from triaged.study.concepts import LUNGS
from triaged.study.finding import Finding
from triaged.study.records import Prior
from triaged.web.score import as_share


@dataclass(frozen=True, slots=True)
class EarlierStudy:
    """Where the earlier study is, when it was made, and what was found in it then."""

    study_uid: str
    date: str
    found: str
    modality: str


def earlier_study(priors: Sequence[Prior], finding: Finding | None) -> EarlierStudy | None:
    """Return the study that this one is compared with, of the patient's earlier ones, the last one first."""
    prior = None if finding is None else chosen(priors, finding)
    if prior is None:
        return None
    date = prior.study_date
    return EarlierStudy(
        prior.study_uid, f"{date[:4]}-{date[4:6]}-{date[6:]}", _found(prior.finding), prior.finding.service.modality
    )


def _found(finding: Finding) -> str:
    parts = {site.noun: share for site, share in finding.by_part().items()} or {LUNGS.words: finding.urgency}
    return ", ".join(f"{name} {as_share(share)}" for name, share in parts.items())
