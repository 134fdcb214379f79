"""Sign-ins by single sign-on: those that have begun and wait for the provider's answer, and the accounts they end in.

An account of single sign-on has no password; it is known by its provider and subject, never by its name. Knows no
protocol, no web and no clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, update

from triaged.store.people import sessions
from triaged.store.people.accounts import SignedIn, sites_text
from triaged.store.people.sessions import digest
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.rows import insert_unless_there
from triaged.study.people import Person, name_key

LASTS: Final = timedelta(minutes=10)
"""How long the provider may take to let somebody in: they may have to find their second factor."""
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SignOn:
    """A sign-in that has begun: what the provider has to bring back (`state`, `nonce`), what only we know
    (`code_verifier`), and which page was wanted."""

    state: str
    nonce: str
    code_verifier: str
    wanted: str


@dataclass(frozen=True, slots=True)
class NameTaken:
    """The name that the provider gives is that of another account."""


class SignOns(Ledger):
    """Who is on the way to the provider, and who came back; `random` gives tokens."""

    def __init__(self, database: Database, *, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        super().__init__(database)
        self._random = random

    def begin(self, *, browser: str, wanted: str, now: datetime) -> SignOn:
        """Remember that a browser is sent to the provider; what nobody came back from is forgotten."""
        state, nonce, code_verifier = (self._random(_RANDOM_BYTES).hex() for _ in range(3))
        rows = schema.sign_on
        values = {
            "state_hash": digest(state),
            "browser_hash": digest(browser),
            "nonce": nonce,
            "code_verifier": code_verifier,
            "wanted": wanted,
            "created_at": now,
        }
        with self._database.begin() as connection:
            # What a clock that was set back since has left in the future goes, too.
            connection.execute(
                delete(rows).where((rows.c.created_at <= now - LASTS) | (rows.c.created_at > now + LASTS))
            )
            connection.execute(insert(rows).values(values))
        return SignOn(state, nonce, code_verifier, wanted)

    def take(self, state: str, *, browser: str, now: datetime) -> SignOn | None:
        """Return what began with `state` in this browser, once; None where nothing did, or too long ago."""
        rows = schema.sign_on
        mine = (
            rows.c.state_hash == digest(state),
            rows.c.browser_hash == digest(browser),
            rows.c.created_at > now - LASTS,
        )
        with self._database.begin() as connection:
            found = connection.execute(delete(rows).where(*mine).returning(rows)).one_or_none()
        return None if found is None else SignOn(state, found.nonce, found.code_verifier, found.wanted)

    def sign_in(
        self, subject: str, person: Person, *, browser: str, now: datetime, sites: frozenset[str] | None = None
    ) -> SignedIn | NameTaken:
        """Begin a session of whom the provider knows as `subject`, under the name and role that it gives now.

        `subject` is unique among all providers. Nobody gets into an account of another by having its name. `sites` are
        those that the account sees from now on, None where the provider does not decide that.
        """
        rows, named = schema.account, {"name": person.name, "name_key": name_key(person.name), "role": person.role}
        if sites is not None:
            named["sites"] = sites_text(sites)
        mine = rows.c.subject_hash == digest(subject)
        fresh = {**named, "password_hash": "", "created_at": now, "subject_hash": digest(subject)}
        with self._database.begin() as connection:
            holder = connection.execute(select(rows).where(rows.c.name_key == named["name_key"])).one_or_none()
            if holder is not None and holder.subject_hash != digest(subject):
                return NameTaken()
            account_id = connection.execute(update(rows).where(mine).values(named).returning(rows.c.id)).scalar()
            if account_id is None:
                account_id = insert_unless_there(connection, rows, fresh, key=["name_key"])
            if account_id is None:  # somebody else took the name just now
                return NameTaken()
            token = sessions.begin(connection, account_id, browser, random=self._random, now=now)
        return SignedIn(token, person)
