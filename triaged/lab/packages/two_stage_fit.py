"""Fits what a package for chest X-rays holds beside its networks, on films kept for tuning, and writes it down.

The threshold of the affected area to outlines; the gate to films with and without opacity; the share from which a zone
counts to readers' scores, where there are some; the map of extents, and by how much one chest scatters, to radiographs
made from CT. Films are read through the daemon's own pipeline. Must not know how a network learns.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from triaged.errors import UnreadableStudy
from triaged.exams.xray.chest import Chest
from triaged.exams.xray.pipelines.two_stage import MARGIN, TwoStageNetworks, TwoStagePipeline
from triaged.exams.xray.squares import Picture, Square
from triaged.exams.xray.zones import score, share, thirds
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE, Disease, TwoStageSettings
from triaged.inference.manifest import MANIFEST_NAME, Manifest
from triaged.inference.package import load_of_kind
from triaged.lab.films.film import AFFECTED, Film, films_in
from triaged.lab.films.paste import with_lesion
from triaged.lab.packages.extent_map import fit_map, mean_error

Mask = NDArray[np.bool_]

AREA_THRESHOLDS: Final = tuple(round(0.05 + 0.05 * step, 2) for step in range(18))
AS_GOOD: Final = 0.01
"""Of mean Dice; differences below it are chance on so few films."""
ZONE_THRESHOLDS: Final = tuple(round(0.02 * step, 2) for step in range(1, 36))
PAPER_ZONE: Final = 0.3
"""Where no scores are there to fit: 77 / 255, the paper's for its U-Net."""
SMALLEST_GATE, LARGEST_GATE = 0.1, 0.9
PASTED_SEED: Final = 1300


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the networks said of a film: the affected area's probability, 0 outside the lungs, and presence."""

    film: Film
    probability: Picture
    presence: float
    right: Mask
    left: Mask

    def affected(self, threshold: float) -> Mask:
        """Return the area before the gate."""
        return (self.probability >= threshold) & (self.right | self.left)

    def extent(self, threshold: float, gate: float) -> float:
        """Return what the order rests on: the worse lung's share, half of it where the gate is shut."""
        area = self.affected(threshold)
        worse = max(share(area, self.right), share(area, self.left))
        return worse if self.presence >= gate else worse / 2

    def zone_shares(self, threshold: float) -> tuple[float, ...]:
        """Return the shares of the six zones before the gate, the right lung's first."""
        area = self.affected(threshold)
        both = (self.right, self.left)
        return tuple(each for lung in both for each in thirds(lung).shares(lung, area))


class _Recorder:
    """Networks that keep their last answer of the second stage."""

    def __init__(self, networks: TwoStageNetworks) -> None:
        self._networks = networks
        self.answer: Disease | None = None

    @property
    def manifest(self) -> Manifest[TwoStageSettings]:
        return self._networks.manifest

    @property
    def disease_side(self) -> int:
        return self._networks.disease_side

    def lung_probability(self, picture: Picture) -> Picture:
        return self._networks.lung_probability(picture)

    def disease(self, picture: Picture, lungs: Picture) -> Disease:
        self.answer = self._networks.disease(picture, lungs)
        return self.answer


def look(networks: TwoStageNetworks, films: Iterable[Film]) -> tuple[list[Seen], list[Film]]:
    """Return what the daemon's pipeline sees of films, and those on which it finds no two lungs."""
    recorder = _Recorder(networks)
    pipeline = TwoStagePipeline(recorder)
    seen, lost = [], []
    for film in films:
        grey = film.grey.astype(np.float32) / np.float32(255)
        try:
            reading = pipeline.read(Chest(grey, np.ones(grey.shape, np.bool_), is_frontal=True))
        except UnreadableStudy:
            lost.append(film)
            continue
        if recorder.answer is None:
            raise RuntimeError("expected the pipeline to ask the second stage")
        both = reading.right_lung | reading.left_lung
        rows, columns = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
        box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        probability = Square.around(box, MARGIN).put(recorder.answer.opacity[0], grey.shape) * both
        seen.append(Seen(film, probability, recorder.answer.presence, reading.right_lung, reading.left_lung))
    return seen, lost


def pasted(films: Iterable[Film]) -> list[Film]:
    """Return films of clear lungs with a drawn lesion each, whose outline is known; always the same ones."""
    made = []
    for number, film in enumerate(films):
        rng = np.random.default_rng([PASTED_SEED, number])
        grey, affected = with_lesion(film.grey.astype(np.float32) / np.float32(255), film.labels, (), rng)
        labels = film.labels | (AFFECTED * affected).astype(np.uint8)
        shown = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
        presence = float("nan") if affected.mean() < 0.003 else 1.0
        made.append(replace(film, grey=shown, labels=labels, presence=presence, affected_known=True, source="pasted"))
    return made


def fit_two_stage(
    package: Path, tune: Sequence[Path], scores: Path | None, threads: int, report: Callable[[str], None]
) -> None:
    """Fit a package to the films of the folders `tune`, and write what was fitted into its manifest.

    Raises:
        ConfigError: a folder has no film.
        ValueError: there are too few radiographs made from CT for the map of extents.
    """
    films = [film for folder in tune for film in films_in(folder)]
    clear = [film for film in films if film.presence == 0 and film.lungs == "found"]
    networks = load_of_kind(CXR_TWO_STAGE, package, "cpu", threads)
    seen, lost = look(networks, [*films, *pasted(clear)])
    report(f"{len(seen)} films read, {len(lost)} without two lungs")
    area = best_area(seen, report)
    gate = best_gate(seen, report)
    zone = best_zone(seen, area, gate, _read_scores(scores), report)
    made = [one for one in seen if not np.isnan(one.film.share)]
    extents = np.array([one.extent(area, gate) for one in made])
    shares = np.array([one.film.share for one in made])
    found = fit_map(extents, shares)
    error, inside = mean_error(found, extents, shares)
    report(f"extent to share of volume: mean error {error:.3f}, {inside:.2f} in the interval (n = {len(made)}, fitted)")
    repeat = repeat_sd([one.film.patient for one in made], extents)
    report(f"extent of one chest on several films: standard deviation {repeat:.3f}")
    settings = {
        "thresholds": {"lung": 0.5, "affected": area, "gate": gate, "zone": zone},
        "repeat_sd": round(repeat, 4),
        "extent_map": {name: list(line) for name, line in asdict(found).items()},
    }
    write_settings(package, settings)
    load_of_kind(CXR_TWO_STAGE, package, "cpu", threads)


def best_area(seen: Sequence[Seen], report: Callable[[str], None]) -> float:
    """Return the threshold with the best mean Dice over sources with outlines, less the share found on clear films.

    Each source counts the same. Where readers outlined some, theirs alone count: what is seen of a drawn lesion is not
    known as well. Of thresholds that reach the best within `AS_GOOD` the least is taken: people's lesions are fainter
    than drawn ones, and the gate, which is not asked here, keeps clear films clear.
    """
    known = [one for one in seen if one.film.affected_known and (one.film.labels & AFFECTED > 0).any()]
    outlined = [one for one in known if one.film.lungs == "drawn"] or known
    clear = [one for one in seen if one.film.presence == 0]
    sources = sorted({one.film.source for one in outlined})

    def reached(threshold: float) -> list[float]:
        parts: dict[str, list[float]] = {source: [] for source in sources}
        for one in outlined:
            parts[one.film.source].append(_dice(one.affected(threshold), one.film.labels & AFFECTED > 0))
        return [float(np.mean(parts[source])) for source in sources]

    def found_on_clear(threshold: float) -> float:
        return float(np.mean([share(one.affected(threshold), one.right | one.left) for one in clear] or [0.0]))

    figures = {threshold: (reached(threshold), found_on_clear(threshold)) for threshold in AREA_THRESHOLDS}
    gains = {threshold: float(np.mean(dice) - falsely) for threshold, (dice, falsely) in figures.items()}
    best = min(threshold for threshold, gain in gains.items() if gain >= max(gains.values()) - AS_GOOD)
    dice, falsely = figures[best]
    told = ", ".join(f"{source} {value:.3f}" for source, value in zip(sources, dice, strict=True))
    report(
        f"affected from {best:g}: mean Dice {told} (n = {len(outlined)}), {falsely:.3f} of clear lungs ({len(clear)})"
    )
    return best


def best_gate(seen: Sequence[Seen], report: Callable[[str], None]) -> float:
    """Return the probability with the best mean of sensitivity and specificity, in the middle of where it is best.

    Films of people alone count: clear ones, and those of people with opacity, drawn or their own.
    """
    people = [one for one in seen if one.film.lungs != "exact"]
    sick = np.array([one.presence for one in people if one.film.presence > 0.5])
    healthy = np.array([one.presence for one in people if one.film.presence == 0])
    grid = np.round(np.arange(SMALLEST_GATE, LARGEST_GATE + 0.001, 0.02), 2)
    reached = np.array([np.mean(sick >= gate) + np.mean(healthy < gate) for gate in grid])
    best = float(np.round(np.mean(grid[reached >= reached.max() - 1e-9]), 2))
    told = f"sensitivity {np.mean(sick >= best):.3f} (n = {len(sick)}), specificity {np.mean(healthy < best):.3f}"
    report(f"gate at {best:g}: {told} (n = {len(healthy)})")
    return best


def best_zone(
    seen: Sequence[Seen], area: float, gate: float, scores: Mapping[str, float], report: Callable[[str], None]
) -> float:
    """Return the share of a zone with the least mean error of the score; the paper's where nobody scored."""
    scored = [one for one in seen if one.film.source == "cxr_scores" and one.film.name in scores]
    if not scored:
        report(f"zone from {PAPER_ZONE:g}: the paper's, no scores to fit it to")
        return PAPER_ZONE
    shares = [one.zone_shares(area) if one.presence >= gate else (0.0,) * 6 for one in scored]
    truth = [scores[one.film.name] for one in scored]
    errors = {
        zone: float(np.mean([abs(score(one, zone) - true) for one, true in zip(shares, truth, strict=True)]))
        for zone in ZONE_THRESHOLDS
    }
    best = min(ZONE_THRESHOLDS, key=lambda zone: errors[zone])
    report(f"zone from {best:g}: mean error of the score {errors[best]:.3f} (n = {len(scored)}, fitted)")
    return best


def repeat_sd(patients: Sequence[str], extents: NDArray[np.float64]) -> float:
    """Return the pooled standard deviation of the extents of one patient; 0 where nobody has two."""
    groups = [extents[[name == patient for name in patients]] for patient in sorted(set(patients))]
    several = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in several)
    return float(np.sqrt(squares / freedom)) if freedom else 0.0


def write_settings(package: Path, settings: Mapping[str, Any]) -> None:
    """Replace what was fitted in a package's manifest."""
    yaml, path = YAML(), package / MANIFEST_NAME
    manifest = yaml.load(path.read_text(encoding="utf-8"))
    manifest.update(settings)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(manifest, file)


def _read_scores(table: Path | None) -> dict[str, float]:
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {Path(row["image"]).stem: float(row["score"]) for row in csv.DictReader(file) if row["score"]}


def _dice(found: Mask, truth: Mask) -> float:
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0
