"""Two stages behind a gate, with networks that answer what the test wants; every share by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.exams.xray.chest import Chest
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pipelines.two_stage import TwoStagePipeline
from triaged.inference.kinds.cxr_two_stage import LUNGS_SIDE, Disease, ExtentMap, TwoStageSettings
from triaged.inference.manifest import Manifest, NetworkFile
from triaged.study.concepts import (
    CONSOLIDATED_EXTENT,
    ESTIMATED_HIGH,
    ESTIMATED_LOW,
    EXTENT,
    LEFT_LUNG,
    REPEAT_SD,
    RIGHT_LUNG,
    UNGATED_EXTENT,
    ZONE_SCORE,
    ZONE_SHARE,
    ZONES,
)
from triaged.study.finding import QualityFlag

SIDE = LUNGS_SIDE
RIGHT = slice(100, 400), slice(60, 220)
LEFT = slice(100, 400), slice(292, 452)
GRAPHS: Mapping[str, NetworkFile] = MappingProxyType({name: NetworkFile(Path(name), "0" * 64, {}, {}) for name in "ab"})
SETTINGS = TwoStageSettings(
    lung=0.5,
    affected=0.5,
    gate=0.5,
    zone=0.3,
    repeat_sd=0.04,
    extent_map=ExtentMap((0.0, 0.5, 1.0), (0.0, 0.2, 0.8), (0.0, 0.1, 0.6), (0.05, 0.4, 1.0)),
)
MANIFEST = Manifest(
    "cxr-test", "1", "cxr-two-stage", "Two-stage", "", "", "", "2.25.1", {}, GRAPHS, MappingProxyType({}), SETTINGS
)


@dataclass
class Networks:
    """Answers lungs at `RIGHT` and `LEFT`, and lesion where `lesion` is, as (row, column) of the whole picture."""

    lesion: NDArray[np.bool_]
    presence: float = 0.9
    solid: NDArray[np.bool_] | None = None
    disease_side: int = 454  # the box of the lungs is 392 wide, and 8 % wider on either side
    manifest: Manifest[TwoStageSettings] = MANIFEST
    seen: list[NDArray[np.float32]] = field(default_factory=list)

    def lung_probability(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        probability = np.zeros((2, SIDE, SIDE), np.float32)
        probability[0][RIGHT], probability[1][LEFT] = 1, 1
        return probability

    def disease(self, picture: NDArray[np.float32], lungs: NDArray[np.float32]) -> Disease:
        self.seen.append(np.stack([picture, lungs]))
        top, left = 250 - self.disease_side // 2, 256 - self.disease_side // 2
        box = slice(top, top + self.disease_side), slice(left, left + self.disease_side)
        channels = [self.lesion] if self.solid is None else [self.lesion, self.solid]
        return Disease(np.stack([channel[box] for channel in channels]).astype(np.float32), self.presence)


def region(rows: slice, columns: slice) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask


def read(networks: Networks, **chest: object) -> XrayReading:
    grey = np.linspace(0.1, 0.9, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    whole = {"grey": grey, "field": np.ones((SIDE, SIDE), bool), "is_frontal": True, **chest}
    return TwoStagePipeline(networks).read(Chest(**whole))  # type: ignore[arg-type]


NOTHING = region(slice(0), slice(0))
LOWER_HALF_OF_RIGHT = region(slice(250, 400), slice(60, 220))


def test_shares_zones_and_score_are_those_of_the_areas() -> None:
    finding = read(Networks(LOWER_HALF_OF_RIGHT)).finding
    assert finding.value(EXTENT, RIGHT_LUNG) == pytest.approx(0.5, abs=0.005)
    assert finding.value(EXTENT, LEFT_LUNG) == 0.0
    zones = [finding.value(ZONE_SHARE, zone) for zone in ZONES]
    assert zones == pytest.approx([0, 0.5, 1, 0, 0, 0], abs=0.015)
    assert finding.value(ZONE_SCORE) == 2


def test_urgency_is_the_share_that_the_map_gives_for_the_worse_lung() -> None:
    finding = read(Networks(LOWER_HALF_OF_RIGHT)).finding
    assert finding.urgency == pytest.approx(0.2, abs=0.005)
    assert finding.value(ESTIMATED_LOW) == pytest.approx(0.1, abs=0.005)
    assert finding.value(ESTIMATED_HIGH) == pytest.approx(0.4, abs=0.01)
    assert finding.value(REPEAT_SD) == 0.04
    assert finding.engine == "cxr-test 1"


def test_a_closed_gate_takes_the_area_away_but_half_of_it_still_orders() -> None:
    reading = read(Networks(LOWER_HALF_OF_RIGHT, presence=0.4))
    finding = reading.finding
    assert (finding.value(EXTENT, RIGHT_LUNG), finding.value(ZONE_SCORE)) == (0.0, 0.0)
    assert finding.value(UNGATED_EXTENT, RIGHT_LUNG) == pytest.approx(0.5, abs=0.005)
    assert finding.urgency == pytest.approx(0.1, abs=0.005)  # extent .25, halfway to .5
    assert QualityFlag.GATE_REMOVED in finding.quality
    assert reading.ungated.any()
    assert not reading.affected.any()


def test_a_gate_that_takes_away_little_is_not_worth_a_word() -> None:
    little = region(slice(385, 400), slice(60, 220))  # a twentieth of the right lung
    assert QualityFlag.GATE_REMOVED not in read(Networks(little, presence=0.1)).finding.quality


def test_the_second_stage_sees_what_is_around_the_lungs_and_where_they_are() -> None:
    networks = Networks(NOTHING)
    read(networks)
    (seen,) = networks.seen
    assert seen.shape == (2, networks.disease_side, networks.disease_side)
    grey, lungs = seen
    middle = networks.disease_side // 2
    assert grey[:, middle - 20 : middle + 20].min() > 0
    assert not lungs[:, middle - 20 : middle + 20].any()
    assert lungs[middle, 100] == 1


def test_what_lies_outside_the_lungs_is_not_affected() -> None:
    reading = read(Networks(region(slice(100, 400), slice(220, 292))))
    assert reading.finding.value(EXTENT, RIGHT_LUNG) == pytest.approx(0, abs=0.01)
    assert not (reading.affected & ~(reading.right_lung | reading.left_lung)).any()


def test_consolidation_is_told_where_the_package_tells_it_and_only_within_the_affected() -> None:
    solid = region(slice(325, 400), slice(60, 452))
    told = read(Networks(LOWER_HALF_OF_RIGHT, solid=solid)).finding
    assert told.value(CONSOLIDATED_EXTENT, RIGHT_LUNG) == pytest.approx(0.25, abs=0.005)
    assert told.value(CONSOLIDATED_EXTENT, LEFT_LUNG) == 0.0
    assert read(Networks(LOWER_HALF_OF_RIGHT)).finding.value(CONSOLIDATED_EXTENT, RIGHT_LUNG) is None


def test_lungs_at_the_border_of_what_was_exposed_are_cut_off() -> None:
    exposed = region(slice(0, 380), slice(0, SIDE))
    assert QualityFlag.LUNGS_CUT_OFF not in read(Networks(NOTHING)).finding.quality
    exposed &= ~region(slice(0, SIDE), slice(0, 60))
    assert QualityFlag.LUNGS_CUT_OFF in read(Networks(NOTHING), field=exposed).finding.quality


def test_what_was_noted_at_decoding_stays() -> None:
    quality = read(Networks(NOTHING), notes=(QualityFlag.PAEDIATRIC,)).finding.quality
    assert quality == (QualityFlag.PAEDIATRIC,)
