"""Says what the two networks for chest X-rays learn: both lungs; then the affected area and whether there is any.

Must not know optimisers, checkpoints or where films come from. Each task's loss of the second stage is weighted by
(its loss on this batch / on the first batch) ** `ALPHA`, as Danilov et al. do: what has not fallen yet counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, Film
from triaged.lab.films.variation import shown
from triaged.lab.networks.two_stage import DiseaseNetwork
from triaged.lab.training.film_batches import (
    BOTH,
    DISEASE_SIDE,
    LUNG_SIDE,
    STILL,
    WHOLE,
    Drawn,
    FilmSource,
    drawn_disease,
    drawn_lungs,
    greys_and_lungs,
    has_both_lungs,
    joined,
    lung_square,
    pick_film,
    usable,
)
from triaged.lab.training.film_zones import zone_loss
from triaged.lab.training.losses import dice_coefficient, ranking_area, segmentation_loss
from triaged.lab.training.place import CPU, Place

ALPHA: Final = 0.5
PEAK: Final = 0.013
"""Share of the square's pixels, the most suspicious ones of lung, that must look affected on a film with opacity."""
PEAK_WEIGHT: Final = 0.5


class LungFilmTask:
    """Learns right and left lung on whole films."""

    def __init__(
        self, network: nn.Module, sources: Sequence[FilmSource], held_out: Sequence[Film], place: Place = CPU
    ) -> None:
        self.network: nn.Module = network
        self._sources = usable(sources, lambda film: film.lungs != "none")
        self._held_out = [film for film in held_out if film.lungs in ("drawn", "exact")]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the segmentation loss of both lungs on `batch` films."""
        pairs = [drawn_lungs(pick_film(self._sources, rng), rng) for _ in range(batch)]
        pictures, sides = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        with self._place.autocast():
            logits = self.network(pictures.to(self._place.device).contiguous(memory_format=torch.channels_last))
        truth = sides.to(logits.device)
        return segmentation_loss(logits.float(), truth, torch.ones_like(truth))

    def measure(self) -> dict[str, float]:
        """Return Dice of both lungs, the least of it, and the share of lung that is given to the wrong side."""
        scores, wrong = [], []
        for film in self._held_out:
            grey, labels = shown(film.grey, film.labels, WHOLE, LUNG_SIDE, STILL)
            found = self.network(torch.from_numpy(grey)[None, None].to(self._place.device))[0].float().cpu() > 0
            truth = torch.from_numpy(np.stack([labels & RIGHT > 0, labels & LEFT > 0]))
            scores.append(dice_coefficient(found.any(dim=0), truth.any(dim=0)))
            swapped = (found & truth.flip(0)).any(dim=0).sum()
            wrong.append(float(swapped) / max(1.0, float(truth.any(dim=0).sum())))
        return {"lung_dice": _mean(scores), "lung_dice_least": min(scores, default=0), "wrong_side": _mean(wrong)}


class DiseaseTask:
    """Learns the affected area and presence on the square around the lungs."""

    def __init__(
        self, network: DiseaseNetwork, sources: Sequence[FilmSource], held_out: Sequence[Film], place: Place = CPU
    ) -> None:
        self.network: nn.Module = network
        self._first = network.first_losses
        self._sources = usable(sources, has_both_lungs)
        self._donors = [film for source in self._sources for film in source.films if film.added_mm.any()]
        self._held_out = [film for film in held_out if has_both_lungs(film)]
        self._place = place

    def loss(self, _progress: float, batch: int, rng: Generator) -> Tensor:
        """Return the weighted losses of area and presence on `batch` films."""
        films = [pick_film(self._sources, rng) for _ in range(batch)]
        drawn = joined([drawn_disease(film, self._donors, rng) for film in films])
        with self._place.autocast():
            pictures = drawn.pictures.to(self._place.device).contiguous(memory_format=torch.channels_last)
            logits, presence = self.network(pictures)
        area = segmentation_loss(logits.float(), drawn.affected, drawn.weight)
        area = area + PEAK_WEIGHT * peak_loss(logits.float(), drawn)
        area = area + zone_loss(logits[:, 0].float(), drawn.zone_numbers, drawn.zones, drawn.score)
        entropy = functional.binary_cross_entropy_with_logits(
            presence.float()[:, 0], drawn.presence, drawn.presence_weight, reduction="sum"
        )
        return weighted(torch.stack([area, entropy / drawn.presence_weight.sum().clamp_min(1)]), self._first)

    def measure(self) -> dict[str, float]:
        """Return Dice of the affected area, ranking by presence, and mean share found on clear films."""
        scores, clear, sick, healthy = [], [], [], []
        for film in self._held_out:
            grey, labels = shown(film.grey, film.labels, lung_square(film.labels), DISEASE_SIDE, STILL)
            inside = labels & BOTH > 0
            logits, presence = self.network(
                torch.from_numpy(greys_and_lungs(grey, inside))[None].to(self._place.device)
            )
            found = (logits[0, 0].float().cpu() > 0) & torch.from_numpy(inside)
            truth = torch.from_numpy(labels & AFFECTED > 0)
            if film.affected_known and truth.any():
                scores.append(dice_coefficient(found, truth))
            if film.presence == 0:
                healthy.append(presence.item())
                clear.append(float(found.sum()) / max(1, int((labels & BOTH > 0).sum())))
            elif film.presence == 1:
                sick.append(presence.item())
        return {
            "affected_dice": _mean(scores),
            "presence_auc": ranking_area(sick, healthy),
            "clear_share": _mean(clear),
        }


def peak_loss(logits: Tensor, drawn: Drawn) -> Tensor:
    """Return how wrong the most suspicious pixels of lung are on films of which only presence is known.

    Real lesions that nobody outlined teach so what the area looks like.
    """
    is_told = (drawn.presence_weight > 0) & (drawn.weight.amax(dim=(1, 2, 3)) == 0)
    lungs = drawn.pictures[:, 1] > 0.5
    count = max(1, round(PEAK * lungs[0].numel()))
    suspicious = logits[:, 0].masked_fill(~lungs, -20).flatten(1).topk(count, dim=1).values.mean(dim=1)
    entropy = functional.binary_cross_entropy_with_logits(suspicious, drawn.presence, reduction="none")
    return (entropy * is_told).sum() / len(entropy)


def weighted(losses: Tensor, first: Tensor) -> Tensor:
    """Return the sum of the tasks' losses, each times (loss / first loss) ** `ALPHA`; fills `first` where it is NaN."""
    now = losses.detach()
    first.copy_(torch.where(first.isnan() & (now > 0), now, first))
    ratio = torch.where(first > 0, now / first, torch.ones_like(now))
    return (ratio.clamp_max(4) ** ALPHA * losses).sum()


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
