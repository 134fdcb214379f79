"""Says what the flow may ask of a reader of images, whatever it is built of.

Must not know DICOM, storage or the order of the list.
"""

from __future__ import annotations

from typing import Protocol

from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.imaging.volume import Volume


class Pipeline(Protocol):
    """Reads one CT series."""

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return scores and masks of a series, on the volume's own canonical grid.

        Raises:
            UnreadableStudy: there are no lungs in view, or they could not be segmented; no score would mean anything.
        """
        ...
