"""What is kept of a study as DICOMweb sees it: its instances by their addresses, and what their files say.

The last models and layouts stay in memory up to a number of bytes: a file in the spool never changes under its name.
Knows no requests.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from starlette.exceptions import HTTPException

from triaged.dicom.frames import FrameLayout, layout_of
from triaged.dicom.long_headers import read_long_header
from triaged.errors import UnreadableStudy
from triaged.spool.files import Spool
from triaged.store.studies.catalogue import Catalogue, Member
from triaged.study.kinds import EXPLICIT
from triaged.study.uids import is_valid_uid
from triaged.web.dicomweb.levels import STUDY_TAGS
from triaged.web.dicomweb.model import BULK, PIXEL_DATA, Model, as_text, model_of
from triaged.web.dicomweb.paths import Address
from triaged.web.recent import Recent

MOST_BYTES: Final = 64 * 1024 * 1024
_LAYOUT_BYTES: Final = 200
_NEVER_SENT: Final = (str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian))
_STUDY_UID, _SERIES_UID, _SOP_CLASS_UID, _SOP_UID = "0020000D", "0020000E", "00080016", "00080018"
_SYNTAX = "00083002"
_OF_STUDY = "study of "
DELETED: Final = "the images were deleted here, as retention says in the configuration; the archive has them"


class Held:
    """The instances of all studies; safe to share between threads. Raises `TryLater` where store or spool is away."""

    def __init__(self, catalogue: Catalogue, spool: Spool, most_bytes: int = MOST_BYTES) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._texts: Recent[str, str] = Recent(most_bytes, len)
        self._layouts: Recent[str, FrameLayout | None] = Recent(most_bytes // 16, lambda _: _LAYOUT_BYTES)

    def members(self, address: Address) -> list[Member]:
        """Return the instances of a study or series, or one of them; 404 where there is none, 400 for what is no UID.

        Each has the series that it is in.
        """
        for uid in (address.study_uid, address.series_uid, address.sop_instance_uid):
            if uid and not is_valid_uid(uid):
                raise HTTPException(HTTPStatus.BAD_REQUEST, "expected a UID (PS3.5 section 9.1), found something else")
        found = map(self._placed, self._catalogue.members(address.study_uid, address.sop_instance_uid))
        members = [one for one in found if address.series_uid in ("", one.series_uid)]
        if not members:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no such {address.level}")
        return members

    def member(self, address: Address) -> Member:
        """Return one instance; 404 where there is none."""
        return self.members(address)[0]

    def path(self, member: Member) -> Path:
        """Return where the file of an instance lies; 410 where it was deleted on purpose."""
        if member.is_deleted:
            raise HTTPException(HTTPStatus.GONE, DELETED)
        return self._spool.absolute(member.path)

    def is_there(self, member: Member) -> bool:
        """Tell whether the file of an instance is where it should be."""
        return not member.is_deleted and self.path(member).is_file()

    def text(self, member: Member) -> str:
        """Return the model of an instance in JSON, without addresses; of a damaged file, what the store knows of it."""
        kept = self._texts.get(member.path)
        if kept is None:
            if member.is_deleted:
                return as_text(_identified({}, member))
            try:
                kept = as_text(self._model(member))
            except UnreadableStudy:
                return as_text(_identified({}, member))
            self._texts.keep(member.path, kept)
        return kept

    def model(self, member: Member) -> Model:
        """Return the model of an instance, as `text`."""
        found: Model = json.loads(self.text(member))
        return found

    def of_study(self, path: str) -> Model:
        """Return what a file in the spool says of its study and patient; nothing where it is damaged or gone."""
        kept = self._texts.get(f"{_OF_STUDY}{path}")
        if kept is None:
            if not path:
                return {}
            try:
                header = read_long_header(self._spool.absolute(path)).dataset
            except UnreadableStudy:
                return {}
            said = model_of(header)
            kept = as_text({key: said[key] for key in said if int(key, 16) in STUDY_TAGS})
            self._texts.keep(f"{_OF_STUDY}{path}", kept)
        found: Model = json.loads(kept)
        return found

    def layout(self, member: Member) -> FrameLayout | None:
        """Return how the pixels of an instance are stored, None where it has none; `UnreadableStudy` for damage."""
        kept = self._layouts.get(member.path)
        if kept is None:
            path = self.path(member)
            kept = layout_of(path, read_long_header(path))
            self._layouts.keep(member.path, kept)
        return kept

    def _placed(self, member: Member) -> Member:
        """Return an object of ours with its series, which its file says."""
        if member.series_uid:
            return member
        values = self.model(member).get(_SERIES_UID, {}).get("Value") or [""]
        return replace(member, series_uid=str(values[0]))

    def _model(self, member: Member) -> Model:
        path = self.path(member)
        header = read_long_header(path)
        model = model_of(header.dataset)
        if header.pixels_vr:
            key = f"{PIXEL_DATA:08X}"
            model[key] = {"vr": header.pixels_vr, "BulkDataURI": f"{BULK}{key}"}
            with suppress(UnreadableStudy):  # whoever asks for its frames is told
                self._layouts.keep(member.path, layout_of(path, header))
        return _identified(model, member)


def sent_syntax(member: Member) -> str:
    """Return the transfer syntax in which an instance goes as it is stored; some of them never do (PS3.18 8.7.3.5)."""
    return EXPLICIT if member.transfer_syntax_uid in _NEVER_SENT else member.transfer_syntax_uid


def _identified(model: Model, member: Member) -> Model:
    """Name an instance by the UIDs that it is found by: a sender's own may not be valid."""
    said = {_STUDY_UID: member.study_uid, _SERIES_UID: member.series_uid, _SOP_UID: member.sop_instance_uid}
    for key, uid in said.items():
        if uid:
            model[key] = {"vr": "UI", "Value": [uid]}
    model.setdefault(_SOP_CLASS_UID, {"vr": "UI", "Value": [member.sop_class_uid]})
    model[_SYNTAX] = {"vr": "UI", "Value": [sent_syntax(member)]}
    return dict(sorted(model.items()))
