"""Values that go into columns as text, and come out again as they were."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.store.making import image
from triaged.store.tables.rows import header_of, header_text, parsed_uid, sent_text
from triaged.study.radiography import RadiographHeader
from triaged.study.records import InstanceHeader
from triaged.study.uids import SeriesUID

FULL = InstanceHeader(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2.1",
    modality="CT",
    series_number=3,
    series_description="Lunge \udce9\0 1,0 I70f",
    instance_number=17,
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    body_part_examined="CHEST",
    rows=512,
    columns=768,
    number_of_frames=300,
    image_position_patient=(-1.5, 2.25, 1e-12),
    image_orientation_patient=(1.0, 0.0, 0.0, 0.0, 0.1 + 0.2, -1.0),
    pixel_spacing_mm=(0.7, 0.70000001),
    slice_thickness_mm=1.25,
    convolution_kernel="I70f\\3",
    gantry_tilt_degrees=-0.5,
    frame_of_reference_uid="1.2.3",
    has_rescale=True,
    rescale_type="HU",
    samples_per_pixel=1,
    images_in_acquisition=300,
    contrast_agent="ULTRAVIST",
    device="ACME Slicer 9 CT2",
    radiography=RadiographHeader(
        view_position="PA",
        view_code="399348003",
        view_meaning="antero-posterior",
        posture="erect",
        photometric_interpretation="MONOCHROME1",
        intent="FOR PRESENTATION",
        detector_spacing_mm=(0.139, 0.14),
        spacing_calibration="GEOMETRY",
        burned_in_annotation="NO",
        patient_orientation=("L", "F"),
        laterality="U",
        anatomic_region="Chest",
        acquired_at="20260105120000.000000",
        descriptions=("Thorax p.a.", "bone \udce9\0 suppressed"),
        ordered=("Thorax in 2 planes",),
    ),
)


def test_a_header_with_every_attribute_comes_back_as_it_was() -> None:
    for header in (FULL, FULL.radiography):
        assert header is not None
        assert {field.name for field in fields(header) if getattr(header, field.name) == field.default} == set()
    assert header_of(header_text(FULL)) == FULL


@pytest.mark.parametrize("header", [image(), InstanceHeader(sop_class_uid="", modality="")])
def test_a_header_with_few_attributes_comes_back_as_it_was(header: InstanceHeader) -> None:
    assert header_of(header_text(header)) == header


def test_a_position_that_is_no_number_survives() -> None:
    header = InstanceHeader("1.2", "CT", image_position_patient=(math.inf, -math.inf, 0.0))
    assert header_of(header_text(header)) == header


def test_a_header_is_plain_ascii_without_nul_so_that_any_database_can_hold_it() -> None:
    assert header_text(FULL).isascii()
    assert "\0" not in header_text(FULL)


def test_an_attribute_that_a_later_version_wrote_is_passed_over() -> None:
    text = json.dumps(json.loads(header_text(image())) | {"scan_options": ["HELICAL MODE"]})
    assert header_of(text) == image()


def test_a_radiograph_that_says_nothing_is_still_told_from_an_image_of_another_kind() -> None:
    silent = InstanceHeader("1.2", "CR", radiography=RadiographHeader())
    assert header_of(header_text(silent)) == silent != InstanceHeader("1.2", "CR")


def test_a_radiograph_that_an_earlier_version_kept_comes_back_without_what_it_did_not_keep() -> None:
    assert header_of('{"sop_class_uid": "1.2", "modality": "CR"}') == InstanceHeader("1.2", "CR")


def test_what_a_later_version_wrote_of_a_radiograph_is_passed_over() -> None:
    text = '{"sop_class_uid": "1.2", "modality": "CR", "radiography": {"view_position": "PA", "kvp": 125}}'
    assert header_of(text).radiography == RadiographHeader(view_position="PA")


@example("\ud800")
@given(st.text(st.characters(codec=None, exclude_categories=()), min_size=1))
def test_a_uid_comes_back_as_it_was_sent_whatever_it_was(sent: str) -> None:
    if not sent.strip(" \0"):
        return
    uid = SeriesUID.parse(sent)
    column = sent_text(uid)
    assert column is None or (column.isascii() and "\0" not in column)
    assert parsed_uid(SeriesUID, uid.value, column) == uid
