"""Writes a Key Object Selection document (PS3.3 A.35.4, TID 2010), so that a viewer jumps to the images it names.

Knows nothing of why an image is named: the words say it. It is no report, and no person has selected anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from pydicom.sr.coding import Code

from triaged.results import codes
from triaged.results.document import observation_context, references, write_content
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.provenance import Provenance, Referenced
from triaged.results.source import SourceFrame, SourceSeries
from triaged.study.kinds import ObjectKind

_TITLE = Code("113000", "DCM", "Of Interest")
_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
_CONTAINS = hd.sr.RelationshipTypeValues.CONTAINS


def key_object_selection(
    source: SourceSeries, chosen: Sequence[SourceFrame], description: str, provenance: Provenance
) -> ResultObject:
    """Return the document that names these images (frames, where an image has several), at least one, in this order."""
    dataset = begin(provenance.uid("kos"), source, ResultSeries(ObjectKind.KOS), provenance)
    dataset.ReferencedPerformedProcedureStepSequence = codes.items([])
    dataset.InstanceNumber = 1
    images = dict.fromkeys(
        Referenced(one.sop_class_uid, one.sop_instance_uid, source.series_uid.value) for one in chosen
    )
    dataset.CurrentRequestedProcedureEvidenceSequence = references(source.study_uid.value, images)
    write_content(dataset, _content(chosen, description, provenance))
    return finish(dataset, ObjectKind.KOS)


def _content(chosen: Sequence[SourceFrame], description: str, provenance: Provenance) -> hd.sr.ContainerContentItem:
    """Return the tree of highdicom's own template, whose class names no frames and wants whole images."""
    root = hd.sr.ContainerContentItem(name=_TITLE, template_id="2010")
    root.ContentSequence = hd.sr.ContentSequence(is_root=False)
    root.ContentSequence.extend(observation_context(provenance))
    root.ContentSequence.append(
        hd.sr.TextContentItem(name=_DESCRIPTION, value=description, relationship_type=_CONTAINS)
    )
    for one in chosen:
        image = hd.sr.ImageContentItem(
            name=codes.SOURCE,
            referenced_sop_class_uid=one.sop_class_uid,
            referenced_sop_instance_uid=one.sop_instance_uid,
            referenced_frame_numbers=one.frame_number,
            relationship_type=_CONTAINS,
        )
        root.ContentSequence.append(image)
    return root
