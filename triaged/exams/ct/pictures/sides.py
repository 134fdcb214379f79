"""Composes what is drawn of the lungs in 3-D after a result is committed: four pages, and views by 10 degrees.

Until then a draft keeps all that it takes. No patient attribute is ever drawn.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np

from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.legend import BAR_WIDTH, draw_bar
from triaged.exams.ct.pictures.surface import Labels, surface
from triaged.exams.ct.pictures.turning import STEP_DEGREES, Stage, stage, view
from triaged.results.layout import FOOT, GREY, MARGIN, PAGE_WIDTH, SMALL, TOP, Heading, Markers, Sheet
from triaged.results.page import Page, Picture

SIDES = (("front", 0), ("back", 180), ("right", 270), ("left", 90))
"""The pages, and from where the viewer looks: degrees towards the patient's left."""
_WORDS = {0: "from the front", 90: "from the left", 180: "from the back", 270: "from the right"}
_SIZE, _PAGE_SIZE = 420, FOOT - TOP
_FRAME = (_SIZE + MARGIN + BAR_WIDTH + MARGIN, _SIZE + 140)
_HEADLINE = 40
"""Room for two lines, as a headline is longer than a frame is wide."""
_BLANK = np.zeros((1, 1, 3), np.uint8)
_EXPLAINED = (
    "Surface of the lungs on a grid of 2 mm, smoothed.",
    "Colour: share of the lung that is affected within 10 mm below the surface; grey: less than 2 %.",
    "What lies deeper is not seen here.",
)
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What the views are drawn of and in: the masks, the palette, the heading of the pages, and the objects begun."""

    labels: Labels
    slice_mm: float
    palette: Palette
    heading: Heading
    begun: tuple[bytes, ...]


def encode_draft(draft: Draft) -> bytes:
    """Return a draft as bytes; equal drafts give equal bytes."""
    heading = draft.heading
    said = {
        "format": _FORMAT,
        "palette": draft.palette.value,
        "slice_mm": draft.slice_mm,
        "heading": [heading.headline, heading.notice, heading.note],
        "purpose": heading.purpose,
    }
    stream = BytesIO()
    begun = {f"begun{number}": np.frombuffer(each, np.uint8) for number, each in enumerate(draft.begun)}
    np.savez_compressed(stream, said=np.array(json.dumps(said)), labels=draft.labels, **begun)  # type: ignore[arg-type]
    return stream.getvalue()


def decode_draft(content: bytes) -> Draft:
    """Return what `encode_draft` wrote; `ValueError` where the content is something else, or was cut short."""
    if not zipfile.is_zipfile(BytesIO(content)):
        raise ValueError(f"draft: expected an archive of masks, found {len(content)} other bytes")
    try:
        with np.load(BytesIO(content), allow_pickle=False) as kept:
            said = json.loads(str(kept["said"]))
            if said["format"] != _FORMAT:
                raise ValueError(f"draft: expected format {_FORMAT}, found {said['format']}")
            begun = tuple(kept[f"begun{number}"].tobytes() for number in range(len(kept.files) - 2))
            heading = replace(Heading(*said["heading"]), purpose=said.get("purpose", ""))
            return Draft(kept["labels"], float(said["slice_mm"]), Palette(said["palette"]), heading, begun)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"draft: expected an archive of masks, found {error}") from error


def blank_pages() -> tuple[Page, ...]:
    """Return the four pages without their pixels."""
    return tuple(_page(name, degrees, _BLANK) for name, degrees in SIDES)


def blank_views() -> tuple[Page, ...]:
    """Return the 36 views without their pixels, in the order in which they turn."""
    return tuple(_view(degrees, _BLANK) for degrees in range(0, 360, STEP_DEGREES))


def drawn(draft: Draft) -> tuple[tuple[Page, ...], tuple[Page, ...]]:
    """Return the four pages, and the 36 views."""
    shape = surface(draft.labels, draft.slice_mm)
    large, small = stage(shape, _PAGE_SIZE), stage(shape, _SIZE)
    with ThreadPoolExecutor(2) as two:
        pages = two.map(lambda side: _page(side[0], side[1], _drawn_page(draft, large, side[1])), SIDES)
        views = two.map(lambda degrees: _view(degrees, _drawn_view(draft, small, degrees)), range(0, 360, STEP_DEGREES))
        return tuple(pages), tuple(views)


def _page(name: str, degrees: int, pixels: Picture) -> Page:
    return Page(f"surface-{name}", f"Lungs in 3-D, {_WORDS[degrees]}", pixels, None, None)


def _view(degrees: int, pixels: Picture) -> Page:
    return Page(f"turned-{degrees:03d}", f"{degrees} degrees", pixels, None, None)


def _drawn_page(draft: Draft, staged: Stage, degrees: int) -> Picture:
    sheet = Sheet(draft.heading)
    sheet.picture(view(staged, degrees, draft.palette), (MARGIN, TOP), _title(degrees), _markers(degrees))
    draw_bar(sheet, (PAGE_WIDTH - BAR_WIDTH, TOP), 300, draft.palette)
    sheet.paragraph(_EXPLAINED, (_PAGE_SIZE + 2 * MARGIN, TOP + 340))
    return sheet.pixels


def _drawn_view(draft: Draft, staged: Stage, degrees: int) -> Picture:
    sheet = Sheet(Heading("", draft.heading.notice, draft.heading.note), _FRAME)
    sheet.paragraph([draft.heading.headline], (MARGIN, 20), (_FRAME[0] - 2 * MARGIN, _HEADLINE))
    sheet.picture(view(staged, degrees, draft.palette), (MARGIN, TOP - 20), _title(degrees), _markers(degrees))
    draw_bar(sheet, (_FRAME[0] - BAR_WIDTH, TOP), 240, draft.palette)
    sheet.text((MARGIN, _FRAME[1] - SMALL - 46), "Affected within 10 mm below the surface", SMALL, GREY)
    sheet.paragraph([draft.heading.purpose], (MARGIN, _FRAME[1] - 42), (_FRAME[0] - 2 * MARGIN, 40))
    return sheet.pixels


def _title(degrees: int) -> str:
    return f"Lungs {_WORDS[degrees]}" if degrees in _WORDS else f"Turned by {degrees} degrees to the patient's left"


def _markers(degrees: int) -> Markers:
    """Return the directions where they are those of a side exactly."""
    left, right = {0: ("R", "L"), 90: ("A", "P"), 180: ("L", "R"), 270: ("P", "A")}.get(degrees, ("", ""))
    return Markers(left, right, "H", "F")
