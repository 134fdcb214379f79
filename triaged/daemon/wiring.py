"""Turns the configuration into rooms that know each other; every `new` of the daemon stands here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version

from triaged.config.settings import THRESHOLD_ENGINE, Config, DestinationSection
from triaged.dimse.scp import Receiver, ScpOptions
from triaged.dimse.scu import DimseSender
from triaged.inference.manifest import Manifest
from triaged.inference.onnx import load_package
from triaged.pipelines.ct import CtOptions, CtPipeline
from triaged.pipelines.pipeline import Pipeline
from triaged.pipelines.threshold import ThresholdPipeline
from triaged.steps.analyse import AnalyseOptions, Analyst, Engine
from triaged.steps.assemble import Assembler
from triaged.steps.deliver import Courier, DeliveryOptions
from triaged.steps.intake import Intake
from triaged.steps.ports import Peer
from triaged.store.database import Database, migrate, open_database
from triaged.store.outbox import Outbox
from triaged.store.spool import Spool
from triaged.store.studies import Studies
from triaged.store.worklist import Worklist
from triaged.study.completeness import CompletionOptions
from triaged.study.placement import OrderPriority, Placement
from triaged.study.records import ObjectKind
from triaged.study.scope import ScopeOptions
from triaged.study.uids import StudyUID, derived_uid
from triaged.triage.ordering import place_pending
from triaged.triage.scheme import Waiting
from triaged.web.app import WebOptions, create_app
from triaged.web.server import run

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Rooms:
    """The store and what stands on it; every role has its own."""

    config: Config
    database: Database
    spool: Spool
    studies: Studies
    outbox: Outbox
    worklist: Worklist


def open_rooms(config: Config) -> Rooms:
    """Open the store, creating or migrating it where needed.

    Raises:
        TryLater: the database is away.
        ConfigError: the database's address cannot be used.
    """
    database = open_database(config.database.url)
    migrate(database)
    spool = Spool(config.storage.path, config.storage.reserve_mb)
    return Rooms(config, database, spool, Studies(database), Outbox(database), Worklist(database))


def pending_place(config: Config, waiting: Waiting) -> Callable[[StudyUID, datetime, OrderPriority], Placement]:
    """Return the policy for studies without a score."""
    options = config.triage.options()

    def place(study_uid: StudyUID, since: datetime, order_priority: OrderPriority) -> Placement:
        return place_pending(study_uid, since, waiting, order_priority, options)

    return place


def receiver(rooms: Rooms, *, name: str, clock: Clock) -> Receiver:
    """Build the C-STORE SCP with the intake behind it."""
    dicom = rooms.config.dicom
    intake = Intake(
        rooms.studies, rooms.spool, place_pending=pending_place(rooms.config, Waiting.SLICES), receiver=name
    )
    options = ScpOptions(
        ae_title=dicom.ae_title,
        host=dicom.host,
        port=dicom.port,
        allowed_calling_ae_titles=frozenset(dicom.allowed_calling_ae_titles),
        max_associations=dicom.max_associations,
        idle_timeout_s=dicom.idle_timeout_s,
    )
    return Receiver(options, intake, clock=clock)


def assembler(rooms: Rooms) -> Assembler:
    """Build what decides that a study is complete."""
    completion = rooms.config.completion
    options = CompletionOptions(
        settle_s=completion.settle_s, quiet_s=completion.quiet_s, max_wait_s=completion.max_wait_s
    )
    return Assembler(rooms.studies, options=options, place_pending=pending_place(rooms.config, Waiting.ANALYSIS))


def engine_and_pipeline(config: Config) -> tuple[Engine, Pipeline]:
    """Load the engine that `models.ct` names.

    Raises:
        ModelRefused: the package is not what its manifest says, or the device asked for is not there.
    """
    options = CtOptions(grade_cut_offs=config.triage.grade_cut_offs)
    settings = sha256(repr((config.triage.options(), options)).encode()).hexdigest()[:12]
    software = version("triaged")
    if config.models.ct == THRESHOLD_ENGINE:
        digest = sha256(f"threshold {software}".encode()).hexdigest()
        engine = Engine("threshold", software, digest, derived_uid("engine", digest), software, settings)
        return engine, ThresholdPipeline(options)
    networks = load_package(
        config.models.folder / config.models.ct, device=config.inference.device, threads=config.inference.threads
    )
    manifest = networks.manifest
    engine = Engine(manifest.name, manifest.version, _model_sha256(manifest), manifest.device_uid, software, settings)
    return engine, CtPipeline(networks, options)


def _model_sha256(manifest: Manifest) -> str:
    """Return one digest for a package: any change of a network or of a threshold changes it."""
    networks = (manifest.networks.lungs, manifest.networks.backbone, manifest.networks.head)
    parts = [*(network.sha256 for network in networks), repr(manifest.thresholds), repr(manifest.window_hu)]
    return sha256("\n".join(parts).encode()).hexdigest()


def analyst(rooms: Rooms, *, worker: str) -> Analyst:
    """Build what scores studies, with its models loaded.

    Raises:
        ModelRefused: the engine cannot be used.
    """
    worker_settings = rooms.config.worker
    engine, pipeline = engine_and_pipeline(rooms.config)
    return Analyst(
        rooms.studies,
        rooms.spool,
        pipeline,
        engine=engine,
        worker=worker,
        scope=ScopeOptions(),
        triage=rooms.config.triage.options(),
        options=AnalyseOptions(
            lease_s=worker_settings.lease_s,
            max_attempts=worker_settings.max_attempts,
            retry_wait_s=worker_settings.retry_wait_s,
        ),
        destinations={each.name: frozenset(map(ObjectKind, each.objects)) for each in rooms.config.destinations},
    )


def couriers(rooms: Rooms, *, courier: str) -> list[Courier]:
    """Build one courier for each destination."""
    delivery = rooms.config.delivery
    options = DeliveryOptions(
        first_wait_s=delivery.first_wait_s, longest_wait_s=delivery.longest_wait_s, max_attempts=delivery.max_attempts
    )
    sender = DimseSender(rooms.config.dicom.ae_title, timeout_s=delivery.timeout_s)
    return [
        Courier(rooms.outbox, rooms.spool, sender, peer=peer_of(each), options=options, courier=courier)
        for each in rooms.config.destinations
    ]


def peer_of(destination: DestinationSection) -> Peer:
    """Return a destination of the configuration as a peer."""
    return Peer(destination.name, destination.ae_title, destination.host, destination.port)


def serve_pages(rooms: Rooms, *, stop: threading.Event, clock: Clock) -> None:
    """Serve the worklist page until `stop` is set."""
    config = rooms.config
    options = WebOptions(
        address=f"{config.dicom.ae_title} on port {config.dicom.port}",
        scheme=config.triage.scheme.value,
        identification_threshold=config.triage.identification_threshold,
        refresh_s=config.web.refresh_s,
    )
    app = create_app(rooms.worklist, rooms.studies, rooms.outbox, rooms.spool, options=options, clock=clock)
    run(app, host=config.web.host, port=config.web.port, stop=stop)
