"""Series made of headers alone, for tests of choice and completion."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from triaged.study.records import Instance, InstanceHeader, Series
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)

_numbers = itertools.count(1)

HEADER = InstanceHeader(
    sop_class_uid=CT,
    modality="CT",
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    body_part_examined="CHEST",
    rows=512,
    columns=512,
    image_orientation_patient=AXIAL,
    pixel_spacing_mm=(0.7, 0.7),
    convolution_kernel="STANDARD",
    has_rescale=True,
    samples_per_pixel=1,
)


def ct_series(
    *, count: int = 150, spacing_mm: float = 2.0, without: Iterable[int] = (), at: datetime = NOON, **changes: Any
) -> Series:
    """Return `count` axial slices from head to foot, less those `without`; `changes` alter every header."""
    changes.setdefault("slice_thickness_mm", spacing_mm)
    base = dataclasses.replace(HEADER, **changes)
    missing = set(without)
    headers = [
        dataclasses.replace(base, instance_number=i + 1, image_position_patient=(-170.0, -160.0, -i * spacing_mm))
        for i in range(count)
        if i not in missing
    ]
    return series_of(headers, at)


def series_of(headers: Iterable[InstanceHeader], at: datetime = NOON) -> Series:
    """Return a series of these headers; instances arrive 10 ms apart."""
    series_uid = SeriesUID.parse(f"1.2.3.{next(_numbers)}")
    return Series(
        series_uid,
        tuple(
            Instance(
                study_uid=StudyUID.parse("1.2.3"),
                series_uid=series_uid,
                sop_instance_uid=SOPInstanceUID.parse(f"{series_uid}.{number}"),
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                path=f"{series_uid}/{number}.dcm",
                sha256="0" * 64,
                size_bytes=1,
                received_at=at + timedelta(milliseconds=10 * number),
                image=header,
            )
            for number, header in enumerate(headers, start=1)
        ),
    )


def localizer() -> Series:
    """Return a scout series of two images."""
    return ct_series(count=2, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), image_orientation_patient=CORONAL)


def dose_report() -> Series:
    """Return a secondary capture."""
    return ct_series(count=1, sop_class_uid=SECONDARY_CAPTURE, modality="SC", has_rescale=False)
