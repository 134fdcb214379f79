"""Guesses that are made at once are all counted, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.store.hashing import CHEAP
from tests.store.making import NOON
from triaged.store.people.accounts import Accounts, TooMany, Wrong
from triaged.store.people.attempts import MOST_OF_AN_ACCOUNT
from triaged.store.tables.database import Database
from triaged.study.people import AccessRole, Person

GUESSERS = 8
GUESSES = 3


def test_no_more_guesses_are_looked_at_than_one_after_the_other(database: Database) -> None:
    accounts = Accounts(database, hasher=CHEAP)
    accounts.add(Person("Roe", AccessRole.READER), "four quiet lungs", now=NOON)
    together = threading.Barrier(GUESSERS)

    def guess(number: int) -> list[type]:
        together.wait(60)
        return [
            type(accounts.sign_in("Roe", "guess", address=f"10.0.0.{number}", browser=f"b{number}", now=NOON))
            for _ in range(GUESSES)
        ]

    with ThreadPoolExecutor(GUESSERS) as pool:
        outcomes = [outcome for each in pool.map(guess, range(GUESSERS)) for outcome in each]
    assert outcomes.count(Wrong) == MOST_OF_AN_ACCOUNT
    assert outcomes.count(TooMany) == GUESSERS * GUESSES - MOST_OF_AN_ACCOUNT
