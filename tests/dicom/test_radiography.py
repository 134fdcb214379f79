"""What is kept of the header of a projection image, from data sets made for the purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from tests.dicom.test_header import DEFLATED, EXPLICIT, IMPLICIT, encoded, header_of, item, made
from triaged.dicom.files import read_image_header
from triaged.dicom.header import read_header
from triaged.errors import UnreadableStudy
from triaged.study.radiography import RadiographHeader

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def radiography(**attributes: Any) -> RadiographHeader:
    dataset: Dataset = made(**({"SOPClassUID": DX, "Modality": "DX"} | attributes))
    kept = header_of(dataset).image.radiography
    assert kept is not None
    return kept


def test_what_a_radiograph_says_of_itself_is_kept_as_it_says_it() -> None:
    kept = radiography(
        ViewPosition="PA",
        ViewCodeSequence=item(CodeValue="R-10214", CodingSchemeDesignator="SNM3", CodeMeaning="postero-anterior"),
        PhotometricInterpretation="MONOCHROME1",
        PresentationIntentType="FOR PROCESSING",
        ImagerPixelSpacing=[0.139, 0.14],
        PixelSpacingCalibrationType="GEOMETRY",
        BurnedInAnnotation="NO",
        PatientOrientation=["L", "F"],
        ImageLaterality="U",
        AnatomicRegionSequence=item(CodeValue="T-D3000", CodingSchemeDesignator="SRT", CodeMeaning="Chest"),
        AcquisitionDate="20260105",
        AcquisitionTime="120203.5",
        StudyDescription="Thorax",
        ProcedureCodeSequence=item(CodeValue="1", CodingSchemeDesignator="L", CodeMeaning="XR chest 2 views"),
        AcquisitionDeviceProcessingDescription="CHEST PA",
    )
    assert kept == RadiographHeader(
        view_position="PA",
        view_code="R-10214",
        view_meaning="postero-anterior",
        photometric_interpretation="MONOCHROME1",
        intent="FOR PROCESSING",
        detector_spacing_mm=(0.139, 0.14),
        spacing_calibration="GEOMETRY",
        burned_in_annotation="NO",
        patient_orientation=("L", "F"),
        laterality="U",
        anatomic_region="Chest",
        acquired_at="20260105120203.500000",
        descriptions=("CHEST PA",),
        ordered=("Thorax", "XR chest 2 views"),
    )


@pytest.mark.parametrize(
    ("sop_class_uid", "modality", "kept"),
    [(CR, "CR", True), (DX, "", True), ("1.2.3", "RG", True), ("1.2.840.10008.5.1.4.1.1.2", "CT", False)],
)
def test_only_projection_images_have_it(sop_class_uid: str, modality: str, kept: bool) -> None:
    header = header_of(made(SOPClassUID=sop_class_uid, Modality=modality, ViewPosition="PA"))
    assert (header.image.radiography is not None) == kept


def test_the_class_of_the_command_set_makes_a_radiograph_too() -> None:
    dataset = made(Modality="", ViewPosition="AP")
    del dataset.SOPClassUID
    kept = read_header(encoded(dataset), transfer_syntax_uid=EXPLICIT, sop_class_uid=CR).image.radiography
    assert kept == RadiographHeader(view_position="AP")


def test_all_that_is_said_of_standing_and_lying_is_joined() -> None:
    lying = item(
        CodeMeaning="recumbent", PatientOrientationModifierCodeSequence=item(CodeValue="F-10340", CodeMeaning="supine")
    )
    kept = radiography(PatientPosition="HFS", PatientOrientationCodeSequence=lying)
    assert kept.posture == "HFS recumbent supine"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"AcquisitionDateTime": "20260105093011.25+0100"}, "20260105093011.250000"),
        ({"AcquisitionDate": "20260105", "AcquisitionTime": "0930"}, "20260105093000.000000"),
        ({"AcquisitionDate": "20260105", "ContentDate": "20260105", "ContentTime": "093011"}, "20260105093011.000000"),
        ({"StudyDate": "20260105", "StudyTime": "093011"}, "20260105093011.000000"),
        ({"AcquisitionDate": "20260105"}, None),
        ({}, None),
    ],
)
def test_the_exposure_is_timed_by_the_attribute_that_is_nearest_to_it(
    attributes: dict[str, str], expected: str | None
) -> None:
    assert radiography(**attributes).acquired_at == expected


def test_a_description_is_kept_once_and_not_without_end() -> None:
    kept = radiography(ProtocolName="Chest", ImageComments="Chest", DerivationDescription="x" * 1000)
    assert kept.descriptions == ("Chest", "x" * 100)


def test_one_value_of_spacing_or_something_else_is_none() -> None:
    assert radiography(ImagerPixelSpacing=[0.1]).detector_spacing_mm is None


def test_what_is_kept_on_arrival_can_be_read_of_the_file_again(tmp_path: Path) -> None:
    dataset = made(SOPClassUID=DX, Modality="DX", ViewPosition="PA", Rows=512, PatientOrientation=["L", "F"])
    arrived = header_of(dataset).image
    del dataset.SOPClassUID
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = UID(DX), UID("1.2.3.4.5")
    for syntax in (EXPLICIT, IMPLICIT, DEFLATED):
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.save_as(tmp_path / "image.dcm", enforce_file_format=True, overwrite=True)
        assert read_image_header(tmp_path / "image.dcm") == arrived


def test_a_file_that_names_no_study_or_is_none_has_no_header(tmp_path: Path) -> None:
    dataset = made(Modality="DX")
    del dataset.StudyInstanceUID
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    dataset.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    (tmp_path / "none.dcm").write_bytes(b"no DICOM")
    for name in ("image.dcm", "none.dcm", "gone.dcm"):
        with pytest.raises(UnreadableStudy):
            read_image_header(tmp_path / name)
