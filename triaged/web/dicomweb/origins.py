"""With what the addresses in our answers begin: where whoever asks reaches this server."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from triaged.web.identity import LOCAL_HOSTS


def origin_of(request: Request, configured: str | None) -> str:
    """Return the site's own origin where it is configured, else the one that the request went to.

    Some programs (dicomweb-client 0.61) leave the port out of the Host header; of this machine it is known.
    """
    if configured:
        return configured
    found = str(request.base_url).rstrip("/")
    parts = urlsplit(found)
    server = request.scope.get("server") or ("", None)
    if parts.port is None and parts.hostname in LOCAL_HOSTS and server[1]:
        return f"{found}:{server[1]}"
    return found
