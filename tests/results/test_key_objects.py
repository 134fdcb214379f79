"""The most affected slices as a Key Object Selection document: which images it names, and when there is none."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import ORIENTATIONS, SHAPE, SPACING_MM, CtStudy, ct_study, enhanced_ct_study
from triaged.results.instance import ResultObject
from triaged.study.kinds import ObjectKind


def _made(study: CtStudy) -> list[ResultObject]:
    return [one for one in study.objects() if one.kind is ObjectKind.KOS]


def _parsed(study: CtStudy) -> Dataset:
    (one,) = _made(study)
    return dcmread(BytesIO(one.part10))


def _images(document: Dataset) -> list[Dataset]:
    return [item.ReferencedSOPSequence[0] for item in document.ContentSequence if item.ValueType == "IMAGE"]


def _areas(study: CtStudy) -> dict[str, float]:
    """Return the area of lesion on each source image, by its SOP Instance UID."""
    voxels = study.source_masks["lesion"].sum(axis=(1, 2))
    return {
        str(source.SOPInstanceUID): float(count) * SPACING_MM[1] * SPACING_MM[2]
        for source, count in zip(study.sources, voxels, strict=True)
    }


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_it_names_the_images_with_most_lesion_from_head_to_foot(position: str) -> None:
    study = ct_study(position)
    named = [str(image.ReferencedSOPInstanceUID) for image in _images(_parsed(study))]
    areas = _areas(study)
    assert len(named) == 2, "the ball lies in the middle and the lower third"
    assert areas[named[-1]] == max(areas.values())
    heights = {str(one.SOPInstanceUID): float(one.ImagePositionPatient[2]) for one in study.sources}
    assert heights[named[0]] > heights[named[1]]


def test_what_it_names_is_its_evidence_and_its_words_say_why() -> None:
    study = ct_study()
    document = _parsed(study)
    (of_study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series,) = of_study.ReferencedSeriesSequence
    assert of_study.StudyInstanceUID == study.sources[0].StudyInstanceUID
    assert series.SeriesInstanceUID == study.sources[0].SeriesInstanceUID
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [
        one.ReferencedSOPInstanceUID for one in _images(document)
    ]
    title = document.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113000", "DCM")
    (text,) = (item.TextValue for item in document.ContentSequence if item.get("TextValue", "").startswith("AI"))
    most = max(_areas(study).values())
    assert "not for diagnosis" in text
    assert f"lower third: slice 21 of {SHAPE[0]} from the head, instance 10, {most / 100:.1f} cm2" in text


def test_of_an_enhanced_ct_it_names_the_frame() -> None:
    study = enhanced_ct_study()
    lesion = study.source_masks["lesion"].sum(axis=(1, 2))
    frames = [int(image.ReferencedFrameNumber) for image in _images(_parsed(study))]
    assert frames[-1] == SHAPE[0] - int(lesion.argmax()), "frames are stored from head to foot"
    (series,) = _parsed(study).CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 1, "it is one image"


@pytest.mark.parametrize("radius_mm", [0.0, 7.0])
def test_lungs_without_lesion_or_with_a_speck_get_none(radius_mm: float) -> None:
    study = ct_study(lesion_radius_mm=radius_mm)
    assert max(_areas(study).values()) < 200.0
    assert _made(study) == []


def test_nobody_passes_for_its_observer() -> None:
    document = _parsed(ct_study())
    observers = [item for item in document.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121005"]
    assert [item.ConceptCodeSequence[0].CodeMeaning for item in observers] == ["Device"]
    assert np.unique([item.ValueType for item in document.ContentSequence]).tolist() == [
        "CODE",
        "IMAGE",
        "TEXT",
        "UIDREF",
    ]
