"""Writes pages as Secondary Capture images, which every archive shows; knows nothing of how a page is drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from triaged.imaging.volume import Volume
from triaged.results import codes
from triaged.results.instance import PICTURE_SERIES, ResultObject, begin, finish
from triaged.results.pages import NOTICE, Page, reason_page, summary_page, view_pages
from triaged.results.projection import cropped, projections
from triaged.results.provenance import Provenance
from triaged.results.source import SourceFrame, SourceSeries
from triaged.results.wording import reading_lines, reason_lines
from triaged.study.assessment import Reason
from triaged.study.finding import Reading
from triaged.study.placement import Placement

SECONDARY_CAPTURE_STORAGE = "1.2.840.10008.5.1.4.1.1.7"
_LONGEST_REFERENCE_LIST = 3

# Laterality is to be absent for an unpaired part of the body and empty where the part is not known (C.7.3.1).
_CHEST: Mapping[str, str | None] = {"BodyPartExamined": "CHEST"}
_UNKNOWN_PART: Mapping[str, str | None] = {"Laterality": None}


def pictures(
    header: Dataset,
    source: SourceSeries,
    volume: Volume,
    reading: Reading,
    placement: Placement,
    provenance: Provenance,
) -> tuple[ResultObject, ...]:
    """Return the pages of a scored study as one series: the summary, then each view by itself."""
    views = cropped(projections(volume, reading))
    coronal, *sagittals = views
    pages = [
        summary_page(views, reading_lines(header, reading, placement, provenance)),
        *view_pages(coronal),
        *(view_pages(one)[1] for one in sagittals),
    ]
    return tuple(_capture(page, number, header, source, provenance, _CHEST) for number, page in enumerate(pages, 1))


def reason_picture(
    header: Dataset, source: SourceSeries, reason: Reason, placement: Placement, provenance: Provenance
) -> ResultObject:
    """Return the page of a study that has no score."""
    page = reason_page(reason_lines(header, reason, placement, provenance), f"{reason.code.value} {reason.detail}")
    return _capture(page, 1, header, source, provenance, _UNKNOWN_PART)


def _capture(
    page: Page,
    number: int,
    header: Dataset,
    source: SourceSeries,
    provenance: Provenance,
    part: Mapping[str, str | None],
) -> ResultObject:
    dataset = Dataset()
    dataset.SOPClassUID = SECONDARY_CAPTURE_STORAGE
    dataset.SOPInstanceUID = provenance.uid("sc", page.name, page.key)
    begin(dataset, header, source, PICTURE_SERIES, provenance)
    dataset.InstanceNumber = number
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES"
    dataset.LossyImageCompression = "00"
    for keyword, value in part.items():
        setattr(dataset, keyword, value)
    dataset.PatientOrientation = list(page.orientation) if page.orientation else None
    dataset.ImageComments = f"{NOTICE}. {page.title}."
    _describe_derivation(dataset, page, source, provenance)
    _add_pixels(dataset, page)
    dataset.compress(RLELossless, generate_instance_uid=False)
    return finish(dataset, PICTURE_SERIES.kind, f"sc-{number}-{page.name}", RLELossless)


def _describe_derivation(dataset: Dataset, page: Page, source: SourceSeries, provenance: Provenance) -> None:
    dataset.DerivationDescription = f"Parallel projection of CT, {page.title}, {provenance.algorithm}. {NOTICE}."
    dataset.DerivationCodeSequence = codes.sequence(codes.PIXEL_SUM)
    dataset.SourceImageSequence = codes.items(_source_item(image) for image in _key_instances(source))
    if page.pixel_mm is not None:
        dataset.PixelSpacing = [f"{page.pixel_mm:.6f}"] * 2
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = "Parallel projection on the CT grid"


def _add_pixels(dataset: Dataset, page: Page) -> None:
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = page.pixels.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PixelData = np.ascontiguousarray(page.pixels).tobytes()
    dataset["PixelData"].VR = "OB"


def _key_instances(source: SourceSeries) -> tuple[SourceFrame, ...]:
    """Return the first, middle and last instance: they name the series, and the report lists them all."""
    images = source.instances
    if len(images) <= _LONGEST_REFERENCE_LIST:
        return images
    return images[0], images[len(images) // 2], images[-1]


def _source_item(image: SourceFrame) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.sop_class_uid
    item.ReferencedSOPInstanceUID = image.sop_instance_uid
    item.PurposeOfReferenceCodeSequence = codes.sequence(codes.SOURCE_IMAGE)
    return item
