"""Radiographs made of headers alone, for tests of choice and completion."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tests.exams.ct_headers import series_of
from tests.exams.xray.files import DX
from triaged.study.radiography import RadiographHeader
from triaged.study.records import InstanceHeader, Series

SAID = RadiographHeader(
    view_position="PA",
    posture="erect",
    photometric_interpretation="MONOCHROME2",
    intent="FOR PRESENTATION",
    detector_spacing_mm=(0.14, 0.14),
    patient_orientation=("L", "F"),
    acquired_at="20260105120000.000000",
)
HEADER = InstanceHeader(
    sop_class_uid=DX,
    modality="DX",
    image_type=("DERIVED", "PRIMARY"),
    body_part_examined="CHEST",
    rows=3000,
    columns=2500,
    samples_per_pixel=1,
    instance_number=1,
    radiography=SAID,
)
_OF_RADIOGRAPHS = {field.name for field in fields(RadiographHeader)}


def header(**changes: Any) -> InstanceHeader:
    """Return an upright PA chest with some attributes changed, of either part of the header."""
    own = {name: changes.pop(name) for name in list(changes) if name in _OF_RADIOGRAPHS}
    return replace(HEADER, radiography=replace(SAID, **own), **changes)


def shot(**changes: Any) -> Series:
    """Return a series of one such image."""
    return series_of([header(**changes)])
