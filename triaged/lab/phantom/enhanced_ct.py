"""The phantom as one multi-frame Enhanced CT image (PS3.3 A.38.1, C.8.15).

Must not know: how voxels are drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage

from triaged.lab.phantom.dicom_modules import StudyHeader, add_frame_of_reference, new_object, orientation
from triaged.lab.phantom.extras import code
from triaged.lab.phantom.options import Phantom

FRAME_TYPE = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]


def enhanced_ct(
    voxels_hu: NDArray[np.int16],
    positions_mm: NDArray[np.float64],
    phantom: Phantom,
    header: StudyHeader,
    kernel: str,
) -> Dataset:
    """Return the multi-frame image of all slices in acquisition order (series 2)."""
    ds = new_object(header, EnhancedCTImageStorage, "enhanced", "CT", (2, f"Chest {kernel}"))
    add_frame_of_reference(ds, header)
    ds.InstanceNumber = 1
    ds.PatientPosition = header.position
    ds.BodyPartExamined = "CHEST"
    ds.ImageType = FRAME_TYPE
    ds.PixelPresentation = "MONOCHROME"
    ds.VolumetricProperties = "VOLUME"
    ds.VolumeBasedCalculationTechnique = "NONE"
    ds.ContentQualification = "RESEARCH"
    ds.AcquisitionDateTime = header.study_date + header.study_time
    ds.AcquisitionDuration = 10.0
    ds.AcquisitionNumber = 1
    ds.AcquisitionContextSequence = Sequence()
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.PresentationLUTShape = "IDENTITY"
    add_dimensions(ds, header)
    ds.SharedFunctionalGroupsSequence = Sequence([shared_groups(phantom, header, kernel)])
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [frame_groups(i, origin, header) for i, origin in enumerate(positions_mm, start=1)]
    )
    is_signed = int(voxels_hu.min()) < -1024
    stored = (voxels_hu.astype(np.int32) + 1024).astype("<i2" if is_signed else "<u2")
    ds.NumberOfFrames, ds.Rows, ds.Columns = stored.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.PixelRepresentation = 16, int(is_signed)
    ds.BitsStored = 16 if is_signed else 12
    ds.HighBit = ds.BitsStored - 1
    ds.PixelData = stored.tobytes()
    return ds


def add_dimensions(ds: Dataset, header: StudyHeader) -> None:
    """Add the one dimension along which frames are ordered: their position in the stack."""
    organization = Dataset()
    organization.DimensionOrganizationUID = header.uid("dimension")
    ds.DimensionOrganizationSequence = Sequence([organization])
    index = Dataset()
    index.DimensionOrganizationUID = header.uid("dimension")
    index.DimensionIndexPointer = 0x00209057
    index.FunctionalGroupPointer = 0x00209111
    index.DimensionDescriptionLabel = "In-stack position"
    ds.DimensionIndexSequence = Sequence([index])


def shared_groups(phantom: Phantom, header: StudyHeader, kernel: str) -> Dataset:
    """Return the functional groups that hold for every frame."""
    _, dy, dx = phantom.spacing_mm
    groups = {
        "PixelMeasuresSequence": item(PixelSpacing=[dy, dx], SliceThickness=round(phantom.options.slice_mm, 3)),
        "PlaneOrientationSequence": item(ImageOrientationPatient=list(orientation(header.position, header.tilt_deg))),
        "FrameAnatomySequence": item(
            AnatomicRegionSequence=code("816094009", "SCT", "Chest"),
            FrameLaterality="U",
        ),
        "PixelValueTransformationSequence": item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU"),
        "FrameVOILUTSequence": item(WindowCenter=-600, WindowWidth=1500),
        "CTImageFrameTypeSequence": item(
            FrameType=FRAME_TYPE,
            PixelPresentation="MONOCHROME",
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
        ),
        "CTReconstructionSequence": item(
            ReconstructionAlgorithm="FILTER_BACK_PROJ",
            ConvolutionKernel=kernel,
            ConvolutionKernelGroup="LUNG",
            ImageFilter="NONE",
            ReconstructionDiameter=float(phantom.voxels_hu.shape[2] * dx),
            ReconstructionPixelSpacing=[dy, dx],
            ReconstructionAngle=360.0,
        ),
        **acquisition_groups(),
    }
    shared = Dataset()
    for keyword, group in groups.items():
        setattr(shared, keyword, Sequence([group]))
    return shared


def acquisition_groups() -> dict[str, Dataset]:
    """Return the groups that describe a plausible spiral acquisition; original frames must carry all of them."""
    return {
        "CTAcquisitionTypeSequence": item(AcquisitionType="SPIRAL", ConstantVolumeFlag="NO", FluoroscopyFlag="NO"),
        "CTAcquisitionDetailsSequence": item(
            RotationDirection="CW",
            RevolutionTime=0.5,
            SingleCollimationWidth=0.6,
            TotalCollimationWidth=38.4,
            TableHeight=150.0,
            GantryDetectorTilt=0.0,
            DataCollectionDiameter=500.0,
        ),
        "CTTableDynamicsSequence": item(TableSpeed=46.0, TableFeedPerRotation=23.0, SpiralPitchFactor=0.6),
        "CTGeometrySequence": item(DistanceSourceToDetector=1085.6, DistanceSourceToDataCollectionCenter=595.0),
        "CTExposureSequence": item(
            ExposureTimeInms=500.0,
            XRayTubeCurrentInmA=120.0,
            ExposureInmAs=60.0,
            ExposureModulationType="NONE",
            CTDIvol=5.0,
            CTDIPhantomTypeCodeSequence=code("113691", "DCM", "IEC Body Dosimetry Phantom"),
        ),
        "CTXRayDetailsSequence": item(KVP=120.0, FocalSpots=[1.2], FilterType="FLAT", FilterMaterial=["ALUMINUM"]),
    }


def frame_groups(index: int, origin_mm: NDArray[np.float64], header: StudyHeader) -> Dataset:
    """Return the functional groups of one frame: its place in the stack and in the patient."""
    when = header.study_date + header.study_time
    frame = Dataset()
    frame.FrameContentSequence = Sequence(
        [
            item(
                FrameAcquisitionNumber=1,
                FrameReferenceDateTime=when,
                FrameAcquisitionDateTime=when,
                FrameAcquisitionDuration=500.0,
                DimensionIndexValues=[index],
                StackID="1",
                InStackPositionNumber=index,
            )
        ]
    )
    centre = [0.0, 0.0, round(float(origin_mm[2]), 4)]
    frame.CTPositionSequence = Sequence(
        [
            item(
                TablePosition=centre[2],
                DataCollectionCenterPatient=centre,
                ReconstructionTargetCenterPatient=centre,
            )
        ]
    )
    frame.IrradiationEventIdentificationSequence = Sequence([item(IrradiationEventUID=header.uid("exposure"))])
    frame.PlanePositionSequence = Sequence([item(ImagePositionPatient=[round(float(v), 4) for v in origin_mm])])
    return frame


def item(**attributes: object) -> Dataset:
    """Return a dataset of the given keywords and values."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds
