"""The outlines of lesion in the report of a CT, on the images themselves, read by highdicom and compared with masks."""

from __future__ import annotations

from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from skimage.draw import polygon2mask

from tests.results.ct_study import ORIENTATIONS, CtStudy, ct_study, standard_objects, standard_study
from triaged.results.instance import ResultObject
from triaged.study.kinds import ObjectKind


def planar(objects: tuple[ResultObject, ...]) -> list[hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    """Return the outlined groups of the report among these objects."""
    (one,) = (one for one in objects if one.kind is ObjectKind.SR)
    content = hd.sr.Comprehensive3DSR.from_dataset(dcmread(BytesIO(one.part10))).content
    assert isinstance(content, hd.sr.MeasurementReport)
    return list(content.get_planar_roi_measurement_groups())


def drawn(group: hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations, study: CtStudy) -> tuple[int, NDArray[np.bool_]]:
    """Return which of the study's images a group outlines, and the pixels inside."""
    region = group.roi
    assert isinstance(region, hd.sr.ImageRegion)
    (image,) = (item for item in region.ContentSequence if item.ValueType == "IMAGE")
    uid = image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    (index,) = (number for number, source in enumerate(study.sources) if source.SOPInstanceUID == uid)
    points = np.asarray(region.value)
    np.testing.assert_array_equal(points[0], points[-1])
    shape = study.source_masks["lesion"].shape[1:]
    inside: NDArray[np.bool_] = polygon2mask(shape, points[:, ::-1] - 0.5)  # type: ignore[no-untyped-call]
    return index, inside


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_the_outline_is_on_the_image_with_most_lesion_and_encloses_it_however_the_patient_lay(position: str) -> None:
    study = ct_study(position)
    groups = planar(study.objects())
    lesion = study.source_masks["lesion"] & (study.source_masks["right"] | study.source_masks["left"])
    index, inside = drawn(groups[-1], study)
    wanted = lesion[index]
    assert np.count_nonzero(wanted) == np.count_nonzero(lesion, axis=(1, 2)).max()
    assert 2 * np.count_nonzero(inside & wanted) / (np.count_nonzero(inside) + np.count_nonzero(wanted)) > 0.9


def test_each_outline_has_its_area_its_name_and_what_it_is() -> None:
    study = standard_study()
    for group in planar(standard_objects()):
        index, _ = drawn(group, study)
        (area,) = group.get_measurements()
        assert (area.name.meaning, area.unit.value) == ("Area", "mm2")
        pixels = np.count_nonzero(study.source_masks["lesion"][index])
        assert area.value == pytest.approx(pixels * 4.0 * 4.5, rel=0.1)
        assert group.tracking_identifier is not None
        assert group.tracking_identifier.startswith("Lung opacity 1, most affected slice of the ")
        assert group.finding_type is not None
        assert group.finding_type.value == "52988006"


def test_lungs_without_lesion_have_no_outline() -> None:
    assert planar(ct_study(lesion_radius_mm=0.0).objects()) == []
