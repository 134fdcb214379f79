"""The images of a study as pictures, and what was found as a contour on them; the last few studies stay open.

What is kept in memory has a bound, and nothing of it outlives the process. Knows no pages.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from triaged.errors import UnreadableStudy
from triaged.exams.exam import SliceList, View, Viewer, open_view
from triaged.spool.files import Spool
from triaged.store.studies.history import History
from triaged.study.kinds import ObjectKind

MOST_STUDIES = 8
MOST_BYTES = 64 * 2**20


class Slices:
    """Images of studies as pictures; safe to share between threads. `viewers` belong to the examinations.

    Every method raises `UnreadableStudy` where the study has no result from a series, or its files cannot be shown, and
    `IndexError` where it has no such image.
    """

    def __init__(self, history: History, spool: Spool, viewers: Sequence[Viewer], most_bytes: int = MOST_BYTES) -> None:
        self._history = history
        self._spool = spool
        self._viewers = viewers
        self._opened: OrderedDict[str, tuple[str, View]] = OrderedDict()
        self._pictures = Pictures(most_bytes)
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    def described(self, study_uid: str) -> SliceList:
        """Return how many images there are and what they are."""
        return self._ready(study_uid)[1].described()

    def jpeg(self, study_uid: str, index: int) -> bytes:
        """Return one image, 0 being the first."""
        basis, view = self._ready(study_uid)
        kept = self._pictures.get((basis, index))
        if kept is None:
            kept = view.jpeg(index)
            self._pictures.keep((basis, index), kept)
        return kept

    def contour(self, study_uid: str, index: int) -> bytes | None:
        """Return the contour of what was found as a transparent PNG of the image's size; None where there is none."""
        _, view = self._ready(study_uid)
        return view.contour(index)

    def _ready(self, study_uid: str) -> tuple[str, View]:
        """Return the study, opened at the result in force: with a new result it is opened again."""
        derived = self._history.derived(study_uid)
        if not derived:
            raise UnreadableStudy("no-result", "expected a result of this study, found none yet")
        basis = derived[0].sop_instance_uid
        found = self._kept(study_uid, basis)
        if found is None:
            with self._opening:  # a second browser waits for the first instead of doing the same
                found = self._kept(study_uid, basis)
                if found is None:
                    segmentation = next((one.path for one in derived if one.kind == ObjectKind.SEG), None)
                    found = self._open(study_uid, segmentation)
                    self._keep(study_uid, basis, found)
        return basis, found

    def _kept(self, study_uid: str, basis: str) -> View | None:
        with self._lock:
            found = self._opened.get(study_uid)
            if found is None or found[0] != basis:
                return None
            self._opened.move_to_end(study_uid)
            return found[1]

    def _keep(self, study_uid: str, basis: str, view: View) -> None:
        with self._lock:
            self._opened[study_uid] = basis, view
            self._opened.move_to_end(study_uid)
            while len(self._opened) > MOST_STUDIES:
                self._opened.popitem(last=False)

    def _open(self, study_uid: str, segmentation: str | None) -> View:
        chosen = {one.series_uid for one in self._history.series_decisions(study_uid) if one.chosen}
        paths = [
            self._spool.absolute(one.path)
            for one in self._history.instances(study_uid)
            if one.series_uid.value in chosen
        ]
        if not paths:
            raise UnreadableStudy("no-result", "expected a series that was read, found none")
        found = None if segmentation is None else self._spool.absolute(segmentation)
        return open_view(self._viewers, paths, found)


class Pictures:
    """Encoded pictures up to a number of bytes; the one that was not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size_bytes = 0

    def get(self, key: tuple[str, int]) -> bytes | None:
        """Return a picture that is still kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: tuple[str, int], picture: bytes) -> None:
        """Keep a picture, and let others go where there is no room."""
        with self._lock:
            self.size_bytes += len(picture) - len(self._kept.pop(key, b""))
            self._kept[key] = picture
            while self.size_bytes > self._most_bytes:
                self.size_bytes -= len(self._kept.popitem(last=False)[1])
