"""Counts on blocks of voxels whose numbers can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.exams.pipelines.bodies import ADULT
from triaged.errors import UnreadableStudy
from triaged.exams.ct.finding import Acquisition, CtNumbers
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.measure import Lungs, Verdict, demand_lungs, measure
from triaged.exams.ct.pipelines.split import SplitMethod
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Mask, Volume
from triaged.study.concepts import COVID_19, DENSE_SHARE
from triaged.study.finding import Finding, Grade, QualityFlag, Suspicion

SHAPE = (10, 20, 20)
GRID = Geometry(np.diag([20.0, 20.0, 20.0, 1.0])[[2, 1, 0, 3]], SHAPE, "1.2")
VERDICT = Verdict("an engine 1.0", 0.91, 0.62)
RIGHT = (slice(2, 8), slice(5, 15), slice(2, 8))
LEFT = (slice(2, 8), slice(5, 15), slice(12, 18))


def mask(*blocks: tuple[slice, slice, slice]) -> Mask:
    voxels = np.zeros(SHAPE, dtype=np.bool_)
    for block in blocks:
        voxels[block] = True
    return Mask(voxels, GRID)


def part(lung: tuple[slice, slice, slice], rows: int) -> tuple[slice, slice, slice]:
    """Return the first `rows` tenths of a lung."""
    return lung[0], slice(5, 5 + rows), lung[2]


def volume_of(ml: float) -> Mask:
    """Return so much lung amid the chest."""
    voxels = np.zeros(SHAPE, dtype=np.bool_)
    voxels[4].flat[: round(ml / GRID.voxel_ml)] = True
    return Mask(voxels, GRID)


def measured(
    lesion: Mask,
    method: SplitMethod = SplitMethod.COMPONENTS,
    acquisition: Acquisition = ADULT,
    hu: int = -800,
    options: CtOptions | None = None,
) -> Finding:
    single = method is SplitMethod.SINGLE
    lungs = Lungs(mask(RIGHT, LEFT) if single else mask(RIGHT), mask() if single else mask(LEFT), method)
    volume = Volume(np.full(SHAPE, hu, dtype=np.int16), GRID)
    return measure(volume, lungs, lesion, VERDICT, acquisition, options or CtOptions()).finding


def test_severity_is_the_share_of_the_worse_lung() -> None:
    found = CtNumbers.of(measured(mask(part(RIGHT, 2), part(LEFT, 6))))
    assert (found.severity_right, found.severity_left) == pytest.approx((0.2, 0.6))
    assert found.severity == pytest.approx(0.6)
    assert found.severity_total == pytest.approx(0.4)


def test_volumes_are_millilitres() -> None:
    found = CtNumbers.of(measured(mask(part(RIGHT, 2), part(LEFT, 6))))
    assert (found.right_lung_ml, found.left_lung_ml) == pytest.approx((2880, 2880))  # 360 voxels of 8 mL
    assert found.lungs_ml == pytest.approx(5760)
    assert found.lesion_ml == pytest.approx((72 + 216) * 8)


def test_the_dense_share_is_that_of_the_lesion() -> None:
    lungs = Lungs(mask(RIGHT), mask(LEFT), SplitMethod.COMPONENTS)
    hu = np.full(SHAPE, -299, dtype=np.int16)
    hu[:5] = -300
    found = measure(Volume(hu, GRID), lungs, mask(part(LEFT, 3)), VERDICT, ADULT, CtOptions()).finding
    assert CtNumbers.of(found).dense_share == pytest.approx(0.5)
    assert measured(mask()).value(DENSE_SHARE) == 0


def test_in_single_lung_mode_the_share_is_that_of_all_lung() -> None:
    finding = measured(mask(part(LEFT, 6)), SplitMethod.SINGLE)
    found = CtNumbers.of(finding)
    assert finding.urgency == found.severity == pytest.approx(0.3)
    assert found.severity_total == found.severity
    assert (found.severity_right, found.severity_left, found.right_lung_ml, found.left_lung_ml) == (None,) * 4
    assert QualityFlag.SINGLE_LUNG in finding.quality


@pytest.mark.parametrize(("tenths", "grade"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (7, 3), (8, 4), (10, 4)])
def test_the_grade_follows_from_the_severity(tenths: int, grade: int) -> None:
    assert measured(mask(part(LEFT, tenths))).grade == Grade(grade, "CT")


def test_a_site_may_move_the_grades() -> None:
    panel = CtOptions(grade_cut_offs=(0.01, 0.06, 0.29, 0.83))
    assert measured(mask(part(LEFT, 3)), options=panel).grade == Grade(3, "CT")


@pytest.mark.parametrize("cut_offs", [(0.0, 0.25, 0.5, 0.75), (0.1, 0.5, 0.25, 0.75), (0.1, 0.2, 0.3, 1.5)])
def test_grades_that_do_not_rise_are_refused(cut_offs: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="rising shares"):
        CtOptions(grade_cut_offs=cut_offs)


def test_the_engine_and_its_probability_are_handed_on() -> None:
    found = measured(mask())
    assert (found.engine, found.suspicion) == ("an engine 1.0", Suspicion(COVID_19, 0.91, 0.62))


def test_nothing_is_flagged_in_an_ordinary_series() -> None:
    assert measured(mask(part(LEFT, 3))).quality == ()


@pytest.mark.parametrize(
    ("acquisition", "flag"),
    [
        (replace(ADULT, slice_thickness_mm=5.0), QualityFlag.THICK_SLICES),
        (replace(ADULT, slice_thickness_mm=None), QualityFlag.THICK_SLICES),  # the slices lie 20 mm apart
        (replace(ADULT, contrast=True), QualityFlag.CONTRAST),
        (replace(ADULT, age_years=17.9), QualityFlag.PAEDIATRIC),
    ],
)
def test_circumstances_of_the_acquisition_are_flagged(acquisition: Acquisition, flag: QualityFlag) -> None:
    assert measured(mask(), acquisition=acquisition).quality == (flag,)


def test_what_the_header_does_not_say_is_not_flagged() -> None:
    silent = Acquisition(slice_thickness_mm=1.0, convolution_kernel=None, contrast=None, age_years=None)
    assert measured(mask(), acquisition=silent).quality == ()


@pytest.mark.parametrize("method", [SplitMethod.CLUSTERING, SplitMethod.WATERSHED])
def test_a_split_that_was_not_plain_is_flagged(method: SplitMethod) -> None:
    assert measured(mask(), method).quality == (QualityFlag.ANISOTROPIC_SPLIT,)


def test_a_lung_volume_that_no_adult_has_is_flagged() -> None:
    volume = Volume(np.full(SHAPE, -800, dtype=np.int16), GRID)
    everything = (slice(1, 9), slice(1, 19), slice(1, 10))
    lungs = Lungs(mask(everything), mask(LEFT), SplitMethod.COMPONENTS)
    found = measure(volume, lungs, mask(), VERDICT, ADULT, CtOptions()).finding
    assert found.quality == (QualityFlag.LUNG_VOLUME,)


@pytest.mark.parametrize(("slices", "flagged"), [(1, False), (2, True)])
def test_a_lung_at_the_image_s_edge_is_flagged_from_a_fifth_of_the_slices_on(slices: int, flagged: bool) -> None:
    volume = Volume(np.full(SHAPE, -500, dtype=np.int16), GRID)
    at_edge = (slice(2, 2 + slices), slice(5, 15), slice(0, 3))
    lungs = Lungs(mask(RIGHT, at_edge), mask(LEFT), SplitMethod.COMPONENTS)
    found = measure(volume, lungs, mask(), VERDICT, ADULT, CtOptions()).finding
    assert (QualityFlag.LUNG_TOUCHES_EDGE in found.quality) is flagged


def test_without_lungs_there_is_no_score() -> None:
    with pytest.raises(UnreadableStudy) as refused:
        demand_lungs(volume_of(20), body_ml=9000, acquisition=ADULT)
    assert refused.value.code == "no-lungs"


@pytest.mark.parametrize("age_years", [61.0, None])
def test_too_little_lung_in_an_adult_body_is_a_failure_to_segment(age_years: float | None) -> None:
    with pytest.raises(UnreadableStudy) as refused:
        demand_lungs(volume_of(700), body_ml=9000, acquisition=replace(ADULT, age_years=age_years))
    assert refused.value.code == "lung-not-segmented"
    assert "704 mL" in refused.value.detail


def test_a_child_s_small_lungs_are_lungs() -> None:
    demand_lungs(volume_of(700), body_ml=9000, acquisition=replace(ADULT, age_years=4))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0, 0, False), (3, 0, False), (0, 3, False), (4, 0, True), (0, 4, True), (9, 9, True)],
)
def test_lungs_are_cut_off_where_the_scan_ends_on_much_of_their_largest_section(
    first: int, last: int, expected: bool
) -> None:
    lung = mask(RIGHT, LEFT).voxels.copy()
    lung[1], lung[8] = lung[5], lung[5]
    for end, tenths in ((0, first), (9, last)):
        lung[end, 5 : 5 + tenths] = lung[5, 5 : 5 + tenths]
    lungs = Lungs(Mask(lung, GRID), mask(), SplitMethod.SINGLE)
    volume = Volume(np.full(SHAPE, -500, dtype=np.int16), GRID)
    found = measure(volume, lungs, mask(), VERDICT, ADULT, CtOptions()).finding
    assert (QualityFlag.LUNGS_CUT_OFF in found.quality) is expected


def test_of_a_part_of_the_chest_as_much_lung_is_expected_as_it_is_long() -> None:
    short = Geometry(GRID.affine, (2, 20, 20), "1.2")
    voxels = np.zeros(short.shape, dtype=np.bool_)
    voxels[:, 0, :20] = True
    demand_lungs(Mask(voxels, short), body_ml=3000, acquisition=ADULT)  # 320 mL of 40 mm
    voxels = voxels.copy()
    voxels[:, 0, 5:] = False
    with pytest.raises(UnreadableStudy, match="expected at least 133 mL of lung in an adult, found 80 mL"):
        demand_lungs(Mask(voxels, short), body_ml=3000, acquisition=ADULT)


def test_lung_that_holds_little_air_is_flagged_and_its_severity_stays() -> None:
    found = measured(mask(part(LEFT, 3)), hu=-700)
    assert found.quality == (QualityFlag.SHALLOW_BREATH,)
    assert found.urgency == pytest.approx(0.3)


def test_what_was_mended_to_read_the_series_is_told() -> None:
    mended = replace(ADULT, repairs=(QualityFlag.FRAME_PER_SLICE, QualityFlag.IRREGULAR_SPACING))
    assert set(mended.repairs) <= set(measured(mask(), acquisition=mended).quality)
