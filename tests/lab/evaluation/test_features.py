"""The features of each case of a list become a line of a CSV, and a run that was interrupted goes on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.exams.pipelines.networks import AnswersAtOnce
from tests.lab.evaluation.scans import as_nifti, nibabel, scan
from triaged.errors import ConfigError
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.radiomics.features import NAMES, NoFeatures, features_of_lungs
from triaged.imaging.volume import Mask, Volume
from triaged.lab.evaluation.cases import BadCase, Case
from triaged.lab.evaluation.families import Family
from triaged.lab.evaluation.features import ABOUT, Listed, write_features
from triaged.lab.evaluation.series import series_cases

pytestmark = pytest.mark.slow
CONSOLE = Console(quiet=True)
BAD = BadCase("b", "q", "other", "line 3, images: found nothing")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Case:
    chest = scan()
    path = tmp_path_factory.mktemp("ct") / "ct.nii.gz"
    nibabel.save(as_nifti(chest.volume.voxels, chest.geometry), path)
    return Case("g", "p", "covid", path, None, None, None)


def written(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(cases: list[Listed], out: Path) -> int:
    return write_features(cases, CtPipeline(AnswersAtOnce(), CtOptions()), out, CONSOLE)


def test_each_case_is_a_line_with_its_features_or_its_reason(good: Case, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    assert run([good, BAD], out) == 1
    first, second = written(out)
    assert (first["case"], first["patient"], first["group"], first["reason"]) == ("g", "p", "covid", "")
    assert np.isfinite([float(first[name]) for name in NAMES]).all()
    assert second["reason"] == BAD.reason
    assert not any(second[name] for name in NAMES)


@pytest.mark.parametrize("family", Family)
def test_a_file_has_the_columns_of_its_family_and_no_other_is_appended(
    good: Case, tmp_path: Path, family: Family
) -> None:
    out = tmp_path / "features.csv"
    pipeline = CtPipeline(AnswersAtOnce(), CtOptions())
    assert write_features([good], pipeline, out, CONSOLE, family) == 0
    (line,) = written(out)
    assert tuple(line)[len(ABOUT) :] == family.names
    assert (line.get("firstorder_mean", "") == "") == (family is Family.LESIONS)
    assert (line.get("lesions_share_of_worse_lung", "") == "") == (family is Family.LUNGS)
    other = Family.LUNGS if family is not Family.LUNGS else Family.LESIONS
    with pytest.raises(ConfigError, match="found other columns"):
        write_features([good], pipeline, out, CONSOLE, other)


def saved(folder: Path, name: str, disease: str, *, lesion: bool) -> None:
    """Write a chest as a training series."""
    chest = scan()
    marked = np.zeros_like(chest.lung)
    marked[10, 10, 10] = lesion
    np.savez(
        folder / f"{name}.npz",
        voxels=chest.volume.voxels,
        lesion=marked,
        spacing=np.array(chest.geometry.spacing_mm),
        disease=np.array(disease),
    )


@pytest.mark.parametrize(
    ("disease", "lesion", "group"),
    [
        ("viral", True, "covid"),
        ("viral", False, "healthy"),
        ("none", False, "healthy"),
        ("mass", False, "mass"),
    ],
)
def test_a_training_series_is_a_case_of_the_group_of_its_disease(
    tmp_path: Path, disease: str, lesion: bool, group: str
) -> None:
    saved(tmp_path, "s", disease, lesion=lesion)
    (case,) = series_cases(tmp_path)
    assert (case.case, case.patient, case.group) == ("s", "s", group)


def test_a_training_series_has_the_features_of_the_same_images_in_a_file_and_the_engines_probability(
    good: Case, tmp_path: Path
) -> None:
    saved(tmp_path, "s", "viral", lesion=True)
    out = tmp_path / "features.csv"
    assert run([good, *series_cases(tmp_path), BAD], out) == 1
    first, second, third = written(out)
    assert {name: first[name] for name in NAMES} == {name: second[name] for name in NAMES}
    assert first["probability"] == second["probability"] == "0.91"
    assert third["probability"] == ""


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nothing"])
def test_what_is_no_training_series_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"odd\.npz: expected a training series, found no archive"):
        series_cases(tmp_path)


def test_a_folder_without_training_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected training series \(\*\.npz\), found none"):
        series_cases(tmp_path)
    with pytest.raises(ConfigError, match="found no folder"):
        series_cases(tmp_path / "nowhere")


def test_the_same_command_goes_on_after_the_last_whole_line(good: Case, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    run([BAD, good], out)
    whole = out.read_text(encoding="utf-8")
    out.write_text(whole[:-100], encoding="utf-8")
    run([BAD, good], out)
    assert out.read_text(encoding="utf-8") == whole
    assert run([BAD, good], out) == 0


def test_a_file_of_something_else_is_left_alone(good: Case, tmp_path: Path) -> None:
    out = tmp_path / "mine.csv"
    out.write_text("case,value\n1,2", encoding="utf-8")
    with pytest.raises(ConfigError, match="other columns"):
        run([good], out)
    assert out.read_text(encoding="utf-8") == "case,value\n1,2"


def test_features_hardly_depend_on_how_finely_the_same_chest_was_sampled() -> None:
    coarse, fine = (scan(spacing_mm=spacing) for spacing in ((4.0, 2.0, 2.0), (2.0, 1.0, 1.0)))
    found = [features_of_lungs(each.volume, Mask(each.lung, each.geometry)) for each in (coarse, fine)]
    values = [each["firstorder_mean"] for each in found if not isinstance(each, NoFeatures)]
    assert values[0] == pytest.approx(values[1], rel=0.02)


@pytest.mark.parametrize("inside", ["nothing", "a speck"])
def test_lungs_that_are_too_small_have_no_features(inside: str) -> None:
    chest = scan()
    lung = np.zeros_like(chest.lung)
    if inside == "a speck":
        lung[10, 10:12, 10:12] = True
    found = features_of_lungs(chest.volume, Mask(lung, chest.geometry))
    assert isinstance(found, NoFeatures)
    assert "expected lungs of at least 1000 voxels" in found.reason


def test_lungs_of_one_grey_have_no_features() -> None:
    chest = scan()
    flat = Volume(np.full(chest.geometry.shape, -800, dtype=np.int16), chest.geometry)
    found = features_of_lungs(flat, Mask(chest.lung, chest.geometry))
    assert found == NoFeatures("expected greys that differ, found -800 alone")
