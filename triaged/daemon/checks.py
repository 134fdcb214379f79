"""Tries everything that the configuration names, so that a mistake shows before a study does.

Each check says what it found, whether it passed or not: the list is for the person who has to put it right. Nothing is
changed and nothing made, but what a destination says it accepts is remembered where there is a store to remember it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from triaged.config.loading import line_finder
from triaged.config.objects import ObjectsSection
from triaged.config.settings import Config, StorageSection
from triaged.config.sites import without_studies
from triaged.daemon.addresses import dicom_address, web_address
from triaged.daemon.checking import Check, database_file, missing_file, parts_of, store, tried
from triaged.daemon.checks_of_peers import peers
from triaged.daemon.checks_of_sign_on import sign_on
from triaged.daemon.models import described_models
from triaged.daemon.rooms import clock
from triaged.daemon.security import certificates, demand_credentials, who_may
from triaged.daemon.spools import objects_of, open_spool, place_of
from triaged.daemon.stranded import stranded
from triaged.dimse.options import Service
from triaged.errors import ConfigError
from triaged.spool.objects import BucketAway, demand_writable
from triaged.store.people.accounts import Accounts
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import Schema, open_database, schema_of
from triaged.study.modalities import Stratum
from triaged.study.people import AccessRole
from triaged.web.identity import Mode

__all__ = ["CHECKED", "Check", "check", "demand_usable_database", "located"]

CHECKED: Final = (
    "dicom",
    "web",
    "database",
    "access",
    "storage",
    "models",
    "inference",
    "triage",
    "workers",
    "destinations",
    "pushes",
    "retired",
    "sites",
)
"""The sections that name something that can be tried."""
_GIB_A_WORKER: Final = 2
_GIB_A_RECEIVER: Final = 280 / 1024
_NAMES: Final = frozenset({"destinations", "pushes", "retired"})


def check(config: Config, only: Collection[str] = CHECKED) -> Iterator[Check]:
    """Try what the sections in `only` name, one after the other: addresses, the store, models and every destination."""
    yield Check("configuration", True, f"scheme {config.triage.scheme.value}, {config.worker_count} worker(s)")
    if "dicom" in only:
        yield tried("dicom", lambda: dicom_address(config), about="dicom.port")
        yield _open_to(config)
        yield tried("dicom.tls", lambda: _certificates(config))
        if config.dicom.receivers > 1:
            yield _receivers(config)
    if "web" in only:
        yield tried("web", lambda: web_address(config), about="web.port")
    if "database" in only:
        yield tried("database", lambda: _database(config), about="database.url")
    if "access" in only:
        yield tried("access", lambda: _access(config), about="access.mode")
        if config.access.oidc is not None:
            yield sign_on(config.access.oidc.options())
    if "storage" in only:
        if config.storage.objects is not None:
            yield _objects(config.storage.objects)
        yield tried("storage", lambda: _spool(config), about="storage.path")
    if {"models", "inference"} & set(only):
        for place, describe in described_models(config):
            yield tried(place, describe, about=place.partition(" ")[0])
    if {"workers", "dicom"} & set(only):
        yield _memory(config)
    if "triage" in only:
        yield Check("triage.discipline", True, _order(config), "triage.discipline")
        for worth in config.triage.worth().values():
            yield Check("triage.prevalence", True, worth.said(), "triage.prevalence")
    if _NAMES & set(only):
        yield from stranded(config)
    if "sites" in only:
        for number in without_studies(config.sites, config.rules):
            found = "no study comes to it: it has no senders, no addresses, and no rule"
            yield Check(f"sites: {config.sites[number].name}", True, found, f"sites[{number}]", warns=True)
    yield from peers(config, only)


def located(rows: Iterator[Check], text: str, path: Path, *, hide: Callable[[str], str] = str) -> Iterator[Check]:
    """Add to each row where in the file its key stands, or the section that would hold it; `hide` hides secrets."""
    line_of = line_finder(text)
    return (
        replace(row, found=hide(row.found), at=f"{path}:{line_of(parts_of(row.about))}" if row.about else str(path))
        for row in rows
    )


def demand_usable_database(config: Config) -> None:
    """Find out that the database cannot be one before any role has started: `ConfigError` as `open_database`."""
    open_database(config.database.url).close()


def _order(config: Config) -> str:
    """Say in which order the list is read, and what the guard can judge."""
    guard = config.triage.guard
    if not guard.enabled:
        return f"{config.triage.discipline}; nothing guards the order"
    read = list(Stratum) if config.models.reads_xrays else [Stratum.VOLUME]
    unknown = [each for each in read if each not in guard.references()]
    if not unknown:
        return f"{config.triage.discipline}, guarded"
    of = "" if unknown == read else f" of {unknown[0]}s"
    return f"{config.triage.discipline}, guarded; the flagged share{of} is not judged, its usual value is not set"


def _open_to(config: Config) -> Check:
    """Say who may use what; that anybody in the network may store is to be looked at."""
    dicom = config.dicom
    words = "; ".join(who_may(dicom, service) for service in Service)
    store_rules = dicom.access.rules().get(Service.STORE)
    tls = dicom.tls
    asks_certificates = tls.certificate is not None and tls.mutual and not tls.plain
    is_open = not (dicom.allowed_calling_ae_titles or store_rules or asks_certificates or _is_loopback(dicom.host))
    return Check("dicom.access", True, words, "dicom.access", warns=is_open)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certificates(config: Config) -> str:
    """Say until when certificates are valid; one that has expired, or cannot be used, is a mistake."""
    demand_credentials(config)
    found = list(certificates(config))
    warnings = [text for each in found if (text := each.warning(now=clock())) is not None]
    if any(each.expires <= clock() for each in found):
        raise ConfigError("; ".join(warnings))
    if warnings:
        return f"renew soon: {'; '.join(warnings)}"
    tls = config.dicom.tls
    here = "associations are accepted without TLS only" if tls.certificate is None else f"TLS on port {tls.port}"
    return f"{here}{''.join(f'; {each.what}: {each.path.name} until {each.expires:%Y-%m-%d}' for each in found)}"


def _database(config: Config) -> str:
    file = database_file(config)
    if file is not None:
        _demand_writable(file, "database.url")
    if (missing := missing_file(config)) is not None:
        return f"{missing} will be made when the daemon starts"
    with closing(open_database(config.database.url)) as database:
        match schema_of(database):
            case Schema.CURRENT:
                return f"{database.dialect} answers, its schema is up to date"
            case Schema.OLDER:
                return f"{database.dialect} answers, its schema will be brought up to date when the daemon starts"
            case Schema.UNKNOWN:
                raise ConfigError("expected a schema that this version knows, found one from another version")


def _demand_writable(file: Path, key: str) -> None:
    """Find out that a file, or the folder that is to hold it, cannot be written to; its log is made beside it."""
    there = next(each for each in (file, *file.parents) if each.exists())
    if there == file and not file.is_file():
        raise ConfigError(f"{key}: expected a file, found something else: {file}")
    if there != file and not there.is_dir():
        raise ConfigError(f"{key}: expected a folder, found a file: {there}")
    for each in [there] if there != file else [file, file.parent]:
        if not os.access(each, os.W_OK if each == file else os.W_OK | os.X_OK):
            raise ConfigError(f"{key}: expected to be able to write to {each}, found that this user may not")


def _access(config: Config) -> str:
    """Say who can see the list; an administrator has to be among those who sign in."""
    access = config.access
    if access.mode is Mode.OPEN:
        return f"open to everybody at this machine, by http://{config.web.host}:{config.web.port}"
    if access.mode is Mode.PROXY:
        return f"whom {', '.join(access.proxies)} names in the header {access.person_header}"
    with store(config) as database:
        accounts = [] if database is None else Accounts(database).all()
    administrators = sum(account.person.role is AccessRole.ADMINISTRATOR for account in accounts)
    oidc = config.access.oidc
    if not administrators and (oidc is None or AccessRole.ADMINISTRATOR not in oidc.roles.values()):
        raise ConfigError("expected an account to sign in with: triaged user add NAME --role administrator; found none")
    return f"{len(accounts)} account(s), {administrators} of an administrator"


def _spool(config: Config) -> str:
    with store(config) as database:
        identity = None if database is None else SpoolName(database).known()
    if identity is None and config.storage.objects is None and not config.storage.path.exists():
        _demand_writable(config.storage.path, "storage.path")
        _demand_room(config.storage)
        return f"{config.storage.path} will be made when the daemon starts"
    if config.storage.objects is not None and identity is None and not place_of(config.storage).is_marked():
        _demand_room(config.storage)
        return f"a cache at {config.storage.path}; {place_of(config.storage)} gets its name when the daemon starts"
    spool = open_spool(config.storage, identity)
    spool.check_reserve()
    with spool.incoming() as probe:
        probe.write(b"\0")
    return f"{config.storage.path}, {spool.free_mb()} MiB free, {config.storage.reserve_mb} in reserve"


def _objects(section: ObjectsSection) -> Check:
    """Say whether objects can be written to the bucket; what is to be looked at, where that is known."""
    what = "storage.objects"
    try:
        demand_writable(objects_of(section))
    except BucketAway as away:
        return Check(what, False, str(away), f"{what}.{away.about}" if away.about else what)
    except ConfigError as error:
        return Check(what, False, str(error), what, blocks=True)
    plain = section.endpoint is not None and section.endpoint.startswith("http://")
    words = f"{section.options()} takes objects; {section.cache_mb} MiB of them are kept at hand"
    warning = "; by http, so that anybody on the way can read them" if plain else ""
    return Check(what, True, f"{words}{warning}", what, warns=plain)


def _demand_room(storage: StorageSection) -> None:
    """Find out that there is less room where the spool is to be made than is to stay free."""
    there = next(each for each in storage.path.parents if each.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < storage.reserve_mb:
        raise ConfigError(f"expected at least {storage.reserve_mb} MiB free for the spool, found {free_mb} MiB")


def _receivers(config: Config) -> Check:
    """Say how many receive, and where that is of little use: SQLite has one writer, however many processes wait."""
    words = f"{config.dicom.receivers} processes share {config.dicom.max_associations} associations"
    if database_file(config) is None:
        return Check("dicom.receivers", True, words, "dicom.receivers")
    hint = "on SQLite, which has one writer at a time, more than one gain little (docs/performance.md)"
    return Check("dicom.receivers", True, f"{words}; {hint}", "dicom.receivers", warns=True)


def _memory(config: Config) -> Check:
    """Say whether there is memory for all workers and receivers at once; a machine that swaps is slow, not broken."""
    has_gib, needs_gib, parts = _memory_gib(), 0.0, []
    for pool in config.workers:
        each_gib = _GIB_A_WORKER if pool.memory_mb is None else pool.memory_mb / 1024
        needs_gib += pool.number * each_gib
        parts.append(f"{pool.name}{': ' if pool.name else ''}{pool.number} x {each_gib:g} GiB")
    needs_gib += config.dicom.receivers * _GIB_A_RECEIVER
    parts.append(f"receivers: {config.dicom.receivers} x {_GIB_A_RECEIVER:.2f} GiB")
    words = f"{', '.join(parts)} of {has_gib:.1f} GiB of memory"
    return Check("workers", True, words, "workers", warns=needs_gib > has_gib)


def _memory_gib() -> float:
    """Return the memory of this machine, or of the control group that this process is in (cgroups(7))."""
    has = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            said = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        has = min(has, int(said)) if said.isdecimal() else has
    return has / 2**30


def only_known(names: Sequence[str]) -> Sequence[str]:
    """Return the sections that were asked for, or all; raises `ConfigError` where one is none of those."""
    for name in names:
        if name not in CHECKED:
            raise ConfigError(f"--only: expected one of {', '.join(CHECKED)}, found {name}")
    return names or CHECKED
