"""What a site may choose of how X-rays are read; light, since every process reads the settings."""

from __future__ import annotations

from typing import Final

KIND: Final = "cxr-two-stage"
"""The kind of package that reads X-rays; its manifest says it."""
NO_ENGINE: Final = "none"
"""In the place of an engine's name: X-rays are not read."""
