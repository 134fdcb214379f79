"""How the analysis of one study ended, as a value on its way to the commit, and where its results come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from triaged.dicom.files import read_header_only
from triaged.errors import UnreadableStudy
from triaged.exams.exam import Choice
from triaged.inference.identity import Engine
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance
from triaged.spool.files import Spool
from triaged.study.assessment import Assessment
from triaged.study.ranking import Ranking
from triaged.study.ranking_input import Compared
from triaged.study.records import Claim, Series
from triaged.study.treatment import BY_DEFAULT, Treatment


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


def first_header(series: Series, spool: Spool) -> Dataset | None:
    """Return the header of the first instance that can be parsed at all, with which a page names the study."""
    for instance in series.instances:
        try:
            return read_header_only(spool.absolute(instance.path))
        except UnreadableStudy:
            spool.check_present()
    return None


def provenance_of(
    claim: Claim, engine: Engine, chosen: Series | None, *, scheme: str, outcome: str, compares: str
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
