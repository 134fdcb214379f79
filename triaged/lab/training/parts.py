"""Builds the network and the task that an order for training names.

Must not know folders, options or schedules.
"""

from collections.abc import Sequence

from torch import nn

from triaged.lab.networks.comparators import ResNetBaseline, UNet2d, UNet3d
from triaged.lab.networks.multitask import LungNetwork, Multitask
from triaged.lab.networks.segmenters import Segmenter
from triaged.lab.training import comparator_tasks as comparing
from triaged.lab.training.film_parts import ARCHITECTURES
from triaged.lab.training.loop import Task
from triaged.lab.training.losses import cross_entropy, segmentation_loss
from triaged.lab.training.order import Order
from triaged.lab.training.paper import PAPER_POSITIVE_SHARE, PaperLungTask, PaperMultitaskTask, draw_case
from triaged.lab.training.place import Place
from triaged.lab.training.presets import PresetName, Subject, variant_level
from triaged.lab.training.sampling import GeneratedSeries
from triaged.lab.training.segmentation import SEGMENTATIONS, segmentation_task
from triaged.lab.training.tasks import POSITIVE_SHARE, LungTask, MultitaskTask


def build_network(order: Order) -> nn.Module:
    """Return the untrained network of the order; torch's seed decides its weights."""
    width = order.recipe.width
    said, architecture = SEGMENTATIONS.get(order.subject), architecture_of(order)
    if said and architecture:
        return Segmenter(architecture, width, said.channels_in, said.classes)
    if order.subject is Subject.LUNGS:
        return LungNetwork(width, order.levels)
    if order.subject is Subject.LESIONS:
        return Multitask(width, order.levels, variant_level(order.variant, order.levels))
    if order.subject is Subject.UNET3D:
        return UNet3d(width)
    return ResNetBaseline(width) if order.subject is Subject.RESNET50 else UNet2d(width, order.levels)


def architecture_of(order: Order) -> str | None:
    """Return the architecture of a network of the table of segmenters, None of another."""
    said = SEGMENTATIONS.get(order.subject)
    usual = said.architecture if said else ARCHITECTURES.get(order.subject)
    return (order.architecture or usual) if usual else None


def build_task(
    order: Order,
    network: nn.Module,
    series: Sequence[GeneratedSeries],
    held_out: Sequence[GeneratedSeries],
    place: Place,
) -> Task:
    """Return what the network of the order learns, by the order's preset."""
    is_paper = order.preset is PresetName.PAPER
    wrong = cross_entropy if is_paper else segmentation_loss
    if isinstance(network, Segmenter):
        return segmentation_task(order.subject, network, series, held_out, place)
    if isinstance(network, LungNetwork):
        return (PaperLungTask if is_paper else LungTask)(network, series, held_out, place)
    if isinstance(network, Multitask):
        return (PaperMultitaskTask if is_paper else MultitaskTask)(network, series, held_out, place)
    if isinstance(network, UNet3d):
        learnt = comparing.masked(series)
        return comparing.UNet3dTask(network, learnt, held_out, order.recipe.patch_px, wrong, place)
    if isinstance(network, ResNetBaseline):
        return comparing.ResNetTask(network, series, held_out, place)
    if not isinstance(network, UNet2d):
        raise TypeError(f"expected a network of build_network, found {type(network).__name__}")
    draw: comparing.DrawCase = draw_case if is_paper else comparing.draw_varied
    if order.subject is Subject.UNET2D_PLUS:
        learnt, draw = comparing.masked_or_negative(series), comparing.emptied(draw)
    else:
        learnt = comparing.masked(series)
    return comparing.UNet2dTask(network, learnt, held_out, draw, wrong, place)


def training_prior(order: Order) -> float | None:
    """Return the share of positives that identification is trained on, which the package's manifest has to state."""
    if order.subject is Subject.RESNET50:
        return comparing.RESNET_POSITIVE_SHARE
    if order.subject is not Subject.LESIONS:
        return None
    return PAPER_POSITIVE_SHARE if order.preset is PresetName.PAPER else POSITIVE_SHARE
