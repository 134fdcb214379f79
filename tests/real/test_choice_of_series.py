"""Headers of real series, read as they arrive, lead to the choice a reader of the images would make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from triaged.dicom.header import read_header
from triaged.exams.ct.choice import ScopeOptions, choose, is_whole
from triaged.study.assessment import ReasonCode
from triaged.study.records import Instance, Series

DATA = Path(__file__).parents[3] / "shared" / "data"
FAILING = DATA / "interop" / "dicom2nifti_failing"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real images are not here: ../shared/data")


def arrived(paths: Sequence[Path]) -> list[Series]:
    """Return the series that these files make up, as intake would have filed them."""
    found: dict[str, list[Instance]] = {}
    for path in paths:
        meta = dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta
        content = path.read_bytes()[144 + int(meta.FileMetaInformationGroupLength) :]
        header = read_header(content, transfer_syntax_uid=meta.TransferSyntaxUID)
        instance = Instance(
            study_uid=header.study_uid,
            series_uid=header.series_uid,
            sop_instance_uid=header.sop_instance_uid,
            transfer_syntax_uid=meta.TransferSyntaxUID,
            path=path.name,
            sha256="",
            size_bytes=len(content),
            received_at=datetime(2026, 1, 5, tzinfo=UTC),
            image=header.image,
        )
        found.setdefault(header.series_uid.value, []).append(instance)
    return [Series(instances[0].series_uid, tuple(instances)) for instances in found.values()]


@pytest.mark.parametrize(("patient", "count"), [("covid_p001", 148), ("normal_001", 154)])
def test_a_real_chest_is_chosen_and_whole(patient: str, count: int) -> None:
    series = arrived(sorted((DATA / "ct_series" / patient).glob("*.dcm")))
    chosen = choose(series).chosen
    assert chosen is not None
    assert len(chosen.instances) == count
    assert is_whole(series)


def test_a_real_chest_with_one_slice_held_back_is_not_whole() -> None:
    paths = sorted((DATA / "ct_series" / "covid_p001").glob("*.dcm"))
    heights = sorted(paths, key=lambda path: float(dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]))
    assert not is_whole(arrived([path for path in paths if path != heights[70]]))


def test_a_downsampled_chest_without_body_part_is_chosen() -> None:
    assert choose(arrived(sorted((DATA / "interop" / "cip_copdgene" / "ct-64Dicom").glob("*.dcm")))).chosen is not None


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("gantrytilting/001", ReasonCode.TOO_FEW_SLICES),
        ("notavolume/001", ReasonCode.TOO_FEW_SLICES),
        ("sliceincrement/001", ReasonCode.TOO_FEW_SLICES),
        ("sliceincrement/002", ReasonCode.TOO_FEW_SLICES),
        ("slicecount/001", ReasonCode.NO_CT),
        ("sliceorientation/001", ReasonCode.NO_CT),
    ],
)
def test_a_malformed_series_is_out_of_scope_with_its_reason(folder: str, code: ReasonCode) -> None:
    choice = choose(arrived(sorted((FAILING / folder).glob("*.dcm"))))
    assert choice.reason is not None
    assert choice.reason.code is code


@pytest.mark.parametrize(
    ("folder", "words"), [("gantrytilting/001", "degrees off"), ("notavolume/001", "position already taken")]
)
def test_too_few_slices_name_the_other_fault(folder: str, words: str) -> None:
    choice = choose(arrived(sorted((FAILING / folder).glob("*.dcm"))))
    assert choice.reason is not None
    assert words in choice.reason.detail


@pytest.mark.parametrize("folder", ["gantrytilting/001", "sliceincrement/001"])
def test_a_malformed_series_of_enough_slices_is_left_to_the_reader_to_name_its_fault(folder: str) -> None:
    series = arrived(sorted((FAILING / folder).glob("*.dcm")))
    assert choose(series, ScopeOptions(min_slices=2)).chosen is not None
    assert not is_whole(series, ScopeOptions(min_slices=2))
