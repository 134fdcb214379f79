"""Names the methods of the paper's table, and what each is trained as under one protocol.

Must not know series, folders of data or figures. Deviations from the paper: 2D networks start from the lung network of
a package, ResNet-50 has half of its channels and the 3D U-Net a quarter, so that two CPU cores can train them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from triaged.lab.training.presets import Subject

STEPS: Final = 300
"""Of 12 slices each, for every network of slices, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Method:
    """A network of the table.

    Attributes:
        folder: of its runs.
        subject: what is trained, as for `triaged model train`; likewise `variant`, `levels` and `width`, None being
            the usual.
        share: its steps over those of a network of slices: a step of ResNet-50 takes 64 slices in place of 12, one of
            the 3D U-Net two cubes of 64 voxels, 2.4 times as many as those slices have.
        is_warm: whether it starts from the lung network.
    """

    folder: str
    subject: Subject
    variant: str = "spatial-1"
    width: int | None = None
    levels: int = 7
    share: float = 1.0
    is_warm: bool = True

    def steps(self, steps: int) -> int:
        """Return how long it is trained where networks of slices are trained for `steps`."""
        return max(1, round(steps * self.share))


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "3D U-Net": Method("unet3d", Subject.UNET3D, share=0.2, is_warm=False),
        "2D U-Net": Method("unet2d", Subject.UNET2D),
        "2D U-Net+": Method("unet2d+", Subject.UNET2D_PLUS),
        "ResNet-50": Method("resnet50", Subject.RESNET50, width=32, share=0.25, is_warm=False),
        "Multitask-Latent": Method("latent", Subject.LESIONS, "latent"),
        "Multitask-Spatial-4": Method("spatial-4", Subject.LESIONS, "spatial-4"),
        "Multitask-Spatial-1": Method("spatial-1", Subject.LESIONS),
    }
)
"""What is trained, by its name in the paper and in the paper's order."""
