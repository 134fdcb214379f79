"""Writes the pages of a result as one Multi-frame True Color Secondary Capture image, page by page a frame.

Knows nothing of how a page is drawn. It is what a destination gets that takes this class (PS3.3 A.8.5), in place of the
single pictures, so it is a series of its own. Vectors number and label the frames (C.8.6.4). There is no scale, as it
differs between frames, and no orientation; the page says both, and so do the single pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from triaged.imaging.geometry import Reorientation
from triaged.results import codes
from triaged.results.capture import Frame, derived_by, describe_capture, describe_making, put_pixels, shown_by
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.page import Page
from triaged.results.provenance import Provenance
from triaged.results.references import source_item
from triaged.results.source import SourceSeries

_LONGEST_LABEL = 16


def multiframe_picture(
    header: Dataset,
    source: SourceSeries,
    reorientation: Reorientation | None,
    frames: Sequence[Frame],
    provenance: Provenance,
    series: ResultSeries,
) -> ResultObject:
    """Return the pages as one object, in their order; `reorientation` is as for the single pictures.

    Raises:
        ValueError: the pages differ in size.
    """
    pages = [frame.page for frame in frames]
    dataset = Dataset()
    dataset.SOPInstanceUID = provenance.uid(series.kind.name)
    begin(dataset, header, source, series, provenance)
    describe_capture(dataset, header)
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = None
    dataset.ImageComments = f"{series.notice}. " + "; ".join(f"{n} {page.title}" for n, page in enumerate(pages, 1))
    dataset.DerivationDescription = describe_making(f"Views of {series.of}", provenance, series)
    dataset.DerivationCodeSequence = codes.sequence(*dict.fromkeys(derived_by(page) for page in pages))
    shown = dict.fromkeys(image for page in pages for image in shown_by(page, source, reorientation))
    dataset.SourceImageSequence = codes.items(source_item(image) for image in shown)
    _describe_frames(dataset, pages)
    put_pixels(dataset, frames)
    return finish(dataset, series.kind)


def _describe_frames(dataset: Dataset, pages: Sequence[Page]) -> None:
    dataset.NumberOfFrames = len(pages)
    dataset.FrameIncrementPointer = [Tag("PageNumberVector"), Tag("FrameLabelVector")]
    dataset.PageNumberVector = list(range(1, len(pages) + 1))
    dataset.FrameLabelVector = [_label(page) for page in pages]
    dataset.RepresentativeFrameNumber = 1


def _label(page: Page) -> str:
    """Return as many words of the title as a Short String, of 16 characters, holds."""
    words = page.title.replace(",", "").split()
    fitting = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((label for label in fitting if len(label) <= _LONGEST_LABEL), page.name[:_LONGEST_LABEL])
