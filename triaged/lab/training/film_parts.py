"""Builds the network and the task of a training on chest X-rays that an order names.

Must not know options or schedules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from torch import nn

from triaged.errors import ConfigError
from triaged.lab.films.film import Film, films_in
from triaged.lab.networks.efficient import EfficientLite
from triaged.lab.networks.segmenters import Segmenter
from triaged.lab.networks.two_stage import SIDES, DiseaseNetwork
from triaged.lab.training.film_batches import FilmSource
from triaged.lab.training.film_tasks import DiseaseTask, LungFilmTask
from triaged.lab.training.order import Order
from triaged.lab.training.place import Place
from triaged.lab.training.presets import Subject

ARCHITECTURES: Final[Mapping[Subject, str]] = MappingProxyType(
    {Subject.CXR_LUNGS: "unet-resnet18", Subject.CXR_DISEASE: "unet-efficientlite0"}
)
"""What is trained on films, and the architecture where none is asked for."""


def film_network(subject: Subject, architecture: str, width: int) -> nn.Module:
    """Return the untrained network of a subject; torch's seed decides its weights."""
    if subject is Subject.CXR_LUNGS:
        return Segmenter(architecture, width, 1, SIDES)
    return DiseaseNetwork(architecture, width)


def film_learner(order: Order, place: Place) -> tuple[nn.Module, LungFilmTask | DiseaseTask]:
    """Return the network of an order and what it learns.

    Raises:
        ConfigError: a folder has no readable film, or somebody is both trained and measured on.
    """
    network = film_network(order.subject, order.architecture or ARCHITECTURES[order.subject], order.recipe.width)
    if isinstance(network, DiseaseNetwork) and isinstance(network.segmenter.body, EfficientLite):
        network.segmenter.body.learn_from_photographs()
    sources = [FilmSource(_films(source.folder, order), source.share or 1.0) for source in order.sources]
    held_out = films_in(order.held_out)
    _demand_other_patients(sources, held_out)
    if isinstance(network, DiseaseNetwork):
        return network, DiseaseTask(network, sources, held_out, place)
    return network, LungFilmTask(network, sources, held_out, place)


def _films(folder: Path, order: Order) -> list[Film]:
    films = films_in(folder)
    return [film for film in films if film.patient not in order.leave_out][: order.most]


def _demand_other_patients(sources: Sequence[FilmSource], held_out: Sequence[Film]) -> None:
    taught = {film.patient for source in sources for film in source.films}
    both = len(taught & {film.patient for film in held_out})
    if both:
        raise ConfigError(f"--held-out: expected other people than those trained on, found {both} in both")
