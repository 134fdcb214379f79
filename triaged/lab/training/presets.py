"""Names what can be trained, and how long and how fast: as the paper did, or as this project does by default.

Must not know series, folders or networks. The figures of `paper` are those of the specification, 1.0.4; where paper and
released code differ, the paper's are taken but for ResNet-50, which only the code describes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from triaged.errors import ConfigError
from triaged.lab.training.schedule import COSINE, LEVEL, Cosine, Drop, OptimiserName

LATENT: Final = "latent"
SPATIAL: Final = "spatial-"


class Subject(StrEnum):
    """What can be trained."""

    LUNGS = "lungs"
    LESIONS = "lesions"
    UNET2D = "unet2d"
    UNET2D_PLUS = "unet2d+"
    UNET3D = "unet3d"
    RESNET50 = "resnet50"
    FPN = "fpn"
    FCN = "fcn"
    UNET_CORONAL = "unet-coronal"
    UNET_SAGITTAL = "unet-sagittal"
    LUNGS3D_AXIAL = "lungs3d-axial"
    LUNGS3D_CORONAL = "lungs3d-coronal"
    LUNGS3D_SAGITTAL = "lungs3d-sagittal"
    CASCADE_LUNGS = "cascade-lungs"
    CASCADE_LESIONS = "cascade-lesions"
    CXR_LUNGS = "cxr-lungs"
    CXR_DISEASE = "cxr-disease"
    MTL = "mtl"


class PresetName(StrEnum):
    """Whose recipe is followed."""

    PAPER = "paper"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Preset:
    """A recipe, each figure of which a user may replace.

    Attributes:
        batch: slices per step; series with the paper's recipe, and always for ResNet-50; cubes for the 3D U-Net.
        width: channels at full resolution.
        patch_px: edge of the 3D U-Net's cubes; of no meaning to the others.
    """

    steps: int
    batch: int
    learning_rate: float
    width: int
    optimiser: OptimiserName = "adam"
    course: Cosine | Drop = COSINE
    patch_px: int = 160


PRESETS: Final[Mapping[tuple[Subject, PresetName], Preset]] = MappingProxyType(
    {
        (Subject.LUNGS, PresetName.PAPER): Preset(16_000, 30, 1e-3, 8, course=Drop(at=0.5, to=0.1)),
        (Subject.LESIONS, PresetName.PAPER): Preset(30_000, 5, 3e-4, 8, course=Drop(at=0.8, to=1 / 3)),
        (Subject.UNET2D, PresetName.PAPER): Preset(15_000, 5, 3e-4, 8, course=LEVEL),
        (Subject.UNET2D_PLUS, PresetName.PAPER): Preset(15_000, 5, 3e-4, 8, course=LEVEL),
        (Subject.UNET3D, PresetName.PAPER): Preset(10_000, 16, 1e-2, 32, optimiser="sgd", course=LEVEL),
        (Subject.RESNET50, PresetName.PAPER): Preset(30_000, 2, 3e-4, 64, course=Drop(at=0.8, to=0.3)),
        (Subject.LUNGS, PresetName.DEFAULT): Preset(3000, 12, 1e-3, 8),
        (Subject.LESIONS, PresetName.DEFAULT): Preset(3000, 12, 1e-3, 8),
        (Subject.UNET2D, PresetName.DEFAULT): Preset(3000, 12, 1e-3, 8),
        (Subject.UNET2D_PLUS, PresetName.DEFAULT): Preset(3000, 12, 1e-3, 8),
        (Subject.UNET3D, PresetName.DEFAULT): Preset(3000, 2, 1e-3, 8, patch_px=64),
        (Subject.RESNET50, PresetName.DEFAULT): Preset(3000, 2, 3e-4, 64),
        (Subject.FPN, PresetName.DEFAULT): Preset(2500, 12, 1e-3, 8),
        (Subject.FCN, PresetName.DEFAULT): Preset(2000, 12, 1e-3, 8),
        (Subject.UNET_CORONAL, PresetName.DEFAULT): Preset(2000, 12, 1e-3, 8),
        (Subject.UNET_SAGITTAL, PresetName.DEFAULT): Preset(2000, 12, 1e-3, 8),
        (Subject.LUNGS3D_AXIAL, PresetName.DEFAULT): Preset(800, 12, 1e-3, 8),
        (Subject.LUNGS3D_CORONAL, PresetName.DEFAULT): Preset(800, 12, 1e-3, 8),
        (Subject.LUNGS3D_SAGITTAL, PresetName.DEFAULT): Preset(800, 12, 1e-3, 8),
        (Subject.CASCADE_LUNGS, PresetName.DEFAULT): Preset(600, 8, 1e-3, 16),
        (Subject.CASCADE_LESIONS, PresetName.DEFAULT): Preset(1500, 8, 1e-3, 16),
        (Subject.CXR_LUNGS, PresetName.DEFAULT): Preset(1200, 8, 2e-3, 16),
        (Subject.CXR_DISEASE, PresetName.DEFAULT): Preset(2000, 8, 1e-3, 16),
        (Subject.MTL, PresetName.DEFAULT): Preset(1500, 8, 1e-3, 32, course=Cosine(rise=20)),
    }
)


def recipe_of(
    subject: Subject,
    preset: PresetName,
    *,
    steps: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
    width: int | None = None,
    patch_px: int | None = None,
) -> Preset:
    """Return the preset's recipe with what is given in its place.

    Raises:
        ConfigError: the paper of the multitask network has no such network.
    """
    if (subject, preset) not in PRESETS:
        raise ConfigError(f"--preset: expected {PresetName.DEFAULT} for {subject}, found {preset}")
    usual = PRESETS[subject, preset]
    return replace(
        usual,
        steps=steps or usual.steps,
        batch=batch or usual.batch,
        learning_rate=rate or usual.learning_rate,
        width=width or usual.width,
        patch_px=patch_px or usual.patch_px,
    )


def variant_level(variant: str, levels: int) -> int:
    """Return the level whose features identify: N of `spatial-N`, the lowest of `latent`.

    Raises:
        ConfigError: the name is neither, or the network of `levels` levels has no such level.
    """
    if variant == LATENT:
        return levels
    number = variant.removeprefix(SPATIAL)
    if not variant.startswith(SPATIAL) or not number.isdecimal() or not 1 <= int(number) <= levels:
        raise ConfigError(f"--variant: expected {LATENT} or {SPATIAL}1 to {SPATIAL}{levels}, found {variant}")
    return int(number)
