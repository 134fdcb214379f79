"""Accounts, their sessions, and how guessing is slowed down without keeping anybody out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from tests.store.hashing import CHEAP, OLD
from tests.store.making import NOON
from triaged.store.people import attempts
from triaged.store.people.accounts import Accounts, SignedIn, TooMany, Wrong
from triaged.store.people.passwords import is_password
from triaged.store.people.sessions import KNOWN_BROWSER, Lasting
from triaged.store.tables.database import Database
from triaged.study.people import AccessRole, Person

ROE = Person("Roe", AccessRole.READER)
DOE = Person("Doe", AccessRole.ADMINISTRATOR)
PASSWORD = "four quiet lungs"
MINUTE = timedelta(minutes=1)
LASTING = Lasting(idle=timedelta(minutes=30), longest=timedelta(hours=8))


@pytest.fixture
def accounts(database: Database) -> Accounts:
    """One reader and one administrator."""
    opened = Accounts(database, hasher=CHEAP)
    assert opened.add(ROE, PASSWORD, now=NOON)
    assert opened.add(DOE, "another secret", now=NOON)
    return opened


def _try(
    accounts: Accounts,
    password: str = PASSWORD,
    *,
    name: str = "Roe",
    address: str = "10.0.0.1",
    browser: str = "b1",
    minutes: float = 0,
) -> SignedIn | Wrong | TooMany:
    return accounts.sign_in(name, password, address=address, browser=browser, now=NOON + minutes * MINUTE)


def _token(accounts: Accounts, *, browser: str = "b1", minutes: float = 0, password: str = PASSWORD) -> str:
    signed_in = _try(accounts, password, browser=browser, minutes=minutes)
    assert isinstance(signed_in, SignedIn)
    return signed_in.token


def _person(accounts: Accounts, token: str, *, minutes: float, attended: bool = True) -> Person | None:
    return accounts.person(token, lasting=LASTING, now=NOON + minutes * MINUTE, attended=attended)


def test_name_and_password_begin_a_session_of_that_person(accounts: Accounts) -> None:
    signed_in = _try(accounts, name="roe ")
    assert isinstance(signed_in, SignedIn)
    assert signed_in.person == ROE
    assert _person(accounts, signed_in.token, minutes=1) == ROE


@pytest.mark.parametrize(
    ("name", "password"), [("Roe", "wrong"), ("Roe", ""), ("Nobody", PASSWORD), ("", ""), ("", "\0")]
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(accounts: Accounts, name: str, password: str) -> None:
    assert _try(accounts, password, name=name) == Wrong()


@pytest.mark.parametrize("name", ["Roe\0", "\udcff", "' OR 1=1 --", "R" * 10_000, "\u202eeoR"])
def test_any_name_can_be_tried(accounts: Accounts, name: str) -> None:
    assert _try(accounts, name=name) == Wrong()


def _work(accounts: Accounts, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the kind and cost of every hash that is tried for a name with a wrong password, in no order."""
    tried: list[str] = []

    def watched(password: str, kept: str) -> bool:
        tried.append(kept.rsplit("$", 2)[0])
        return False

    with monkeypatch.context() as patched:
        patched.setattr("triaged.store.people.accounts.is_password", watched)
        assert _try(accounts, name=name) == Wrong()
    return sorted(tried)


def _keep_old_hash(database: Database, name: str = "Roe") -> None:
    with database.begin() as connection:
        connection.execute(
            text("UPDATE account SET password_hash = :old WHERE name = :name"), {"old": OLD, "name": name}
        )


def _kept_hash(database: Database) -> str:
    with database.read() as connection:
        return str(connection.execute(text("SELECT password_hash FROM account WHERE name = 'Roe'")).scalar_one())


def test_an_unknown_name_costs_the_same_work_as_a_known_one(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _work(accounts, "Roe", monkeypatch) == ["$argon2id$v=19$m=8,t=1,p=1"]
    assert _work(accounts, "Nobody", monkeypatch) == ["$argon2id$v=19$m=8,t=1,p=1"]


def test_while_one_account_has_an_old_hash_every_name_costs_the_work_of_both_kinds(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep_old_hash(database)
    both = ["$argon2id$v=19$m=8,t=1,p=1", "$scrypt$ln=4,r=1,p=1"]
    assert [_work(accounts, name, monkeypatch) for name in ("Roe", "Doe", "Nobody")] == [both] * 3


def test_an_old_hash_is_good_for_signing_in_and_is_replaced_by_it(accounts: Accounts, database: Database) -> None:
    _keep_old_hash(database)
    assert _try(accounts, "wrong") == Wrong()
    assert _kept_hash(database) == OLD
    assert isinstance(_try(accounts), SignedIn)
    assert _kept_hash(database).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert isinstance(_try(accounts), SignedIn)
    assert _try(accounts, "wrong") == Wrong()


def test_a_hash_of_another_cost_is_replaced_too(accounts: Accounts, database: Database) -> None:
    before = _kept_hash(database)
    dearer = Accounts(database, hasher=PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    assert isinstance(_try(dearer), SignedIn)
    assert _kept_hash(database).startswith("$argon2id$v=19$m=8,t=2,p=1$")
    assert before.startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_who_presses_the_button_twice_is_signed_in_twice_also_while_an_old_hash_is_replaced(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep_old_hash(database)

    def slow(password: str, kept: str) -> bool:
        monkeypatch.undo()
        assert isinstance(_try(accounts, browser="b2"), SignedIn)
        return is_password(password, kept)

    monkeypatch.setattr("triaged.store.people.accounts.is_password", slow)
    assert isinstance(_try(accounts), SignedIn)


def test_a_name_can_be_taken_once_however_it_is_written(accounts: Accounts) -> None:
    assert not accounts.add(Person("ROE", AccessRole.ADMINISTRATOR), "a third secret", now=NOON)
    assert [account.person for account in accounts.all()] == [DOE, ROE]


def test_neither_passwords_nor_tokens_are_in_the_database(accounts: Accounts, database: Database) -> None:
    token = _token(accounts)
    with database.read() as connection:
        tables = ("account", "session", "sign_in_attempt")
        kept = str([connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables])
    assert "Roe" in kept
    assert PASSWORD not in kept
    assert token not in kept


def test_tokens_are_long_and_never_the_same(accounts: Accounts) -> None:
    tokens = {_token(accounts, minutes=number) for number in range(5)}
    assert len(tokens) == 5
    assert {len(token) for token in tokens} == {64}


def test_a_session_ends_when_nobody_does_anything(accounts: Accounts) -> None:
    token = _token(accounts)
    assert _person(accounts, token, minutes=29) == ROE
    assert _person(accounts, token, minutes=58) == ROE
    assert _person(accounts, token, minutes=58 + 30) is None


def test_a_page_that_renews_itself_does_not_keep_a_session_open(accounts: Accounts) -> None:
    token = _token(accounts)
    for minutes in range(0, 30, 5):
        assert _person(accounts, token, minutes=minutes, attended=False) == ROE
    assert _person(accounts, token, minutes=30, attended=False) is None


def test_a_session_ends_in_the_end_whatever_is_done(accounts: Accounts) -> None:
    token = _token(accounts)
    for minutes in range(0, 8 * 60, 20):
        assert _person(accounts, token, minutes=minutes) == ROE
    assert _person(accounts, token, minutes=8 * 60) is None


def test_who_signs_out_is_out_and_nobody_else_is(accounts: Accounts) -> None:
    here, there = _token(accounts), _token(accounts, browser="b2")
    accounts.sign_out(here, now=NOON)
    assert _person(accounts, here, minutes=1) is None
    assert _person(accounts, there, minutes=1) == ROE
    accounts.sign_out("no session", now=NOON)


@pytest.mark.parametrize("token", ["", "0" * 64, "\udcff", "' OR 1=1 --"])
def test_what_is_no_token_is_nobody(accounts: Accounts, token: str) -> None:
    _token(accounts)
    assert _person(accounts, token, minutes=0) is None


def test_a_new_password_ends_every_session_and_the_old_one_is_worth_nothing(accounts: Accounts) -> None:
    token = _token(accounts)
    assert accounts.set_password("ROE", "five quiet lungs", now=NOON)
    assert _person(accounts, token, minutes=1) is None
    assert _try(accounts) == Wrong()
    assert _token(accounts, password="five quiet lungs")
    assert not accounts.set_password("Nobody", "five quiet lungs", now=NOON)


def test_who_is_removed_is_out_at_once(accounts: Accounts) -> None:
    token = _token(accounts)
    assert accounts.remove("roe")
    assert _person(accounts, token, minutes=1) is None
    assert _try(accounts) == Wrong()
    assert not accounts.remove("roe")
    assert [account.person for account in accounts.all()] == [DOE]


def test_a_password_that_changes_while_the_old_one_is_checked_lets_nobody_in(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_password: str, _kept: str) -> bool:
        return accounts.set_password("Roe", "five quiet lungs", now=NOON)

    monkeypatch.setattr("triaged.store.people.accounts.is_password", slow)
    assert _try(accounts) == Wrong()


def test_the_list_of_accounts_says_when_each_was_last_seen(accounts: Accounts) -> None:
    _token(accounts, minutes=3)
    _token(accounts, minutes=5)
    assert [(account.person.name, account.seen_at) for account in accounts.all()] == [
        ("Doe", None),
        ("Roe", NOON + 5 * MINUTE),
    ]


def _guess(
    accounts: Accounts, times: int, *, address: str = "10.6.6.6", browser: str = "evil", name: str = "Roe"
) -> None:
    for _ in range(times):
        assert _try(accounts, "guess", address=address, browser=browser, name=name) == Wrong()


def test_guesses_at_an_account_are_slowed_down_even_with_the_right_password(accounts: Accounts) -> None:
    _guess(accounts, attempts.MOST_OF_AN_ACCOUNT)
    refused = _try(accounts, browser="new", minutes=5)
    assert refused == TooMany(timedelta(minutes=10))
    assert isinstance(_try(accounts, browser="new", minutes=15), SignedIn)


def test_guesses_from_many_addresses_count_together(accounts: Accounts) -> None:
    for number in range(attempts.MOST_OF_AN_ACCOUNT):
        _guess(accounts, 1, address=f"10.6.6.{number}", browser=f"evil-{number}")
    assert isinstance(_try(accounts, browser="new"), TooMany)


def test_guesses_at_many_accounts_from_one_address_count_together(accounts: Accounts) -> None:
    for number in range(attempts.MOST_OF_AN_ADDRESS):
        _guess(accounts, 1, name=f"name-{number}")
    assert isinstance(_try(accounts, name="Doe", address="10.6.6.6", browser="new"), TooMany)
    assert isinstance(_try(accounts, name="Doe", address="10.0.0.1", browser="new"), Wrong)


def test_nobody_can_keep_a_doctor_out_of_a_browser_used_before(accounts: Accounts) -> None:
    _token(accounts, browser="doctor's")
    _guess(accounts, attempts.MOST_OF_AN_ACCOUNT, address="10.0.0.1")
    for number in range(attempts.MOST_OF_AN_ADDRESS - attempts.MOST_OF_AN_ACCOUNT):
        _guess(accounts, 1, address="10.0.0.1", name=f"name-{number}")
    assert isinstance(_try(accounts, browser="stranger's"), TooMany)
    assert isinstance(_try(accounts, browser="doctor's"), SignedIn)


def test_a_known_browser_is_slowed_down_too_and_for_its_person_alone(accounts: Accounts) -> None:
    _token(accounts, browser="shared")
    _guess(accounts, attempts.MOST_OF_A_BROWSER, browser="shared")
    assert isinstance(_try(accounts, browser="shared"), TooMany)
    assert isinstance(_try(accounts, browser="new"), SignedIn)
    assert _try(accounts, "wrong", name="Doe", browser="shared") == Wrong()


def test_a_browser_is_forgotten_in_the_end(accounts: Accounts) -> None:
    _token(accounts, browser="old")
    later = KNOWN_BROWSER / MINUTE
    for _ in range(attempts.MOST_OF_AN_ACCOUNT):
        _try(accounts, "guess", browser="evil", minutes=later)
    assert isinstance(_try(accounts, browser="old", minutes=later), TooMany)


def test_a_success_forgives_the_slips_of_this_person_in_this_place_only(accounts: Accounts) -> None:
    _guess(accounts, 5)
    for _ in range(4):
        assert _try(accounts, "slip") == Wrong()
    _token(accounts)  # and its four slips are forgotten: five guesses are left
    _guess(accounts, attempts.MOST_OF_AN_ACCOUNT - 5)
    assert isinstance(_try(accounts, browser="new"), TooMany)


def test_an_attempt_that_was_refused_does_not_prolong_the_wait(accounts: Accounts) -> None:
    _guess(accounts, attempts.MOST_OF_AN_ACCOUNT)
    for minutes in range(1, 15):
        assert isinstance(_try(accounts, "guess", browser="evil", minutes=minutes), TooMany)
    assert isinstance(_try(accounts, browser="new", minutes=15), SignedIn)


def test_the_count_survives_a_restart_and_old_rows_do_not_pile_up(accounts: Accounts, database: Database) -> None:
    _guess(accounts, attempts.MOST_OF_AN_ACCOUNT)
    again = Accounts(database, hasher=CHEAP)
    assert isinstance(_try(again, browser="new"), TooMany)
    _try(again, "wrong", browser="new", minutes=20)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sign_in_attempt")).scalar_one() == 1


@pytest.mark.parametrize("step_min", [-60, -24 * 60])
def test_a_session_outlives_a_clock_that_is_set_back_and_does_not_last_longer_for_it(
    accounts: Accounts, step_min: int
) -> None:
    token = _token(accounts, minutes=0)
    assert _person(accounts, token, minutes=step_min, attended=False) == ROE
    assert _person(accounts, token, minutes=step_min + 29, attended=False) == ROE
    assert _person(accounts, token, minutes=step_min + 31, attended=False) is None


def test_a_session_is_not_over_because_the_clock_was_wrong_for_a_minute(accounts: Accounts) -> None:
    token = _token(accounts, minutes=0)
    assert _person(accounts, token, minutes=24 * 60) is None
    assert _person(accounts, token, minutes=2) == ROE


@pytest.mark.parametrize("step_min", [-60, -24 * 60])
def test_nobody_waits_longer_for_a_clock_that_was_set_back(accounts: Accounts, step_min: int) -> None:
    for _ in range(attempts.MOST_OF_AN_ACCOUNT):
        assert isinstance(_try(accounts, "wrong"), Wrong)
    refused = _try(accounts, minutes=step_min)
    assert isinstance(refused, TooMany)
    assert refused.wait <= attempts.WINDOW
    assert isinstance(_try(accounts, minutes=step_min + 16), SignedIn)
