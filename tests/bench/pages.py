"""Draws the pages of a CT series as PNG, read by the configured engine; not a test.

    python -m tests.bench.pages FOLDER SERIES [--earlier SERIES] [--palette viridis] [--config FILE]

SERIES is a folder of DICOM files, of which the largest series is read; the pages show a patient, so mind where FOLDER
is. An unreadable series gets its page with the reason.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image as Pillow
from pydicom.dataset import Dataset

from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.daemon.examinations import engine_and_pipeline
from triaged.dicom.files import read_header_only
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.coronal import decode_coronal, encode_coronal
from triaged.exams.ct.pictures.keyslices import slice_names
from triaged.exams.ct.pictures.pages import reason_pages, result_pages
from triaged.exams.ct.pictures.projection import projections
from triaged.exams.exam import Earlier
from triaged.inference.identity import Engine
from triaged.results.identity import sent_text
from triaged.results.page import Page
from triaged.results.provenance import Provenance
from triaged.results.source import source_series
from triaged.study.assessment import Assessed, Reason, ReasonCode, unreadable
from triaged.study.ranking import RequestPriority
from triaged.study.records import Prior
from triaged.study.uids import SOPInstanceUID, StudyUID
from triaged.triage.ordering import place

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads and places a study, as the daemon does with the same configuration."""

    config: Config
    engine: Engine
    pipeline: Pipeline

    def pages(self, series: Path, palette: Palette, earlier: Earlier | None) -> tuple[Page, ...]:
        """Return the pages of a series."""
        instances = _largest_series(series)
        header = read_header_only(instances[0])
        made_by = self.provenance([header])
        try:
            read = decode_series(instances)
            reading = self.pipeline.read(read.volume, read.acquisition)
        except UnreadableStudy as error:
            reason = Reason(ReasonCode(error.code), error.detail)
            placed = place(
                made_by.study_uid, _now(), unreadable(reason), RequestPriority.UNKNOWN, self.config.triage.options()
            )
            return reason_pages(header, reason, placed, made_by)
        return self._result(read, reading, palette, earlier)

    def earlier(self, series: Path) -> Earlier:
        """Return a series as the earlier study that another is compared with."""
        read = decode_series(_largest_series(series))
        reading = self.pipeline.read(read.volume, read.acquisition)
        made_by = self.provenance(read.headers)
        coronal = decode_coronal(encode_coronal(projections(read.volume, reading)[0]))
        prior = Prior(
            study_uid=made_by.study_uid.value,
            study_date=sent_text(read.headers[0], "StudyDate"),
            object_set_uid=made_by.uid("set"),
            algorithm=made_by.algorithm,
            finding=reading.finding,
            coronal_path="",
        )
        return Earlier(prior, coronal)

    def provenance(self, headers: Sequence[Dataset]) -> Provenance:
        """Return who made the pages."""
        return Provenance(
            study_uid=StudyUID.parse(sent_text(headers[0], "StudyInstanceUID")),
            input_sop_instance_uids=tuple(
                SOPInstanceUID.parse(sent_text(one, "SOPInstanceUID")).value for one in headers
            ),
            engine=self.engine.name,
            engine_version=self.engine.version,
            model_sha256=self.engine.model_sha256,
            device_uid=self.engine.device_uid,
            scheme=self.config.triage.options().scheme.value,
            scheme_version=self.engine.settings_digest,
            software_version=self.engine.software_version,
            assessed_at=_now(),
        )

    def _result(
        self, read: DecodedSeries, reading: LungAnalysis, palette: Palette, earlier: Earlier | None
    ) -> tuple[Page, ...]:
        made_by = self.provenance(read.headers)
        placed = place(
            made_by.study_uid, _now(), Assessed(reading.finding), RequestPriority.UNKNOWN, self.config.triage.options()
        )
        return result_pages(
            read.headers[0],
            read.volume,
            projections(read.volume, reading),
            reading,
            placed,
            made_by,
            palette=palette,
            earlier=earlier,
            slice_names=slice_names(
                read.headers, source_series(read.headers, read.source_geometry), read.reorientation
            ),
        )


def main() -> None:
    """Read what the command line names and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("series", type=Path)
    parser.add_argument("--earlier", type=Path)
    parser.add_argument("--palette", type=Palette, default=Palette.GREEN_RED, choices=list(Palette))
    parser.add_argument("--config", type=Path, default=PROJECT / "config.yaml")
    asked = parser.parse_args()
    config = load(asked.config)
    reader = Reader(config, *engine_and_pipeline(config))
    earlier = reader.earlier(asked.earlier) if asked.earlier else None
    asked.folder.mkdir(parents=True, exist_ok=True)
    for page in reader.pages(asked.series, asked.palette, earlier):
        Pillow.fromarray(page.pixels).save(asked.folder / f"{page.name}.png", optimize=True)


def _largest_series(folder: Path) -> list[Path]:
    """Return the instances of the series that has most of them."""
    series: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.dcm")):
        series[sent_text(read_header_only(path), "SeriesInstanceUID")].append(path)
    return max(series.values(), key=len)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
