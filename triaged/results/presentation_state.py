"""Writes lines and words over one image as a Grayscale Softcopy Presentation State (PS3.3 A.33.1).

A viewer shows them on the image itself, layer by layer, and takes them off again; no pixel is changed. Knows nothing of
what the lines are around, nor of how the greys are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from triaged.imaging.outlines import Points
from triaged.results import codes
from triaged.results.identity import sent_text
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.provenance import Provenance
from triaged.results.softcopy import Greys, describe_greys
from triaged.results.source import SourceSeries, instance_item

Box = tuple[float, float, float, float]
"""Left, top, right and lower edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line through `points`, in pixels of the stored image from its upper left corner; closed where they are."""

    points: Points
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Words in a box: in pixels of the stored image, or with `of_display` in shares of what the viewer shows.

    `justification` is LEFT, CENTER or RIGHT.
    """

    words: str
    box: Box
    justification: str = "LEFT"
    of_display: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What is switched on and off together: `name` is a code string of at most 16 characters.

    `cielab` and `grey` (0 to 65535) are the colour that a viewer is asked to draw it in.
    """

    name: str
    description: str
    cielab: tuple[int, int, int]
    grey: int = 65535
    lines: tuple[Line, ...] = ()
    notes: tuple[Note, ...] = ()


def presentation_state(
    source: SourceSeries,
    layers: Sequence[Layer],
    greys: Greys,
    description: str,
    provenance: Provenance,
    series: ResultSeries,
) -> ResultObject:
    """Return the presentation state of the one image of `source`; layers without a line and a word are left out.

    `greys` are those that a viewer is to show, whatever the image's own header says. `description` says in at most 64
    characters what is drawn.

    Raises:
        ValueError: the source has several images, or nothing is drawn.
    """
    drawn = [layer for layer in layers if layer.lines or layer.notes]
    if len(source.frames) != 1 or not drawn:
        raise ValueError(f"expected something to draw on one image, found {len(drawn)} on {len(source.frames)}")
    dataset = begin(provenance.uid(series.kind.name), source, series, provenance)
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = dataset.SeriesDate, dataset.SeriesTime
    dataset.InstanceNumber = 1
    dataset.ContentLabel = series.label
    dataset.ContentDescription = description[:64]
    dataset.ContentCreatorName = None
    image = instance_item(source.frames[0])
    referenced = codes.dataset(SeriesInstanceUID=source.series_uid.value, ReferencedImageSequence=codes.items([image]))
    dataset.ReferencedSeriesSequence = codes.items([referenced])
    _describe_area(dataset, _size(source.header))
    describe_greys(dataset, greys)
    dataset.GraphicLayerSequence = codes.items(_layer(layer, number) for number, layer in enumerate(drawn, start=1))
    dataset.GraphicAnnotationSequence = codes.items(_annotation(layer) for layer in drawn)
    return finish(dataset, series.kind)


def _layer(layer: Layer, number: int) -> Dataset:
    return codes.dataset(
        GraphicLayer=layer.name,
        GraphicLayerOrder=number,
        GraphicLayerRecommendedDisplayGrayscaleValue=layer.grey,
        GraphicLayerRecommendedDisplayCIELabValue=list(layer.cielab),
        GraphicLayerDescription=layer.description[:64],
    )


def _annotation(layer: Layer) -> Dataset:
    annotation = codes.dataset(GraphicLayer=layer.name)
    if layer.notes:
        annotation.TextObjectSequence = codes.items(_text(note) for note in layer.notes)
    if layer.lines:
        annotation.GraphicObjectSequence = codes.items(_polyline(line, layer) for line in layer.lines)
    return annotation


def _text(note: Note) -> Dataset:
    left, top, right, lower = note.box
    return codes.dataset(
        BoundingBoxAnnotationUnits="DISPLAY" if note.of_display else "PIXEL",
        UnformattedTextValue=note.words,
        BoundingBoxTopLeftHandCorner=[left, top],
        BoundingBoxBottomRightHandCorner=[right, lower],
        BoundingBoxTextHorizontalJustification=note.justification,
    )


def _polyline(line: Line, layer: Layer) -> Dataset:
    style = codes.dataset(
        PatternOnColorCIELabValue=list(layer.cielab),
        PatternOnOpacity=1.0,
        LineThickness=1.0,
        LineDashingStyle="DASHED" if line.is_dashed else "SOLID",
        ShadowStyle="OFF",
        ShadowOffsetX=0.0,
        ShadowOffsetY=0.0,
        ShadowColorCIELabValue=[0, 32896, 32896],
        ShadowOpacity=0.0,
    )
    if line.is_dashed:
        style.LinePattern = 0xFF00
    return codes.dataset(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(line.points),
        GraphicData=[round(float(value), 2) for point in line.points for value in point],
        GraphicType="POLYLINE",
        GraphicFilled="N",
        LineStyleSequence=codes.items([style]),
    )


def _size(header: Dataset) -> Dataset:
    """Return what says how large an image is, apart: reading decodes, and the source stays as it came."""
    size = Dataset()
    for keyword in ("Rows", "Columns", "PixelSpacing", "ImagerPixelSpacing"):
        if keyword in header:
            size[keyword] = header.get_item(keyword)
    return size


def _describe_area(dataset: Dataset, header: Dataset) -> None:
    """Ask for the whole image, as large as fits (C.10.4)."""
    area = codes.dataset(
        DisplayedAreaTopLeftHandCorner=[1, 1],
        DisplayedAreaBottomRightHandCorner=[int(header.Columns), int(header.Rows)],
        PresentationSizeMode="SCALE TO FIT",
    )
    spacing = _decimals(header, "PixelSpacing") or _decimals(header, "ImagerPixelSpacing")
    if len(spacing) == 2 and all(float(mm) > 0 for mm in spacing):
        area.PresentationPixelSpacing = list(spacing)
    else:
        area.PresentationPixelAspectRatio = ["1", "1"]
    dataset.DisplayedAreaSelectionSequence = codes.items([area])


def _decimals(header: Dataset, keyword: str) -> list[str]:
    """Return the numbers of an attribute as they were sent; none where one of them is damaged."""
    found = [part.strip() for part in sent_text(header, keyword).split("\\")]
    try:
        return found if all(abs(float(part)) < float("inf") for part in found) else []
    except ValueError:
        return []
