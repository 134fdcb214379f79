"""Opens the images of one case the way the worker does: choice of series, decoding, orientation; no metric here.

A NIfTI file says less than DICOM: it goes straight into a volume, and only the gates that its grid can tell are held
against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from triaged.dicom.header import read_header
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableInstance, UnreadableStudy
from triaged.exams.ct.choice import MAX_SPACING_MM, MIN_SLICES, ScopeOptions, choose
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.finding import Acquisition
from triaged.imaging.geometry import Geometry, Reorientation, canonical_reorientation
from triaged.imaging.volume import Volume
from triaged.lab.evaluation.grey import to_hounsfield
from triaged.lab.evaluation.nifti import FRAME, is_nifti, read_nifti
from triaged.lab.evaluation.upright import SURELY_IN_FRONT, bone_depth, mirror_front_to_back
from triaged.study.assessment import ReasonCode
from triaged.study.records import Instance, Series

META_ENDS: Final = 144
"""Preamble, prefix and the element with the length of the rest of the file meta information (PS3.10 7.1)."""
UNSAID: Final = Acquisition(slice_thickness_mm=None, convolution_kernel=None, contrast=None, age_years=None)
LONGEST_SLICE_MM: Final = 40.0
"""A slice spacing beyond this is a mistake of the header, not a scan."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """What the pipeline is given, and how an array of the file's own order becomes one on the volume's grid.

    `source` is the grid in the file's order. `correction` maps the positions that headers of this case give to true LPS
    positions; the identity where they are believed.
    """

    volume: Volume
    acquisition: Acquisition
    reorientation: Reorientation
    source: Geometry
    correction: NDArray[np.float64]
    notes: tuple[str, ...]


def read_images(path: Path) -> Images:
    """Return the images of a case, from a NIfTI file, a DICOM file or a folder of DICOM files.

    Raises:
        UnreadableStudy: the daemon would not score them, with the reason.
        TryLater: a file could not be read from the disk.
    """
    return _from_nifti(path) if is_nifti(path) else _from_dicom(path)


def _from_nifti(path: Path) -> Images:
    image = read_nifti(path)
    reorientation = canonical_reorientation(image.geometry)
    grid = reorientation.geometry(image.geometry)
    if grid.shape[0] < MIN_SLICES:
        raise UnreadableStudy(
            ReasonCode.TOO_FEW_SLICES, f"expected at least {MIN_SLICES} slices, found {grid.shape[0]} in {path.name}"
        )
    spacing_mm = grid.spacing_mm[0]
    if MAX_SPACING_MM < spacing_mm <= LONGEST_SLICE_MM:
        raise UnreadableStudy(
            ReasonCode.SPACING_TOO_WIDE,
            f"expected a slice every {MAX_SPACING_MM:g} mm or less, found one every {spacing_mm:.1f} mm in {path.name}",
        )
    voxels, notes = to_hounsfield(reorientation.apply(image.voxels))
    source, correction = image.geometry, np.eye(4)
    depth = bone_depth(voxels, grid)
    if depth is not None and depth < SURELY_IN_FRONT:
        correction = mirror_front_to_back(grid)
        source = Geometry(correction @ source.affine, source.shape, FRAME)
        reorientation = canonical_reorientation(source)
        grid, voxels = reorientation.geometry(source), voxels[:, ::-1].copy()
        notes += (f"the spine lies in front ({depth:.2f} of the way to the back); exchanged front and back",)
    return Images(Volume(voxels, grid), UNSAID, reorientation, source, correction, image.notes + notes)


def _from_dicom(path: Path) -> Images:
    paths = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    every = [_instance(each) for each in paths]
    strangers = every.count(None)
    files = [found for found in every if found is not None]
    instances = _one_study(files, path)
    series: dict[str, list[Instance]] = {}
    for found in instances:
        series.setdefault(found.series_uid.value, []).append(found)
    choice = choose([Series(found[0].series_uid, tuple(found)) for found in series.values()], ScopeOptions())
    if choice.chosen is None:
        assert choice.reason is not None
        raise UnreadableStudy(choice.reason.code, choice.reason.detail)
    read = decode_series([Path(instance.path) for instance in choice.chosen.instances])
    notes = [f"{strangers} files are no DICOM instances"] if strangers else []
    notes += [f"chose one of {len(series)} series"] if len(series) > 1 else []
    notes += ["left out other studies, which lie in folders below"] if len(instances) < len(files) else []
    return Images(read.volume, read.acquisition, read.reorientation, read.source_geometry, np.eye(4), tuple(notes))


def _one_study(instances: list[Instance], path: Path) -> list[Instance]:
    """Return the instances of the one study that is meant.

    Where there are several, it is that of the files in the folder itself: a follow-up may lie in a folder below.
    """
    studies = {instance.study_uid.value for instance in instances}
    if len(studies) < 2:
        return instances
    here = {instance.study_uid.value for instance in instances if Path(instance.path).parent == path}
    if len(here) != 1:
        detail = f"expected the images of one study, found those of {len(studies)} in {path.name}"
        raise UnreadableStudy(ReasonCode.MIXED_FRAMES, detail)
    return [instance for instance in instances if instance.study_uid.value in here]


@without_warnings()
def _instance(path: Path) -> Instance | None:
    """Return a file as intake would file it; None where it is no DICOM instance."""
    try:
        meta = dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta
        content = path.read_bytes()[META_ENDS + int(meta.FileMetaInformationGroupLength) :]
        header = read_header(
            content,
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
            sop_class_uid=str(meta.get("MediaStorageSOPClassUID", "")),
            sop_instance_uid=str(meta.get("MediaStorageSOPInstanceUID", "")),
        )
    except (InvalidDicomError, UnreadableInstance, AttributeError, EOFError, ValueError):
        return None
    return Instance(
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        sop_instance_uid=header.sop_instance_uid,
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        path=str(path),
        sha256="",
        size_bytes=len(content),
        received_at=datetime.fromtimestamp(0, UTC),
        image=header.image,
    )
