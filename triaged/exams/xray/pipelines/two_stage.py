"""Reads a frontal chest X-ray in two stages: the lungs, then what of them is affected, behind a gate (Danilov et al.).

Must not know what runs the networks, nor files.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from triaged.exams.xray.chest import Chest
from triaged.exams.xray.finding import LungNumbers, XrayNumbers, XrayReading
from triaged.exams.xray.pipelines.beside import Beside
from triaged.exams.xray.pipelines.circumstances import circumstances
from triaged.exams.xray.pipelines.heart_side import is_mirrored
from triaged.exams.xray.pipelines.lungs import Lungs, lungs_of
from triaged.exams.xray.squares import Picture, Square, normalised
from triaged.exams.xray.zones import score, share, thirds
from triaged.inference.kinds.cxr_two_stage import LUNGS_SIDE, Disease, TwoStageSettings
from triaged.inference.manifest import Manifest
from triaged.study.finding import QualityFlag

Mask = NDArray[np.bool_]
MARGIN: Final = 0.08
"""By which the crop of the second stage is wider than the lungs, as a share of its side."""
GATE_SHARE: Final = 0.10
"""Of a lung; where the gate takes away more than that, the study says so."""


class TwoStageNetworks(Protocol):
    """What may be asked of the networks of one package; see `CxrTwoStage`."""

    @property
    def manifest(self) -> Manifest[TwoStageSettings]:
        """The package that the networks come from."""

    @property
    def disease_side(self) -> int:
        """Rows and columns of the picture that the second stage sees."""

    def lung_probability(self, picture: Picture) -> Picture:
        """Return the probability of right and left lung, (2, 512, 512)."""

    def disease(self, picture: Picture, lungs: Picture) -> Disease:
        """Return what is affected."""


class TwoStagePipeline:
    """Reads one X-ray with the networks of a package."""

    def __init__(self, networks: TwoStageNetworks) -> None:
        self._networks = networks
        self._settings = networks.manifest.settings

    def read(self, chest: Chest) -> XrayReading:
        """Return scores and masks on the picture's own grid; raise UnreadableStudy as `lungs_of`."""
        picture = normalised(chest.grey, chest.field)
        lungs = self._lungs(picture, chest)
        square = Square.around(lungs.box, MARGIN)
        within = lungs.right | lungs.left
        seen = (square.cut(each, self._networks.disease_side) for each in (picture, within.astype(np.float32)))
        answer = self._networks.disease(*seen)
        channels = [square.put(channel, picture.shape) for channel in answer.opacity]
        ungated = (channels[0] >= self._settings.affected) & within
        consolidation = (channels[1] >= 0.5) & ungated if len(channels) > 1 else None
        return self._measured(chest, picture, lungs, ungated, consolidation, answer.presence)

    def _lungs(self, picture: Picture, chest: Chest) -> Lungs:
        """Return both lungs on the grid of the picture."""
        whole = Square.of(picture.shape)
        seen, field = (whole.cut(each, LUNGS_SIDE) for each in (picture, chest.field.astype(np.float32)))
        probability, beside = self._networks.lung_probability(seen), Beside.of(seen, field >= 0.5)
        found = lungs_of(probability, self._settings.lung, is_frontal=chest.is_frontal, beside=beside)
        right, left = (whole.put(mask.astype(np.float32), picture.shape) >= 0.5 for mask in (found.right, found.left))
        mirrored = (QualityFlag.MIRRORED,) if is_mirrored(seen, found) else ()
        return Lungs(right, left & ~right, (*found.notes, *mirrored))

    def _measured(
        self, chest: Chest, picture: Picture, lungs: Lungs, ungated: Mask, consolidation: Mask | None, presence: float
    ) -> XrayReading:
        is_open = presence >= self._settings.gate
        affected = ungated if is_open else np.zeros_like(ungated)
        solid = consolidation if consolidation is None or is_open else np.zeros_like(consolidation)
        cuts = thirds(lungs.right), thirds(lungs.left)
        right, left = (
            LungNumbers(
                share(affected, lung),
                share(ungated, lung),
                cut.shares(lung, affected),
                None if solid is None else share(solid, lung),
            )
            for lung, cut in zip((lungs.right, lungs.left), cuts, strict=True)
        )
        finding = self._numbers(right, left, presence).finding(
            f"{self._networks.manifest.name} {self._networks.manifest.version}",
            _quality(chest, picture, lungs, right, left),
        )
        return XrayReading(finding, lungs.right, lungs.left, affected, ungated, solid, *cuts)

    def _numbers(self, right: LungNumbers, left: LungNumbers, presence: float) -> XrayNumbers:
        settings = self._settings
        estimate = settings.extent_map.estimate(max(right.ordering, left.ordering))
        return XrayNumbers(
            right=right,
            left=left,
            estimated=estimate.share,
            low=estimate.low,
            high=estimate.high,
            score=score((*right.zones, *left.zones), settings.zone),
            presence=presence,
            gate=settings.gate,
            repeat_sd=settings.repeat_sd,
        )


def _quality(
    chest: Chest, picture: Picture, lungs: Lungs, right: LungNumbers, left: LungNumbers
) -> tuple[QualityFlag, ...]:
    removed = max(lung.ungated - lung.extent for lung in (right, left)) > GATE_SHARE
    raised = {QualityFlag.GATE_REMOVED: removed, QualityFlag.LUNGS_CUT_OFF: _is_cut_off(chest.field, lungs)}
    noted = (*chest.notes, *lungs.notes, *circumstances(picture, lungs))
    return tuple(flag for flag in QualityFlag if raised.get(flag, False) or flag in noted)


def _is_cut_off(field: Mask, lungs: Lungs) -> bool:
    """Tell whether a lung runs into the border of what was exposed along more than a twentieth of its own outline."""
    border = np.pad(field, 1)
    inner = border[:-2, 1:-1] & border[2:, 1:-1] & border[1:-1, :-2] & border[1:-1, 2:]
    both = lungs.right | lungs.left
    edge = np.pad(both, 1)
    outline = both & ~(edge[:-2, 1:-1] & edge[2:, 1:-1] & edge[1:-1, :-2] & edge[1:-1, 2:])
    return bool(np.count_nonzero(outline & ~inner) > np.count_nonzero(outline) / 20)
