"""One object of every kind over a study whose first header says who it is of; quick, since the picture is a small one.

Reads values back as the bytes that stand in the stream, without pydicom: what is asked is what a receiver gets.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from io import BytesIO

import numpy as np
from pydicom import dcmread
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataset import Dataset

from tests.results.ct_study import encoded, inflated, provenance, ranking, standard_study
from tests.results.senders import Change
from triaged.exams.ct.objects import EXAMINED, PICTURES, SEGMENTATION, SIDES, TURNING, segments
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.exams.xray.objects import OUTLINES
from triaged.results.instance import ResultObject
from triaged.results.key_objects import key_object_selection
from triaged.results.page import Page
from triaged.results.presentation_state import Layer, Note, presentation_state
from triaged.results.sc import begun_pictures, begun_turning, completed, pictures
from triaged.results.seg import segmentation
from triaged.results.softcopy import Greys
from triaged.results.source import single_frames, source_series
from triaged.results.sr import report
from triaged.results.text import text_report
from triaged.study.kinds import ObjectKind


def sent(change: Change) -> Dataset:
    """Return the standard study's first header as another sender would have sent it, parsed from its bytes."""
    header = dcmread(BytesIO(encoded(standard_study().sources[0])))
    change(header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some senders' character sets are wrong on purpose
        terms = header.get("SpecificCharacterSet")
        header.set_original_encoding(False, True, convert_encodings(terms) if terms else default_encoding)
        return dcmread(BytesIO(encoded(header)))


def every_kind(header: Dataset, **changes: object) -> tuple[ResultObject, ...]:
    """Return one object of each kind; patient and study are those of `header`, all else is the standard study's.

    `changes` are what else its provenance says.
    """
    study = standard_study()
    study = replace(study, sources=(header, *study.sources[1:]))
    made_by = provenance(standard_study().sources, **changes)
    source = source_series(study.sources, study.geometry)
    described = segments(study.reading, made_by)
    masks = segmentation(source, study.geometry, study.reorientation, described, made_by, SEGMENTATION)
    lines = analysis_lines(header, study.reading, ranking(), made_by)
    words = Layer("WORDS", "Words", (0, 0, 0), notes=(Note("Words", (0.0, 0.0, 8.0, 8.0)),))
    page = Page("small", "Small", np.zeros((8, 8, 3), np.uint8), None, None)
    return (
        masks,
        report(source, study.reading.finding, ranking(), EXAMINED, lines, masks, described, made_by),
        text_report(source, lines, made_by),
        key_object_selection(source, source.frames[:1], "The first one", made_by),
        presentation_state(
            single_frames([header]), [words], Greys(None, None, is_inverse=False), "Words", made_by, OUTLINES
        ),
        *pictures(source, study.reorientation, [page], made_by, PICTURES),
        completed(begun_pictures(source, [page], made_by, SIDES)[0], ObjectKind.SIDES, [page]),
        completed(begun_turning(source, [page, page], made_by, TURNING, 100.0), ObjectKind.TURNING, [page, page]),
    )


def written(one: ResultObject, tag: tuple[int, int], vr: bytes) -> bytes | None:
    """Return the bytes of the first element with this tag and a short value representation, with padding, or None."""
    stream = inflated(one)
    wanted = b"".join(half.to_bytes(2, "little") for half in tag) + vr
    at = stream.find(wanted)
    if at < 0:
        return None
    length = int.from_bytes(stream[at + 6 : at + 8], "little")
    return stream[at + 8 : at + 8 + length]
