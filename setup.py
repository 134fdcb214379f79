"""Puts into a wheel what lies beside the package in the source tree; everything else is in pyproject.toml.

`triaged.config.shipped` finds these files again, in both places.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithShippedFiles(build_py):
    """Copies the model packages and the commented configuration to `triaged/shipped`."""

    def run(self) -> None:
        """Build the package from nothing, so that no module of an earlier build is left in it."""
        package = Path(self.build_lib) / "triaged"
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        shutil.copytree("onnx_models", package / "shipped" / "onnx_models")
        shutil.copy("config.yaml", package / "shipped")


setup(cmdclass={"build_py": BuildWithShippedFiles})
