"""The report of a chest X-ray: outlines on the image, each with the numbers of its part, read by highdicom."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import highdicom as hd
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.xray_study import XrayStudy, standard_xray, standard_xray_objects, xray_study
from triaged.exams.xray.decoding.turning import Turn
from triaged.results.instance import ResultObject
from triaged.study.kinds import ObjectKind

PLACES = ["upper zone", "middle zone", "lower zone"]


def report_of(objects: tuple[ResultObject, ...]) -> Dataset:
    (one,) = (one for one in objects if one.kind is ObjectKind.SR)
    return dcmread(BytesIO(one.part10))


def content_of(objects: tuple[ResultObject, ...]) -> hd.sr.MeasurementReport:
    content = hd.sr.Comprehensive3DSR.from_dataset(report_of(objects)).content
    assert isinstance(content, hd.sr.MeasurementReport)
    return content


def planar(objects: tuple[ResultObject, ...]) -> list[hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    return list(content_of(objects).get_planar_roi_measurement_groups())


def test_the_procedure_is_a_plain_chest_x_ray_and_nothing_speaks_of_ct() -> None:
    text = str(report_of(standard_xray_objects()))
    assert "399208008" in text
    assert "Plain chest X-ray" in text
    assert "CT of chest" not in text


def test_lungs_zones_and_places_are_outlined_in_their_order() -> None:
    labels = [group.tracking_identifier for group in planar(standard_xray_objects())]
    assert labels == [
        "Right lung",
        "Left lung",
        *(f"{place.capitalize()} of the {side} lung" for side in ("right", "left") for place in PLACES),
        "Lung opacity 1, right lung",
        "Consolidation 1, right lung",
    ]


def test_every_outline_lies_on_the_stored_pixels_of_what_it_names() -> None:
    for study in (standard_xray(), xray_study(Turn(mirrored=True))):
        groups = planar(study.objects())
        for group, name in ((groups[0], "right"), (groups[1], "left"), (groups[-2], "affected"), (groups[-1], "solid")):
            _encloses(group, study, name)


def _encloses(group: hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations, study: XrayStudy, name: str) -> None:
    region = group.roi
    assert isinstance(region, hd.sr.ImageRegion)
    assert region.graphic_type is hd.sr.GraphicTypeValues.POLYLINE
    points = np.asarray(region.value)
    np.testing.assert_array_equal(points[0], points[-1])
    rows, columns = np.nonzero(study.stored[name])
    np.testing.assert_allclose(points.min(axis=0), (columns.min(), rows.min()), atol=0.51)
    np.testing.assert_allclose(points.max(axis=0), (columns.max() + 1, rows.max() + 1), atol=0.51)


def test_each_zone_has_its_share_in_percent_and_each_lung_its_extent() -> None:
    groups = planar(standard_xray_objects())
    shares = {
        group.tracking_identifier: {m.name.meaning: m.value for m in group.get_measurements()} for group in groups
    }
    zone = "Affected share of a lung zone on a chest X-ray"
    stored = standard_xray().stored
    assert shares["Middle zone of the right lung"] == {
        zone: round(100 * stored["affected"].sum() / stored["right"][99:142].sum(), 1)
    }
    assert shares["Lower zone of the left lung"] == {zone: 0.0}
    extent = shares["Right lung"]["Affected share of the area of a lung on a chest X-ray"]
    assert extent == round(100 * stored["affected"].sum() / stored["right"].sum(), 1)
    assert shares["Lung opacity 1, right lung"] == {}


def test_score_estimate_and_interval_stand_in_the_group_of_the_study() -> None:
    (group,) = content_of(standard_xray_objects()).get_image_measurement_groups()
    said = {each.name.value: each.value for each in group.get_measurements()}
    assert said["ZONE_SCORE"] == 1
    assert (said["SEVERITY_EST_LOW"], said["SEVERITY_EST"], said["SEVERITY_EST_HI"]) == (10.0, 20.0, 34.0)
    assert said["OPACITY_PROB"] == 0.91


def test_no_two_groups_are_tracked_under_one_uid() -> None:
    uids = sorted(str(group.tracking_uid) for group in planar(standard_xray_objects()))
    assert all(a != b for a, b in pairwise(uids))
