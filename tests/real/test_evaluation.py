"""A real CT with lung labels gives the same figures as DICOM and as NIfTI that another program wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK

from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.lab.evaluation.cases import Case
from triaged.lab.evaluation.run import rows

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "interop" / "cip_copdgene"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="real images are not here: ../shared/data")


def test_dicom_and_nifti_of_one_ct_agree_with_its_labels(tmp_path: Path) -> None:
    for name in ("ct-64", "wholeLung-64"):
        image = SimpleITK.ReadImage(str(FOLDER / f"{name}.nrrd"))
        SimpleITK.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    sources = FOLDER / "ct-64Dicom", tmp_path / "ct-64.nii.gz"
    cases = [Case(path.name, "p", "copd", path, tmp_path / "wholeLung-64.nii.gz", None, None) for path in sources]
    dicom, nifti = rows(cases, ThresholdPipeline(CtOptions()), (0.01, 0.25, 0.5, 0.75))
    assert dicom.notes == nifti.notes == ()
    assert dicom.lung_dice == pytest.approx(nifti.lung_dice, abs=1e-3)
    assert (dicom.lung_dice or 0) > 0.9
