"""A region of a volume as a segment of a DICOM Segmentation; knows neither how it was found nor how it is written."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.coding import Code

from triaged.imaging.volume import Mask


@dataclass(frozen=True, slots=True)
class Region:
    """How a kind of region is named: `kind` is what it is, `site` the organ it is or lies in; people read the rest."""

    label: str
    description: str
    category: Code
    kind: Code
    site: Code
    cielab: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One region that has voxels; `number` counts from 1 without gaps, as the standard asks."""

    number: int
    region: Region
    tracking_uid: str
    mask: Mask

    @property
    def label(self) -> str:
        """The region's name for people."""
        return self.region.label

    @property
    def kind(self) -> Code:
        """What the region is."""
        return self.region.kind

    @property
    def site(self) -> Code:
        """The organ that the region is or lies in."""
        return self.region.site
