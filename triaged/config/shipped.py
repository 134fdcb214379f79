"""Where the files are that come with the program: the model packages and the commented configuration.

In the source tree they are beside the package `triaged`; a wheel carries them inside it (setup.py puts them there).
Must not know what is in them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

Shipped = Literal["onnx_models", "config.yaml"]


def shipped(name: Shipped) -> Path:
    """Return the absolute path of a file or folder that comes with the program."""
    package = Path(str(files("triaged"))).resolve()
    installed = package / "shipped" / name
    return installed if installed.exists() else package.parent / name
