"""The tables of people: accounts, sessions, sign-ins that failed or wait. They know nothing of studies.

They are part of the one schema, which has their names too. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from triaged.store.tables.columns import WHOLE, Instant, metadata

account = Table(
    "account",
    metadata,
    Column("id", WHOLE, primary_key=True),
    # As it was written, and as it is compared: the same for names that people take for the same.
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    # With its salt and its cost, in PHC notation; empty where single sign-on made the account.
    Column("password_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Whom single sign-on made it for, by provider and subject: names may change there, and be given to others.
    Column("subject_hash", Text),
    # The names of the sites whose studies it sees, with spaces between; empty: all studies.
    Column("sites", Text, nullable=False, server_default=""),
    CheckConstraint("role IN ('reader', 'administrator')", name="role_is_known"),
    Index("ix_account_subject_hash", "subject_hash", unique=True),
)

# Who has a copy of the database has no session: tokens are kept as hashes.
session = Table(
    "session",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("account_id", WHOLE, ForeignKey("account.id"), nullable=False),
    # The browser in which it began: one that signed in before is not held up by others' guesses.
    Column("browser_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_session_account_id_browser_hash", "account_id", "browser_hash"),
)

# Sign-ins that failed, or are being checked. The name that was tried is kept as a hash: people type passwords there.
sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("name_hash", Text, nullable=False, index=True),
    Column("address", Text, nullable=False, index=True),
    # Only of a browser in which this person had signed in before.
    Column("browser_hash", Text),
)

# Sign-ins that wait for the answer of the provider of single sign-on; each is taken once.
sign_on = Table(
    "sign_on",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("state_hash", Text, nullable=False, unique=True),
    # The browser that was sent there: nobody else can bring its answer.
    Column("browser_hash", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("code_verifier", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

# How somebody wants the pages. By name, not by account: a proxy or this machine itself may say who asks.
preference = Table(
    "preference",
    metadata,
    Column("person_key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
