"""Who made a result object, from what, and when; knows nothing of pixels or of where objects are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

from triaged.results import codes
from triaged.study.uids import StudyUID, derived_uid

MANUFACTURER = "triaged"
THRESHOLDING = frozenset({"threshold", "threshold-contours"})
"""The engines that have learnt nothing, by name; no object of theirs may claim artificial intelligence."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """An instance by its UIDs, such as an earlier report that a new one supersedes."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a set of result objects is a function of.

    `assessed_at` (with a time zone) is written as the content's date and time: give a time that a re-run after a crash
    gives again, such as the moment the study became ready, or the objects differ. It is written in the source's own
    Timezone Offset From UTC where that is present, else in the zone it carries. `scheme_version` must change whenever a
    setting changes that alters the objects, since UIDs are a function of it. `input_sop_instance_uids` are valid UIDs.

    `revision` counts the sets of objects published on this study from 1, and `follows` is the UID of the set that this
    one supersedes, empty for the first. `compares` is the UID of the set of an earlier study that the pictures show
    beside this one, empty where there is none. `outcome` is the code of the reason where there is no score, else empty.
    `advises` is the UID of the set of the first engine's result, for that of a second engine, compared with it.
    """

    study_uid: StudyUID
    input_sop_instance_uids: tuple[str, ...]
    engine: str
    engine_version: str
    model_sha256: str
    device_uid: str
    scheme: str
    scheme_version: str
    software_version: str
    assessed_at: datetime
    replaces: tuple[Referenced, ...] = ()
    revision: int = 1
    follows: str = ""
    compares: str = ""
    outcome: str = ""
    advises: str = ""

    def __post_init__(self) -> None:
        if self.assessed_at.tzinfo is None:
            raise ValueError("assessed_at: expected a time with its time zone, found none")

    def uid(self, *role: str) -> str:
        """Return the UID that these inputs, this model, scheme and software always give to `role`."""
        inputs = sorted(set(self.input_sop_instance_uids))
        conditions = (
            *(("follows", self.follows), ("compares", self.compares)),
            *(("outcome", self.outcome), ("advises", self.advises)),
        )
        return derived_uid(
            MANUFACTURER,
            self.software_version,
            self.study_uid.value,
            str(len(inputs)),
            *inputs,
            self.engine,
            self.engine_version,
            self.model_sha256,
            self.scheme,
            self.scheme_version,
            *(f"{name} {value}" for name, value in conditions if value),
            *role,
        )

    @property
    def basis(self) -> str:
        """The UID of what the objects are made from, whatever set they follow: equal for equal results."""
        return replace(self, follows="").uid("basis")

    @property
    def object_set_uid(self) -> str:
        """The UID of this set of objects, by which a later one says that it follows."""
        return self.uid("object set")

    @property
    def report_uid(self) -> str:
        """The SOP Instance UID of the report, known before it is written."""
        return self.uid("sr")

    @property
    def algorithm(self) -> str:
        """Name and version of the engine, as people read it."""
        return f"{self.engine} {self.engine_version}"

    @property
    def family(self) -> Code:
        """The family of the algorithm (CID 7162)."""
        return codes.MORPHOLOGICAL_OPERATIONS if self.engine in THRESHOLDING else codes.ARTIFICIAL_INTELLIGENCE

    @property
    def supersedes(self) -> str:
        """What people read of the set that this one follows; empty for the first."""
        return f"rev {self.revision}, supersedes rev {self.revision - 1}" if self.revision > 1 else ""

    def predecessors(self, sop_class_uid: str) -> tuple[Referenced, ...]:
        """Return the earlier reports that one of this SOP class names: those of its own kind, else all."""
        return tuple(one for one in self.replaces if one.sop_class_uid == sop_class_uid) or self.replaces

    def entitled(self, title: str) -> str:
        """Return a description of at most 64 characters (LO): title, algorithm with version, and what it supersedes.

        Where that is too long the engine's name is cut, since the version and the revision are what tells sets apart.
        """
        prefix = f"AI {title}" if self.family is codes.ARTIFICIAL_INTELLIGENCE else title[:1].upper() + title[1:]
        ending = f" {self.engine_version}{' ' * bool(self.supersedes)}{self.supersedes}"
        engine = self.engine[: max(0, 63 - len(prefix) - len(ending))]
        return printable(f"{prefix} {engine}{ending}")[:64]


def add_equipment(dataset: Dataset, provenance: Provenance) -> None:
    """Write the (Enhanced) General Equipment module and the Contributing Equipment Sequence (C.7.5.1, C.12.1.1.5)."""
    versions = [provenance.software_version, provenance.engine_version, provenance.model_sha256[:16]]
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = f"triaged {provenance.engine}"[:64]
    dataset.DeviceSerialNumber = provenance.model_sha256[:16] or provenance.engine_version
    dataset.SoftwareVersions = versions
    scheme = f"{provenance.scheme} {provenance.scheme_version}"
    contributor = codes.dataset(
        PurposeOfReferenceCodeSequence=codes.sequence(codes.PROCESSING_EQUIPMENT),
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=dataset.ManufacturerModelName,
        SoftwareVersions=versions,
        DeviceUID=provenance.device_uid,
        ContributionDateTime=f"{provenance.assessed_at:%Y%m%d%H%M%S%z}",
        ContributionDescription=f"{provenance.family.meaning}: triage, research use; scheme {scheme}",
    )
    dataset.ContributingEquipmentSequence = codes.items([contributor])


def algorithm_identification(provenance: Provenance) -> Dataset:
    """Return an Algorithm Identification item (10.16)."""
    return codes.dataset(
        AlgorithmFamilyCodeSequence=codes.sequence(provenance.family),
        AlgorithmName=provenance.engine[:64],
        AlgorithmVersion=provenance.engine_version[:64],
        AlgorithmSource=MANUFACTURER,
    )


def printable(text: str) -> str:
    """Return text that every character set can encode."""
    return re.sub(r"[^ -\[\]-~]", "?", text)


def decimal(value: float) -> str:
    """Return a Decimal String of at most 16 characters (PS3.5 6.2)."""
    return format_number_as_ds(float(value))
