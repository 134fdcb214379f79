"""Writes what the summary page says as a Basic Text SR, for destinations that show text and no measurements.

Knows nothing of pictures, masks or numbers: the words are made elsewhere and are the same as on the page. The document
has the shape of TID 2000, but a title of its own: it must not be taken for a radiologist's report.
"""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from pydicom.sr.codedict import codes as standard
from pydicom.sr.coding import Code

from triaged.results import codes
from triaged.results.document import describe_document, evidence, observation_context, write_content
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.provenance import Provenance
from triaged.results.source import SourceSeries
from triaged.results.wording import INTENDED_USE, Lines
from triaged.study.kinds import ObjectKind

_Statement = tuple[Code, str]
_Section = tuple[Code, Sequence[_Statement]]


def text_report(source: SourceSeries, lines: Lines, provenance: Provenance, *, reason_key: str = "") -> ResultObject:
    """Return the words of a scored study; with `reason_key` those of one that has no score, as a partial document.

    Another `reason_key` is another document.
    """
    uid = provenance.uid("text", *([reason_key] if reason_key else []))
    dataset = begin(uid, source, ResultSeries(ObjectKind.TEXT), provenance)
    missing = lines.headline if reason_key else ""
    describe_document(dataset, source, evidence(source), provenance, missing=missing)
    write_content(dataset, _content(lines, provenance))
    return finish(dataset, ObjectKind.TEXT)


def _content(lines: Lines, provenance: Provenance) -> hd.sr.ContainerContentItem:
    root = hd.sr.ContainerContentItem(name=codes.TEXT_TITLE, template_id="2000")
    root.ContentSequence = hd.sr.ContentSequence(is_root=False)
    root.ContentSequence.extend(hd.sr.LanguageOfContentItemAndDescendants(hd.sr.CodedConcept.from_code(codes.ENGLISH)))
    root.ContentSequence.extend(observation_context(provenance))
    for heading, statements in _sections(lines, provenance):
        section = hd.sr.ContainerContentItem(name=heading, relationship_type=_CONTAINS)
        section.ContentSequence = hd.sr.ContentSequence(
            [hd.sr.TextContentItem(name=name, value=value, relationship_type=_CONTAINS) for name, value in statements]
        )
        root.ContentSequence.append(section)
    return root


def _sections(lines: Lines, provenance: Provenance) -> tuple[_Section, ...]:
    """Return the words in the order of the page, each under a heading of CID 7001 as an element of CID 7002."""
    finding, impression, made = standard.DCM.Finding, standard.DCM.Impression, standard.DCM.ProcedureDescription
    revision = (provenance.supersedes,) if provenance.supersedes else ()
    summary = ((standard.DCM.Conclusion, lines.headline), *((made, text) for text in (INTENDED_USE, *lines.purpose)))
    return (
        (standard.LN.Summary, summary),
        (standard.LN.Findings, [(finding, text) for text in lines.findings]),
        (standard.LN.Impressions, [(impression, text) for text in lines.verdict]),
        (standard.LN.CurrentProcedureDescriptions, [(made, text) for text in (*lines.origin, *revision)]),
    )


_CONTAINS = hd.sr.RelationshipTypeValues.CONTAINS
