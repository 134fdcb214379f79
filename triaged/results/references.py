"""Names source images in an object, whole or by frame, and says what was made of them; knows nothing of pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.identity import sent_text
from triaged.results.source import SourceFrame, SourceSeries

_LONGEST_REFERENCE_LIST = 3
_LOSS = {
    "LossyImageCompressionRatio": re.compile(r"[0-9. ]{1,16}(\\[0-9. ]{1,16})*"),
    "LossyImageCompressionMethod": re.compile(r"[A-Z0-9_ ]{1,16}(\\[A-Z0-9_ ]{1,16})*"),
}


def image_item(image: SourceFrame) -> Dataset:
    """Return an image as SOP Class and SOP Instance UID (PS3.3 table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.sop_class_uid
    item.ReferencedSOPInstanceUID = image.sop_instance_uid
    return item


def source_item(image: SourceFrame) -> Dataset:
    """Return an item of a Source Image Sequence; it names the frame where the image has several and one is meant."""
    item = image_item(image)
    if image.frame_number is not None:
        item.ReferencedFrameNumber = image.frame_number
    item.PurposeOfReferenceCodeSequence = codes.sequence(codes.SOURCE_IMAGE)
    return item


def derivation_item(derived_by: Code, image: SourceFrame) -> Dataset:
    """Return an item of a Derivation Image Sequence (PS3.3 C.7.6.16.2.6) for pixels that lie where the image's do."""
    item = Dataset()
    origin = source_item(image)
    origin.SpatialLocationsPreserved = "YES"
    item.DerivationCodeSequence = codes.sequence(derived_by)
    item.SourceImageSequence = codes.items([origin])
    return item


def describe_loss(dataset: Dataset, header: Dataset) -> None:
    """Write whether the source was ever compressed with loss, which holds for all that is made of it (C.7.6.1.1.5)."""
    lossy = sent_text(header, "LossyImageCompression") == "01"
    dataset.LossyImageCompression = "01" if lossy else "00"
    for keyword, values in _LOSS.items():
        sent = sent_text(header, keyword)
        if lossy and values.fullmatch(sent):
            setattr(dataset, keyword, [value.strip() for value in sent.split("\\")])


def key_instances(source: SourceSeries) -> tuple[SourceFrame, ...]:
    """Return the first, middle and last instance: they name the series, and the report lists them all."""
    images = tuple(SourceFrame(one.sop_class_uid, one.sop_instance_uid, None) for one in source.instances)
    if len(images) <= _LONGEST_REFERENCE_LIST:
        return images
    return images[0], images[len(images) // 2], images[-1]


def frames_at(source: SourceSeries, reorientation: Reorientation, slices: Sequence[int]) -> tuple[SourceFrame, ...]:
    """Return the source's frames that are these slices of the canonical volume.

    None where the source's frames were not slices of that volume, as in a series of sagittal images.
    """
    if reorientation.axes[0] != 0:
        return ()
    count = len(source.frames)
    return tuple(source.frames[count - 1 - index if reorientation.reverse[0] else index] for index in slices)
