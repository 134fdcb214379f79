"""Prints what the result objects of a study of 300 slices of 512x512 cost, and of a real one; not a test.

    python -m tests.bench.results [FOLDER]

The real series is `covid_p001` where it is present. With a FOLDER the pages are also written there as PNG.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image as Pillow
from pydicom.dataset import Dataset

from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.results.ct_study import provenance, ranking
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.objects import PICTURES, SEGMENTATION, result_objects, segments
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pictures.coronal import encode_coronal
from triaged.exams.ct.pictures.pages import result_pages
from triaged.exams.ct.pictures.projection import projections
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.imaging.geometry import Geometry, canonical_reorientation
from triaged.results.sc import pictures
from triaged.results.seg import segmentation
from triaged.results.source import source_series

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ct_series" / "covid_p001"
Result = TypeVar("Result")


def main(folder: Path | None) -> None:
    """Measure a generated study and the real one."""
    pipeline = ThresholdPipeline(CtOptions())
    geometry = grid((1.0, 0.7, 0.7), (300.0, 358.4, 358.4))
    volume = draw(Chest(balls=[Ball((-72, 0, 0), 40, 200), Ball((72, 0, 0), 25, 200)]), geometry, noise_hu=20)
    headers = [_header(geometry, index) for index in range(geometry.shape[0])]
    say("generated")
    turn = canonical_reorientation(geometry)
    read = DecodedSeries(volume, geometry, turn, tuple(headers), (), ADULT)
    measure(read, pipeline.read(volume, ADULT), folder and folder / "generated")
    if not REAL.is_dir():
        say("covid_p001 is not here: ../shared/data")
        return
    read = decode_series(sorted(REAL.glob("*.dcm")))
    say("covid_p001")
    reading = pipeline.read(read.volume, read.acquisition)
    measure(read, reading, folder and folder / "real")


def measure(read: DecodedSeries, reading: LungAnalysis, folder: Path | None) -> None:
    """Print seconds of processor and bytes of each part."""
    headers, geometry, volume, reorientation = read.headers, read.source_geometry, read.volume, read.reorientation
    made_by = provenance(tuple(headers))
    views = timed("projections", lambda: projections(volume, reading))
    pages = timed("pages", lambda: result_pages(headers[0], volume, views, reading, ranking(), made_by))
    say(f"  {len(pages)} pages of {pages[0].pixels.shape[1]} x {pages[0].pixels.shape[0]} pixels")
    say(f"  coronal view kept in {len(timed('coronal view', lambda: encode_coronal(views[0])))} bytes")
    source = source_series(headers, geometry)
    timed("pictures encoded", lambda: pictures(source, reorientation, pages, made_by, PICTURES))
    regions = timed("segments", lambda: segments(reading, made_by))
    timed(
        "segmentation encoded",
        lambda: segmentation(source, geometry, reorientation, regions, made_by, SEGMENTATION),
    )
    results = timed(
        "all objects",
        lambda: result_objects(read, reading, ranking(), made_by),
    )
    sizes: defaultdict[str, int] = defaultdict(int)
    for one in results.objects:
        sizes[one.kind.name] += len(one.part10)
    for kind, size in sizes.items():
        say(f"  {kind}: {size / 1e6:.2f} MB")
    say(f"  peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for page in pages:
            Pillow.fromarray(page.pixels).save(folder / f"{page.name}.png", optimize=True)


def timed(name: str, work: Callable[[], Result]) -> Result:
    """Do the work and print what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    say(f"  {name}: {time.perf_counter() - wall:.2f} s, {time.process_time() - cpu:.2f} s of CPU")
    return result


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _header(geometry: Geometry, index: int) -> Dataset:
    header = Dataset()
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    header.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.4.{index + 1}"
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
    header.FrameOfReferenceUID = geometry.frame_of_reference_uid
    header.PatientName, header.PatientID, header.StudyDate, header.Modality = "Doe^Jane", "P-1", "20260304", "CT"
    header.InstanceNumber, header.SeriesNumber = index + 1, 2
    header.Rows, header.Columns = geometry.shape[1:]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.ImagePositionPatient = [round(float(mm), 4) for mm in geometry.position_mm((float(index), 0.0, 0.0))]
    header.PixelSpacing, header.SliceThickness = list(geometry.spacing_mm[1:]), geometry.spacing_mm[0]
    return header


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
