"""Prints what reading a series of 300 slices of 512x512 costs without networks; not a test, its figures are not judged.

    python -m tests.bench.pipeline

The networks are stand-ins that answer at once, so that the times are those of everything around them.
"""

from __future__ import annotations

import resource
import sys
import time

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.exams.pipelines.networks import AnswersAtOnce
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline

SPACING_MM = (1.0, 0.7, 0.7)
SIZE_MM = (300.0, 358.4, 358.4)


def main() -> None:
    """Draw the series, then read it with both engines."""
    geometry = grid(SPACING_MM, SIZE_MM)
    volume = draw(Chest(balls=[Ball((-72, 0, 0), 40, 200), Ball((72, 0, 0), 25, 200)]), geometry, noise_hu=20)
    say(f"series {geometry.shape}, {volume.voxels.nbytes / 2**20:.0f} MiB, peak so far {peak_mib():.0f} MiB")
    engines: dict[str, Pipeline] = {
        "threshold": ThresholdPipeline(CtOptions()),
        "networks that answer at once": CtPipeline(AnswersAtOnce(), CtOptions()),
    }
    for name, pipeline in engines.items():
        wall, cpu = time.perf_counter(), time.process_time()
        finding = pipeline.read(volume, ADULT).finding
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        say(f"{name}: {wall:.1f} s, {cpu:.1f} s of CPU, S {finding.urgency:.3f}, peak {peak_mib():.0f} MiB")


def peak_mib() -> float:
    """Return the largest resident memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
