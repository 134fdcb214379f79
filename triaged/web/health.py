"""How the daemon is, for whoever watches it: `/health`, `/health/ready` and `/health/live`, open to everybody.

Each part is asked in a thread of its own, which may hang as long as it likes: the answer comes within a few seconds and
says so. Names no patient, and of the configuration only where it is wrong.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import APIRouter, Response
from typing_extensions import TypedDict

from triaged.errors import TryLater
from triaged.rules.sites import Site
from triaged.study.process import host_of, stable_part
from triaged.study.pulse import Seen
from triaged.web.pools import Pools

FRESH_S = 10.0
"""How long a role may make no progress."""
_WITHIN_S = 3.0
_REQUIRED = ("worker", "clock")
_WANTED = ("courier",)
"""A daemon without one receives and reads, so it is ready; one that is there has to get on."""


class HealthAnswer(TypedDict):
    """Whether studies can be received and read; `causes` (also called `problems`) say why not. `warnings` are what an
    operator should look at all the same."""

    status: str
    problems: list[str]
    causes: list[str]
    warnings: list[str]


class ReadyAnswer(TypedDict):
    """Whether studies can be received and read, and why not."""

    status: str
    causes: list[str]


class LiveAnswer(TypedDict):
    """This process answers."""

    status: str


Work = Callable[[], Sequence[str]]
"""Finds out what is wrong with one part; nothing where it is well. Raises `TryLater` where it does not answer."""


class Probe:
    """One part that is asked, at most once every `fresh_s` and never twice at once."""

    def __init__(
        self,
        what: str,
        work: Work,
        *,
        fresh_s: float,
        within_s: float = _WITHIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._work = work
        self._fresh_s = fresh_s
        self._within_s = within_s
        self._monotonic = monotonic
        self._asked_at = 0.0
        self._answer: Future[Iterable[str]] | None = None

    async def ask(self) -> list[str]:
        """Return what is wrong, which may be that it does not answer."""
        answer = self._asked()
        left_s = max(0.05, self._within_s - (self._monotonic() - self._asked_at))
        try:
            return list(await asyncio.wait_for(asyncio.wrap_future(answer), left_s))
        except TimeoutError:
            return [f"{self._what}: no answer for {self._monotonic() - self._asked_at:.0f} s"]

    def _asked(self) -> Future[Iterable[str]]:
        now = self._monotonic()
        if self._answer is None or (self._answer.done() and now - self._asked_at > self._fresh_s):
            self._answer, self._asked_at = Future(), now
            self._answer.set_running_or_notify_cancel()
            threading.Thread(target=self._find_out, args=(self._answer,), name=self._what, daemon=True).start()
        return self._answer

    def _find_out(self, answer: Future[Iterable[str]]) -> None:
        found: Sequence[str] = [f"{self._what}: could not be asked, the log says why"]
        try:
            found = self._work()
        except TryLater as later:
            found = [str(later)]
        finally:
            answer.set_result(found)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What only the daemon knows: whether the receiver answers, who gets on, and what the supervisor has to say.

    `host` is this machine's name, as it is in the names of processes, `name` that of this process; `config_accepted`
    tells whether the daemon runs with the configuration file as it is, `tells_of_audit` whether there is an audit
    repository, `recipients` are the names of destinations and subscribers, where they are known, `pools` those of
    the workers that the settings ask for, and `sites` those that share the daemon.
    """

    receiver: Work = field(default=lambda: ())
    roles: Callable[[], Sequence[Seen]] | None = None
    notices: Callable[[], Sequence[str]] = field(default=lambda: ())
    host: str = ""
    name: str = "web"
    config_accepted: Callable[[], bool] = field(default=lambda: True)
    tells_of_audit: bool = False
    recipients: Collection[str] | None = None
    sites: Sequence[Site] = ()
    pools: Pools = field(default=Pools())


ALONE = Surroundings()
"""Nobody but the web role is known."""


class Health:
    """How the daemon is at this moment; used on one event loop."""

    def __init__(
        self, *, database: Work, spool: Work, unserved: Work, waiting: Work, surroundings: Surroundings
    ) -> None:
        """`unserved` finds studies that nobody works on, `waiting` what an operator should look at."""
        self._database = Probe("database", database, fresh_s=1.0)
        self._spool = Probe("spool", spool, fresh_s=1.0)
        self._receiver = Probe("receiver", surroundings.receiver, fresh_s=5.0)
        self._unserved = Probe("database", unserved, fresh_s=1.0)
        self._waiting = Probe("database", waiting, fresh_s=5.0)
        self._around = surroundings

    async def causes(self) -> list[str]:
        """Return why studies cannot be received or read; nothing where they can."""
        parts = (self._database.ask(), self._spool.ask(), self._receiver.ask())
        database, spool, receiver = await asyncio.gather(*parts)
        if database:  # then nobody knows of the roles
            return [*database, *spool, *receiver]
        seen = self._seen()
        elsewhere = any(each.is_fresh(FRESH_S) for each in seen if self._receives_elsewhere(each, seen))
        of_roles = [*self._refusing(seen), *self._missing_roles(seen), *await self._unserved.ask()]
        return [*spool, *([] if elsewhere else receiver), *of_roles]

    async def whole(self) -> tuple[list[str], list[str]]:
        """Return why studies cannot be received, read or sent, and what an operator should look at all the same."""
        causes, waiting = await asyncio.gather(self.causes(), self._waiting.ask())
        seen = self._seen()
        causes += _missing(seen, [role for role in _WANTED if any(each.pulse.role == role for each in seen)])
        silent = [_silence(each) for each in seen if not gets_on(each)]
        warnings = [*silent, *waiting, *map(_public, self._around.notices())]
        return causes, [each for each in warnings if each not in causes]

    def _seen(self) -> Sequence[Seen]:
        """Return who was seen; of processes that took each other's place those that get on, or the last that did."""
        seen = () if self._around.roles is None else self._around.roles()
        last: dict[str, float] = {}
        for each in seen:
            place, silent_s = stable_part(each.pulse.name), _silent_s(each)
            last[place] = min(silent_s, last.get(place, silent_s))
        return [each for each in seen if _silent_s(each) <= max(last[stable_part(each.pulse.name)], FRESH_S)]

    def _missing_roles(self, seen: Sequence[Seen]) -> list[str]:
        return [] if self._around.roles is None else _missing(seen, _REQUIRED)

    def _refusing(self, seen: Sequence[Seen]) -> list[str]:
        """Return which receivers get on and cannot keep what is sent to them: those of this host, or where all do."""
        receivers = [each for each in seen if each.pulse.role == "receiver" and each.is_fresh(FRESH_S)]
        refusing = [each for each in receivers if each.pulse.hung]
        here = [each for each in refusing if host_of(each.pulse.name) == self._around.host]
        return [_silence(each) for each in (refusing if len(refusing) == len(receivers) else here)]

    def _receives_elsewhere(self, each: Seen, seen: Sequence[Seen]) -> bool:
        """Tell whether this is a receiver on another machine, while there is none on this one."""
        receivers = [other.pulse for other in seen if other.pulse.role == "receiver"]
        here = any(host_of(pulse.name) == self._around.host for pulse in receivers)
        return each.pulse in receivers and not here


def router(health: Health) -> APIRouter:
    """Return the routes under `/health`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health", summary="Whether studies can be received and read", responses={503: {"model": HealthAnswer}})
    async def whole(response: Response) -> HealthAnswer:
        causes, warnings = await health.whole()
        return {"status": _status(response, causes), "problems": causes, "causes": causes, "warnings": warnings}

    @routes.get("/health/ready", summary="The same in short", responses={503: {"model": ReadyAnswer}})
    async def ready(response: Response) -> ReadyAnswer:
        causes = await health.causes()
        return {"status": _status(response, causes), "causes": causes}

    @routes.get("/health/live", summary="Whether this process answers")
    async def live() -> LiveAnswer:
        return {"status": "ok"}

    return routes


def _status(response: Response, causes: Sequence[str]) -> str:
    if causes:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return "failing" if causes else "ok"


def _missing(seen: Sequence[Seen], roles: Sequence[str]) -> list[str]:
    """Return which roles nobody has who gets on and can do its work."""
    causes = []
    for role in roles:
        members = [each for each in seen if each.pulse.role == role]
        if not any(map(gets_on, members)):
            causes += [_silence(each) for each in members] or [f"{role}: none serves"]
    return causes


def gets_on(seen: Seen) -> bool:
    """Tell whether a process makes progress and can do its work."""
    return seen.is_fresh(FRESH_S) and not seen.pulse.hung


def _silent_s(seen: Seen) -> float:
    return math.inf if seen.silent_s is None else seen.silent_s


def _silence(seen: Seen) -> str:
    if seen.pulse.hung:
        return f"{stable_part(seen.pulse.name)}: {seen.pulse.hung}"
    since = "yet" if seen.silent_s is None else f"for {seen.silent_s:.0f} s"
    return f"{stable_part(seen.pulse.name)}: no sign of progress {since}"


def _public(notice: str) -> str:
    """Return a notice without what was found in the configuration: that may be a secret that lost its place."""
    return "\n".join(line.partition(", found ")[0] for line in notice.splitlines())
