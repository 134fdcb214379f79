"""The commands of `triaged user`: who may sign in where the list asks for it.

A password comes from the terminal or from standard input, never from an argument: arguments are seen by everybody who
lists processes, and kept by shells. Knows nothing of the web.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database
from triaged.errors import ConfigError
from triaged.study.people import AccessRole, Person, fit_password, name_key, person_name

if TYPE_CHECKING:
    from triaged.store.people.accounts import Account, Accounts

app = typer.Typer(name="user", help="Say who may sign in to the list, and as what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name to sign in with.")]
Sites = Annotated[
    list[str] | None, typer.Option(help="A site whose studies the account sees; repeated. Without any, it sees all.")
]


@app.command()
def add(
    name: Name,
    role: Annotated[AccessRole, typer.Option(help="A reader reads the list, an administrator also decides who does.")],
    site: Sites = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add an account; the password is asked for, or read from the first line of standard input."""
    with _accounts(config) as accounts, _refusal_is_an_error():
        added = Person(person_name(name), role, _sites(config, site or [], role))
        if not accounts.add(added, fit_password(_asked_password(), added.name), now=datetime.now(UTC)):
            raise ConfigError(f"expected a name without an account, found {added.name}, which has one")
    typer.echo(f"{added.name} may sign in as {role}{_of(added.sites)}.")


@app.command("list")
def show(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """List the accounts, and when each last did something."""
    with _accounts(config) as accounts:
        found = accounts.all()
    for line in _table(found):
        typer.echo(line)


@app.command()
def sites(name: Name, site: Sites = None, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Say of which sites alone a reader sees studies; without --site of all. It counts from the next request on."""
    with _accounts(config) as accounts:
        found = next((each for each in accounts.all() if name_key(each.person.name) == name_key(name)), None)
        if found is None:
            raise _unknown(name)
        wanted = _sites(config, site or [], found.person.role)
        if not accounts.set_sites(name, wanted):
            raise _unknown(name)
    typer.echo(f"{name} sees the studies{_of(wanted) or ' of all sites'}.")


@app.command()
def remove(name: Name, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Remove an account; who is signed in with it is out at once. What they did stays in the history."""
    with _accounts(config) as accounts:
        if not accounts.remove(name):
            raise _unknown(name)
    typer.echo(f"{name} may not sign in any more.")


@app.command()
def password(name: Name, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Give an account a new password; who is signed in with it has to do so again."""
    with _accounts(config) as accounts, _refusal_is_an_error():
        found = next((each for each in accounts.all() if name_key(each.person.name) == name_key(name)), None)
        if found is None:
            raise _unknown(name)
        if not found.has_password:
            raise ConfigError(f"expected an account with a password, found {name}, who comes by single sign-on")
        if not accounts.set_password(name, fit_password(_asked_password(), name), now=datetime.now(UTC)):
            raise _unknown(name)
    typer.echo(f"{name} has a new password.")


def _sites(config: Path, names: list[str], role: AccessRole) -> frozenset[str]:
    """Return the sites of an account; `ConfigError` for one that is not there, or for who sees everything anyway."""
    from triaged.config.loading import load

    known = [each.name for each in load(config).sites]
    stranger = next((each for each in names if each not in known), None)
    if stranger is not None:
        raise ConfigError(f"expected names of sites ({', '.join(known) or 'there is none'}), found {stranger}")
    if names and role is AccessRole.ADMINISTRATOR:
        raise ConfigError("expected a reader: what administrators see is of all sites")
    return frozenset(names)


def _of(sites: frozenset[str]) -> str:
    return f" of {', '.join(sorted(sites))}" if sites else ""


def _asked_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _table(accounts: list[Account]) -> list[str]:
    if not accounts:
        return ["Nobody has an account: triaged user add NAME --role administrator"]
    width = max(len(account.person.name) for account in accounts)
    return [
        f"{account.person.name:<{width}}  {account.person.role:<13}  last seen {_moment(account.seen_at)}"
        f"{'' if account.has_password else ', by single sign-on'}{_of(account.person.sites)}"
        for account in accounts
    ]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


def _unknown(name: str) -> ConfigError:
    return ConfigError(f"expected a name that has an account (triaged user list shows them), found {name}")


@contextmanager
def _refusal_is_an_error() -> Iterator[None]:
    try:
        yield
    except ValueError as refusal:
        raise ConfigError(str(refusal)) from None


@contextmanager
def _accounts(config: Path) -> Iterator[Accounts]:
    from triaged.config.loading import load
    from triaged.store.people.accounts import Accounts

    settings = load(config)
    with opened_database(settings) as database:
        yield Accounts(database)
    if settings.access.mode != "accounts":
        typer.echo(f"Accounts are asked for once access.mode is accounts; it is {settings.access.mode}.")
