"""What somebody chose is theirs, on every database, and goes with their account."""

from __future__ import annotations

from tests.store.hashing import CHEAP
from tests.store.making import NOON
from triaged.store.people.accounts import Accounts
from triaged.store.people.preferences import Preferences
from triaged.store.tables.database import Database
from triaged.study.people import AccessRole, Person


def test_a_later_choice_takes_the_place_of_an_earlier_one_and_an_empty_one_takes_it_back(database: Database) -> None:
    preferences = Preferences(database)
    preferences.keep("Roe", {"theme": "dark", "columns": "a b"})
    preferences.keep("Roe", {"theme": "light"})
    assert preferences.of("Roe") == {"theme": "light", "columns": "a b"}
    preferences.keep("Roe", {"columns": "", "view": ""})
    assert preferences.of("Roe") == {"theme": "light"}


def test_choices_are_of_one_person_however_the_name_is_written(database: Database) -> None:
    preferences = Preferences(database)
    preferences.keep("Roe", {"theme": "dark"})
    assert preferences.of("ROE") == {"theme": "dark"}
    assert preferences.of("Doe") == {}


def test_choices_go_with_the_account(database: Database) -> None:
    accounts, preferences = Accounts(database, hasher=CHEAP), Preferences(database)
    accounts.add(Person("Roe", AccessRole.READER), "four quiet lungs", now=NOON)
    preferences.keep("Roe", {"theme": "dark"})
    preferences.keep("Doe", {"theme": "dark"})
    assert accounts.remove("roe")
    assert preferences.of("Roe") == {}
    assert preferences.of("Doe") == {"theme": "dark"}
