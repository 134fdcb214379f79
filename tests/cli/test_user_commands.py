"""Accounts from the command line, as an administrator makes them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.site import Ended, Site
from tests.store.hashing import CHEAP
from tests.store.making import NOON
from triaged.store.people.accounts import Accounts, SignedIn, Wrong
from triaged.store.people.sign_ons import SignOns
from triaged.study.people import AccessRole, Person

PASSWORD = "four quiet lungs"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose list asks who one is, and where a password is hashed in no time."""
    monkeypatch.setattr("triaged.store.people.accounts.PasswordHasher", lambda: CHEAP)
    made = Site(tmp_path)
    made.configure(access={"mode": "accounts"})
    return made


def _run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = "") -> Ended:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return site.run("user", *arguments)


def _sign_in(site: Site, name: str, password: str) -> SignedIn | Wrong:
    with site.scene() as scene:
        outcome = Accounts(scene.database).sign_in(name, password, address="10.0.0.1", browser="b", now=NOON)
    assert isinstance(outcome, SignedIn | Wrong)
    return outcome


def test_an_account_is_added_listed_given_a_new_password_and_removed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nobody has an account" in _run(site, monkeypatch, "list").out
    added = _run(site, monkeypatch, "add", "Doe", "--role", "administrator", typed=f"{PASSWORD}\n")
    assert (added.code, added.out) == (0, "Doe may sign in as administrator.\n")
    assert isinstance(_sign_in(site, "Doe", PASSWORD), SignedIn)
    assert _run(site, monkeypatch, "list").out.split() == [
        "Doe",
        "administrator",
        "last",
        "seen",
        "2026-03-01",
        "12:00",
        "UTC",
    ]
    changed = _run(site, monkeypatch, "password", "doe", typed="five quiet lungs\n")
    assert changed.code == 0
    assert _sign_in(site, "Doe", PASSWORD) == Wrong()
    assert isinstance(_sign_in(site, "Doe", "five quiet lungs"), SignedIn)
    assert _run(site, monkeypatch, "remove", "Doe").code == 0
    assert _sign_in(site, "Doe", "five quiet lungs") == Wrong()


def test_nothing_of_a_password_is_printed_or_taken_from_an_argument(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = _run(site, monkeypatch, "add", "Doe", "--role", "reader", typed=PASSWORD)
    assert PASSWORD not in added.out + added.err
    assert _run(site, monkeypatch, "add", "Roe", PASSWORD, "--role", "reader").code == 2
    assert "--password" not in _run(site, monkeypatch, "add", "--help").out


def test_an_account_is_bound_to_sites_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triaged.store.people.accounts.PasswordHasher", lambda: CHEAP)
    site = Site(tmp_path)
    site.configure(access={"mode": "accounts"}, sites=[{"name": name, "senders": name} for name in ("north", "south")])
    added = _run(
        site, monkeypatch, "add", "Roe", "--role", "reader", "--site", "south", "--site", "north", typed=PASSWORD
    )
    assert added.out == "Roe may sign in as reader of north, south.\n"
    assert _run(site, monkeypatch, "list").out.rstrip().endswith("of north, south")
    assert _run(site, monkeypatch, "sites", "roe", "--site", "south").out == "roe sees the studies of south.\n"
    assert _run(site, monkeypatch, "list").out.rstrip().endswith("of south")
    assert _run(site, monkeypatch, "sites", "Roe").out == "Roe sees the studies of all sites.\n"
    assert "of south" not in _run(site, monkeypatch, "list").out
    for arguments, why in (
        (("sites", "Roe", "--site", "west"), "expected names of sites (north, south), found west"),
        (("sites", "Doe", "--site", "north"), "expected a name that has an account"),
        (("add", "Doe", "--role", "administrator", "--site", "north"), "expected a reader"),
    ):
        ended = _run(site, monkeypatch, *arguments, typed=PASSWORD)
        assert ended.code == 2
        assert why in ended.err


@pytest.mark.parametrize(
    ("arguments", "typed", "why"),
    [
        (("add", "Roe", "--role", "reader"), "short\n", "expected a password of 12"),
        (("add", "Roe", "--role", "reader"), "", "expected a password of 12"),
        (("add", "Ro\u202ee", "--role", "reader"), PASSWORD, "expected a name"),
        (("add", "triaged", "--role", "reader"), PASSWORD, "expected another name"),
        (("add", "DOE", "--role", "reader"), PASSWORD, "expected a name without an account"),
        (("remove", "Roe"), "", "expected a name that has an account"),
        (("password", "Roe"), PASSWORD, "expected a name that has an account"),
        (("password", "Doe"), "Doe Doe Doe Doe", "does not hold the name"),
    ],
)
def test_a_mistake_is_said_in_one_line_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], typed: str, why: str
) -> None:
    _run(site, monkeypatch, "add", "Doe", "--role", "administrator", typed=PASSWORD)
    ended = _run(site, monkeypatch, *arguments, typed=typed)
    assert ended.code == 2
    assert why in ended.err
    assert len(ended.err.splitlines()) == 1
    assert _run(site, monkeypatch, "list").out.split()[:2] == ["Doe", "administrator"]


def test_whoever_adds_an_account_that_nobody_asks_for_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.configure()
    assert "it is open" in _run(site, monkeypatch, "add", "Doe", "--role", "reader", typed=PASSWORD).out


def test_check_says_who_can_see_the_list(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FAILED" in (found := _line(site.run("check").out))
    assert "triaged user add NAME --role administrator" in found
    _run(site, monkeypatch, "add", "Roe", "--role", "reader", typed=PASSWORD)
    assert "FAILED" in _line(site.run("check").out)
    _run(site, monkeypatch, "add", "Doe", "--role", "administrator", typed=PASSWORD)
    assert "2 account(s), 1 of an administrator" in _line(site.run("check").out)
    site.configure()
    assert "open to everybody at this machine" in _line(site.run("check").out)
    site.configure(access={"mode": "proxy", "proxies": ["10.0.0.1"]})
    assert "whom 10.0.0.1 names in the header Remote-User" in _line(site.run("check").out)


def _line(table: str) -> str:
    return next(line for line in table.splitlines() if " access " in line)


def test_who_comes_by_single_sign_on_is_listed_so_and_gets_no_password(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nobody has an account" in _run(site, monkeypatch, "list").out
    with site.scene() as scene:
        SignOns(scene.database).sign_in("s-1", Person("Okafor", AccessRole.READER), browser="b", now=NOON)
    assert _run(site, monkeypatch, "list").out.strip().endswith(", by single sign-on")
    refused = _run(site, monkeypatch, "password", "okafor", typed=f"{PASSWORD}\n")
    assert refused.code != 0
    assert "expected an account with a password, found okafor, who comes by single sign-on" in refused.err
    assert _run(site, monkeypatch, "remove", "okafor").code == 0
