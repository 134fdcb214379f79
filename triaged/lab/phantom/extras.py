"""By-products of a CT study that a triage must not score: scout view, soft-kernel copy, dose report.

Must not know: how voxels are drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, XRayRadiationDoseSRStorage
from scipy import ndimage

from triaged.lab.phantom.dicom_modules import StudyHeader, add_frame_of_reference, new_object
from triaged.lab.phantom.options import Phantom


def localizer(phantom: Phantom, header: StudyHeader) -> Dataset:
    """Return the frontal scout view: the mean density along y, head at the top (series 1)."""
    ds = new_object(header, CTImageStorage, "localizer", "CT", (1, "Topogram"))
    add_frame_of_reference(ds, header)
    dz, _, dx = phantom.spacing_mm
    view = phantom.voxels_hu.astype(np.float32).mean(axis=1)[::-1]
    ds.InstanceNumber = 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    ds.BodyPartExamined = "CHEST"
    ds.PatientPosition = header.position
    ds.AcquisitionNumber = 1
    ds.KVP = 120
    ds.PixelSpacing = [dz, dx]
    ds.SliceThickness = 1
    ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    left = -(view.shape[1] - 1) / 2 * dx
    ds.ImagePositionPatient = [round(left, 4), 0, round((view.shape[0] - 1) * dz - 350, 4)]
    add_picture(ds, view)
    return ds


def thick_soft_kernel(
    voxels_hu: NDArray[np.int16], positions_mm: NDArray[np.float64], phantom: Phantom
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return voxels and positions of a soft reconstruction three slices thick, at the middle slices' positions."""
    n = len(voxels_hu) // 3
    groups = voxels_hu[: 3 * n].reshape(n, 3, *voxels_hu.shape[1:]).astype(np.float32).mean(axis=1)
    sigma = 1.0 / phantom.spacing_mm[1]
    soft = ndimage.gaussian_filter(groups, (0, sigma, sigma))
    return np.rint(soft).astype(np.int16), positions_mm[1 : 3 * n : 3]


def soft_kernel(voxels_hu: NDArray[np.int16], phantom: Phantom) -> NDArray[np.int16]:
    """Return the same slices as another reconstruction of the same scan shows them: softer, with less noise."""
    sigma = 0.9 / phantom.spacing_mm[1]
    soft = ndimage.gaussian_filter(voxels_hu.astype(np.float32), (0, sigma, sigma))
    result: NDArray[np.int16] = np.rint(soft).astype(np.int16)
    return result


def coronal(phantom: Phantom, header: StudyHeader) -> list[Dataset]:
    """Return coronal reformations every 10 mm (series 5), head at the top, from front to back."""
    dz, dy, dx = phantom.spacing_mm
    rows, columns = phantom.voxels_hu.shape[1:]
    images = []
    for i, row in enumerate(range(0, rows, max(1, round(10 / dy))), start=1):
        ds = new_object(header, CTImageStorage, f"coronal {i}", "CT", (5, "Coronal MPR"))
        add_frame_of_reference(ds, header)
        ds.InstanceNumber = i
        ds.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"]
        ds.BodyPartExamined = "CHEST"
        ds.PatientPosition = header.position
        ds.AcquisitionNumber = 1
        ds.KVP = 120
        ds.PixelSpacing = [dz, dx]
        ds.SliceThickness = dy
        ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        top = phantom.heights_mm[-1] - 350
        at = [-(columns - 1) / 2 * dx, (row - (rows - 1) / 2) * dy, top]
        ds.ImagePositionPatient = [round(float(v), 4) for v in at]
        add_picture(ds, phantom.voxels_hu[::-1, row])
        images.append(ds)
    return images


def add_picture(ds: Dataset, hu: NDArray[np.int16] | NDArray[np.float32]) -> None:
    """Add the pixels of one image (row, column) as unsigned 12 bits."""
    stored = np.clip(np.rint(hu) + 1024, 0, 4095).astype("<u2")
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.WindowCenter, ds.WindowWidth = -200, 1200
    ds.PixelData = stored.tobytes()


def dose_report(header: StudyHeader) -> Dataset:
    """Return a short X-Ray Radiation Dose SR (series 99): the total dose length product, and no more."""
    ds = new_object(header, XRayRadiationDoseSRStorage, "dose", "SR", (99, "Dose report"))
    ds.InstanceNumber = 1
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    ds.CompletionFlag = "COMPLETE"
    ds.VerificationFlag = "UNVERIFIED"
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = code("113701", "DCM", "X-Ray Radiation Dose Report")
    ds.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "10011"
    ds.ContentTemplateSequence = Sequence([template])
    total = Dataset()
    total.RelationshipType, total.ValueType = "CONTAINS", "NUM"
    total.ConceptNameCodeSequence = code("113813", "DCM", "CT Dose Length Product Total")
    value = Dataset()
    value.NumericValue = "180.5"
    value.MeasurementUnitsCodeSequence = code("mGy.cm", "UCUM", "mGy.cm")
    total.MeasuredValueSequence = Sequence([value])
    dose = Dataset()
    dose.RelationshipType, dose.ValueType, dose.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    dose.ConceptNameCodeSequence = code("113811", "DCM", "CT Accumulated Dose Data")
    dose.ContentSequence = Sequence([total])
    ds.ContentSequence = Sequence([dose])
    return ds


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """Return a code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])
