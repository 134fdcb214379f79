"""Says where and in which precision networks learn: on the CPU, or on a CUDA device where there is one.

Must not know networks or tasks. Weights, losses and the optimiser stay in single precision; only what runs under
`Place.autocast` is computed in the shorter format.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch

from triaged.errors import ConfigError

DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Place:
    """A device and the format of its mixed precision.

    Attributes:
        device: as torch names it: cpu or cuda.
        precision: format of convolutions and products; with float16 gradients are scaled, bfloat16 needs no scaling.
    """

    device: str
    precision: torch.dtype

    @property
    def scales_gradients(self) -> bool:
        """Whether gradients would vanish in this precision unless they are scaled."""
        return self.precision == torch.float16

    def autocast(self) -> torch.autocast:
        """Return a context in which the costly operations take the short format."""
        return torch.autocast(self.device, dtype=self.precision)


CPU: Final = Place("cpu", torch.bfloat16)


def choose_place(device: DeviceName) -> Place:
    """Return where to learn; `auto` takes CUDA where torch finds it and the CPU otherwise.

    Raises:
        ConfigError: `cuda` was asked for, and torch finds none.
    """
    if device == "cpu":
        return CPU
    if not torch.cuda.is_available():
        if device == "cuda":
            raise ConfigError(
                f"--device: expected a CUDA device that torch {torch.__version__} can use, found none; "
                f"install a CUDA build of torch and the NVIDIA driver, or choose cpu or auto"
            )
        return CPU
    return Place("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)
