"""Loads what reads a chest X-ray; must not know the configuration."""

from __future__ import annotations

from pathlib import Path

from triaged.exams.identity import engine_of
from triaged.exams.xray.pipelines.two_stage import TwoStagePipeline
from triaged.inference.graphs import Device
from triaged.inference.identity import Engine
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.package import load_of_kind


def load_engine(
    name: str, folder: Path, settings: str, *, device: Device, threads: int
) -> tuple[Engine, TwoStagePipeline]:
    """Load the engine of a package in `folder`; `settings` is their digest; raise ModelRefused as `load_package`."""
    networks = load_of_kind(CXR_TWO_STAGE, folder / name, device, threads)
    return engine_of(networks.manifest, settings), TwoStagePipeline(networks)
