"""Asks the provider of single sign-on what it offers, as a sign-in would; signs nobody in."""

from __future__ import annotations

from typing import Final

from triaged.daemon.checking import Check
from triaged.web.oidc.options import OidcOptions

_ABOUT: Final = "access.oidc"


def sign_on(options: OidcOptions) -> Check:
    """Say whether the provider answers and can be used; one that is away is to be looked at, and stops nothing."""
    from triaged.web.oidc.provider import Away, Provider, Untrusted  # brings Authlib, which few sites need

    provider = Provider(options, "")
    try:
        leaves = provider.end_session_url(back="") is not None
    except Away as away:
        return Check(_ABOUT, True, f"{away}; until it does, only accounts sign in", f"{_ABOUT}.issuer", warns=True)
    except Untrusted as why:
        return Check(_ABOUT, False, f"expected a provider that can be used, found that {why}", f"{_ABOUT}.issuer")
    signing_out = "signs people out, too" if leaves else "does not sign people out"
    return Check(_ABOUT, True, f"{options.issuer} answers and {signing_out}", f"{_ABOUT}.issuer")
