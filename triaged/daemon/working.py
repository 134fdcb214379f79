"""The worker's process: claims studies and scores them, one at a time; holds the daemon's one broad except."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version

import structlog

from triaged.config.settings import THRESHOLD_ENGINE, Config
from triaged.daemon.rooms import IDLE_S, Rooms, away_is_no_error, clock, or_wait
from triaged.errors import StaleClaim, TryLater
from triaged.exams.ct.choice import ScopeOptions
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.pipelines.pipeline import Pipeline
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.inference.manifest import Manifest
from triaged.inference.onnx import load_package
from triaged.steps.analyse import Analyst, Engine
from triaged.study.records import Claim
from triaged.study.uids import derived_uid
from triaged.triage.scheme import Discipline, described

log = structlog.get_logger()


def work(rooms: Rooms, name: str, stop: threading.Event) -> None:
    """Score studies until `stop` is set.

    Raises:
        ModelRefused: the engine cannot be used.
    """
    analyst = _analyst(rooms, name)
    released = rooms.studies.release(name, now=clock())
    log.info("working", engine=analyst.engine.name, released=released)
    while not stop.is_set():
        claim = or_wait(lambda: analyst.claim(clock=clock), stop)
        if claim is not None:
            _analyse(rooms, analyst, claim)
        else:
            stop.wait(IDLE_S)


def _analyse(rooms: Rooms, analyst: Analyst, claim: Claim) -> None:
    try:
        with _kept_alive(rooms, claim):
            analyst.analyse(claim, clock=clock)
    except Exception as error:  # the one broad except: a bug must end a study, not the worker
        log.exception("analysis failed", study_instance_uid=claim.study_uid.value)
        with away_is_no_error():
            analyst.put_back(claim, type(error).__name__, clock=clock)


@contextmanager
def _kept_alive(rooms: Rooms, claim: Claim) -> Iterator[None]:
    """Extend the lease while the worker computes, so that a short lease does not punish a long study."""
    done = threading.Event()
    lease_s = rooms.config.worker.lease_s

    def extend() -> None:
        while not done.wait(lease_s / 3):
            try:
                rooms.studies.extend(claim, lease_s=lease_s, now=clock())
            except StaleClaim:
                return  # commit will find out, and drop the result
            except TryLater as away:
                log.warning("lease not extended", why=str(away), study_instance_uid=claim.study_uid.value)

    thread = threading.Thread(target=extend, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _analyst(rooms: Rooms, name: str) -> Analyst:
    engine, pipeline = engine_and_pipeline(rooms.config)
    return Analyst(
        rooms.studies,
        rooms.spool,
        pipeline,
        engine=engine,
        worker=name,
        scope=ScopeOptions(),
        triage=rooms.config.triage.options(),
        options=rooms.config.worker.options(rooms.config.pictures),
        destinations={each.name: each.kinds() for each in rooms.config.destinations},
    )


def engine_and_pipeline(config: Config) -> tuple[Engine, Pipeline]:
    """Load the engine that `models.ct` names.

    Raises:
        ModelRefused: the package is not what its manifest says, or the device asked for is not there.
    """
    options = CtOptions(grade_cut_offs=config.triage.grade_cut_offs)
    settings = _settings_digest(config, options)
    software = version("triaged")
    if config.models.ct == THRESHOLD_ENGINE:
        digest = sha256(f"threshold {software}".encode()).hexdigest()
        engine = Engine("threshold", software, digest, derived_uid("engine", digest), software, settings)
        return engine, ThresholdPipeline(options)
    networks = load_package(
        config.models.folder / config.models.ct, device=config.inference.device, threads=config.inference.threads
    )
    manifest = networks.manifest
    digest = _model_sha256(manifest)
    engine = Engine(manifest.name, manifest.version, digest, manifest.device_uid, software, settings)
    return engine, CtPipeline(networks, options)


def _settings_digest(config: Config, options: CtOptions) -> str:
    """Return one digest of what alters a result; in which order studies are read does not."""
    triage = replace(config.triage.options(), discipline=Discipline.HEAD_START, strict_cap_min=0)
    return sha256(repr((described(triage), options, config.pictures)).encode()).hexdigest()[:12]


def _model_sha256(manifest: Manifest) -> str:
    """Return one digest for a package: any change of a network or of a threshold changes it."""
    networks = (manifest.networks.lungs, manifest.networks.backbone, manifest.networks.head)
    parts = [*(network.sha256 for network in networks), repr(manifest.thresholds), repr(manifest.window_hu)]
    return sha256("\n".join(parts).encode()).hexdigest()
