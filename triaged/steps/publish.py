"""Names the set of objects a result is published as: what it supersedes, and what it is compared with; keeps the files.

A result that is the same function of the same inputs is the same set, whichever worker makes it and however often. Any
other one on the same study follows the current set: it gets UIDs of its own and names the reports it replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from triaged.dicom.files import read_header_only
from triaged.errors import UnreadableStudy
from triaged.exams.exam import Earlier
from triaged.results.instance import ResultObject
from triaged.results.provenance import Provenance, Referenced
from triaged.spool.files import Spool
from triaged.steps.following import chosen
from triaged.store.studies.publications import Publications
from triaged.study.finding import Finding
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.records import DerivedObject, ObjectSet, Prior
from triaged.study.uids import StudyUID

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of a result; no view where there is no score."""

    objects: tuple[DerivedObject, ...] = ()
    coronal_path: str | None = None
    draft_path: str | None = None


class Publisher:
    """Knows what was published before, and keeps what is published now."""

    def __init__(self, publications: Publications, spool: Spool, *, wanted: frozenset[ObjectKind]) -> None:
        self._publications = publications
        self._spool = spool
        self._kinds = wanted | {kind for kind in KINDS.values() if kind.always_kept}

    def in_line(self, provenance: Provenance) -> Provenance:
        """Return the provenance of a result as the set it belongs to: the current one again, or its successor."""
        published = self._publications.publication(provenance.study_uid.value)
        if published is None:
            return provenance
        before = published.object_set
        if before.basis == provenance.basis or not published.is_whole:
            replaces = self._replaced(published.followed_reports)
            return replace(provenance, revision=before.revision, follows=before.follows, replaces=replaces)
        replaces = self._replaced(published.reports)
        return replace(provenance, revision=before.revision + 1, follows=before.uid, replaces=replaces)

    def prior(self, study_uid: StudyUID, finding: Finding) -> Prior | None:
        """Return the earlier study of the same patient that this one is compared with, or None."""
        return chosen(self._publications.priors(study_uid.value), finding)

    def drawn(self, prior: Prior | None, study_uid: StudyUID, recall: Callable[[bytes], Any]) -> Earlier | None:
        """Return an earlier study with its view, as `recall` makes it of its bytes; None where there is none to draw.

        A view that is broken or gone costs the picture of the comparison, never the study.

        Raises:
            TryLater: the spool is away.
        """
        if prior is None or prior.coronal_path is None:
            return None
        try:
            return Earlier(prior, recall(self._spool.absolute(prior.coronal_path).read_bytes()))
        except (OSError, ValueError) as error:
            self._spool.check_present()
            fields = {"study_instance_uid": study_uid.value, "prior_study_instance_uid": prior.study_uid}
            log.warning("no comparison, the view of the prior cannot be read", why=str(error), **fields)
            return None

    def keep(
        self,
        provenance: Provenance,
        made: Sequence[ResultObject],
        view: bytes | None,
        draft: bytes | None = None,
    ) -> Kept:
        """Keep the objects that anybody wants or the worklist shows, the view for a later comparison, and the draft."""
        study_uid = provenance.study_uid.value
        objects = tuple(kept_object(self._spool, study_uid, each) for each in made if each.kind in self._kinds)
        name = provenance.object_set_uid

        def path(ending: str, content: bytes | None) -> str | None:
            return None if content is None else self._spool.keep_derived(study_uid, f"{name}.{ending}", content).path

        return Kept(objects, path("coronal.npz", view), path("draft.npz", draft))

    def _replaced(self, reports: Sequence[DerivedObject]) -> tuple[Referenced, ...]:
        """Return what a new report names as its predecessors; a report whose file is gone cannot be named."""
        named = (predecessor(self._spool.absolute(report.path)) for report in reports)
        replaced = tuple(each for each in named if each is not None)
        if len(replaced) < len(reports):
            self._spool.check_present()
        return replaced


def predecessor(report: Path) -> Referenced | None:
    """Return a report as one that supersedes it names it; None where its file cannot be read."""
    try:
        header = read_header_only(report)
    except UnreadableStudy as error:
        log.warning("earlier report not named, it cannot be read", path=str(report), why=str(error))
        return None
    return Referenced(str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.SeriesInstanceUID))


def kept_object(spool: Spool, study_uid: str, made: ResultObject) -> DerivedObject:
    """Write an object into the folder of its study; the same one again is the same file."""
    kept = spool.keep_derived(study_uid, f"{made.sop_instance_uid}.dcm", made.part10)
    return DerivedObject(
        made.sop_instance_uid, made.sop_class_uid, made.transfer_syntax_uid, made.kind, kept.path, kept.sha256
    )


def object_set(provenance: Provenance) -> ObjectSet:
    """Return the set as the store keeps it."""
    return ObjectSet(provenance.basis, provenance.object_set_uid, provenance.revision, provenance.follows)
