"""Loads what reads a chest X-ray; must not know the configuration."""

from __future__ import annotations

from pathlib import Path

from triaged.exams.identity import engine_of
from triaged.exams.on_demand import OnDemand
from triaged.exams.xray.chest import Chest
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.pipelines.two_stage import TwoStagePipeline
from triaged.inference.graphs import Device
from triaged.inference.identity import Engine
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.package import load_of_kind


class ReadOnDemand:
    """A pipeline whose networks are loaded when the first X-ray is to be read."""

    def __init__(self, on_demand: OnDemand[TwoStagePipeline]) -> None:
        self._on_demand = on_demand

    def read(self, chest: Chest) -> XrayReading:
        """Read an X-ray as the engine does; raise ModelRefused where it cannot be loaded by now."""
        return self._on_demand.reads().read(chest)


def load_engine(
    name: str, folder: Path, settings: str, *, device: Device, threads: int
) -> tuple[Engine, TwoStagePipeline]:
    """Load the engine of a package in `folder`; `settings` is their digest; raise ModelRefused as `load_package`."""
    networks = load_of_kind(CXR_TWO_STAGE, folder / name, device, threads)
    return engine_of(networks.manifest, settings), TwoStagePipeline(networks)
