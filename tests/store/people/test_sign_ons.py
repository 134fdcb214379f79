"""Sign-ins by single sign-on that wait for an answer, and the accounts they end in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.store.hashing import CHEAP
from tests.store.making import NOON
from triaged.store.people.accounts import Accounts, SignedIn, Wrong
from triaged.store.people.sessions import Lasting
from triaged.store.people.sign_ons import LASTS, NameTaken, SignOn, SignOns
from triaged.store.tables.database import Database
from triaged.study.people import AccessRole, Person

OKAFOR = Person("Okafor", AccessRole.READER)
SUBJECT = "https://login.example\ns-1"


@pytest.fixture
def sign_ons(database: Database) -> SignOns:
    """Nobody has signed on."""
    return SignOns(database)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    """One administrator with a password."""
    opened = Accounts(database, hasher=CHEAP)
    assert opened.add(Person("Doe", AccessRole.ADMINISTRATOR), "four quiet lungs", now=NOON)
    return opened


def _begun(sign_ons: SignOns, *, browser: str = "b1", minutes: float = 0) -> SignOn:
    return sign_ons.begin(browser=browser, wanted="/status", now=NOON + timedelta(minutes=minutes))


def test_what_began_is_taken_once_with_all_that_was_kept(sign_ons: SignOns) -> None:
    begun, other = _begun(sign_ons), _begun(sign_ons)
    assert len({begun.state, begun.nonce, begun.code_verifier, other.state, other.nonce, other.code_verifier}) == 6
    assert sign_ons.take(begun.state, browser="b1", now=NOON) == begun
    assert sign_ons.take(begun.state, browser="b1", now=NOON) is None
    assert sign_ons.take(other.state, browser="b1", now=NOON) == other


@pytest.mark.parametrize(("browser", "wait"), [("b2", timedelta(0)), ("", timedelta(0)), ("b1", LASTS)])
def test_neither_another_browser_nor_anybody_late_takes_it(sign_ons: SignOns, browser: str, wait: timedelta) -> None:
    begun = _begun(sign_ons)
    assert sign_ons.take(begun.state, browser=browser, now=NOON + wait) is None
    assert sign_ons.take(begun.state, browser="b1", now=NOON) == begun


@pytest.mark.parametrize("state", ["", "\0", "\udcff", "' OR 1=1 --"])
def test_any_text_can_come_as_a_state(sign_ons: SignOns, state: str) -> None:
    _begun(sign_ons)
    assert sign_ons.take(state, browser="b1", now=NOON) is None


def test_what_nobody_came_back_from_does_not_pile_up(sign_ons: SignOns, database: Database) -> None:
    for minutes in (0, 1, 60, 11):  # the clock was set back
        _begun(sign_ons, minutes=minutes)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sign_on")).scalar_one() == 1


def test_the_store_has_no_state_that_could_be_brought(sign_ons: SignOns, database: Database) -> None:
    begun = _begun(sign_ons, browser="the secret of a browser")
    with database.read() as connection:
        kept = str(connection.execute(text("SELECT * FROM sign_on")).all())
    assert begun.nonce in kept
    assert begun.state not in kept
    assert "the secret of a browser" not in kept


def test_who_signs_on_has_an_account_without_a_password(sign_ons: SignOns, accounts: Accounts) -> None:
    entered = sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON)
    assert isinstance(entered, SignedIn)
    assert accounts.person(entered.token, lasting=Lasting(), now=NOON, attended=True) == OKAFOR
    assert [(each.person.name, each.has_password) for each in accounts.all()] == [("Doe", True), ("Okafor", False)]
    assert accounts.sign_in("Okafor", "", address="10.0.0.1", browser="b1", now=NOON) == Wrong()
    assert not accounts.set_password("Okafor", "five quiet lungs", now=NOON)


def test_a_name_without_a_password_costs_the_work_of_one_that_has(
    sign_ons: SignOns, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON)
    tried: list[str] = []

    def watched(password: str, kept: str) -> bool:
        tried.append(kept.rsplit("$", 2)[0])
        return False

    monkeypatch.setattr("triaged.store.people.accounts.is_password", watched)
    for name in ("Okafor", "Doe"):
        accounts.sign_in(name, "guess", address="10.0.0.1", browser="b1", now=NOON)
    assert tried == ["$argon2id$v=19$m=8,t=1,p=1"] * 2


def test_name_and_role_are_those_of_the_last_sign_in_in_every_session(sign_ons: SignOns, accounts: Accounts) -> None:
    first = sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON)
    again = Person("Okafor-Lind", AccessRole.ADMINISTRATOR)
    assert isinstance(sign_ons.sign_in(SUBJECT, again, browser="b2", now=NOON), SignedIn)
    assert isinstance(first, SignedIn)
    assert accounts.person(first.token, lasting=Lasting(), now=NOON, attended=True) == again


@pytest.mark.parametrize("name", ["Doe", "DOE", "doe "])
def test_the_name_of_an_account_is_not_given_to_anybody_else(sign_ons: SignOns, accounts: Accounts, name: str) -> None:
    assert sign_ons.sign_in(SUBJECT, Person(name, AccessRole.READER), browser="b1", now=NOON) == NameTaken()
    assert isinstance(sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON), SignedIn)
    assert sign_ons.sign_in(SUBJECT, Person(name, AccessRole.READER), browser="b1", now=NOON) == NameTaken()
    assert sign_ons.sign_in("another\ns-1", OKAFOR, browser="b1", now=NOON) == NameTaken()


def test_only_a_session_of_single_sign_on_is_told_from_others_when_it_ends(
    sign_ons: SignOns, accounts: Accounts
) -> None:
    entered = sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON)
    signed_in = accounts.sign_in("Doe", "four quiet lungs", address="10.0.0.1", browser="b2", now=NOON)
    assert isinstance(entered, SignedIn)
    assert isinstance(signed_in, SignedIn)
    assert accounts.sign_out(entered.token, now=NOON)
    assert not accounts.sign_out(signed_in.token, now=NOON)
    assert not accounts.sign_out("no session", now=NOON)


def test_who_is_removed_begins_anew(sign_ons: SignOns, accounts: Accounts) -> None:
    sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON)
    assert accounts.remove("okafor")
    assert isinstance(sign_ons.sign_in(SUBJECT, OKAFOR, browser="b1", now=NOON), SignedIn)
