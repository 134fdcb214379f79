"""Somebody who looks at the list through HTTP alone, and signs in where the list asks for it. Knows no trial."""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Person:
    """Asks for pages of one daemon; `sign_ins` counts how often it had to sign in."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.name, self.password = name, password
        self.sign_ins = 0
        self._address = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get_json(self, path: str) -> Any:
        """Return what is at a path, or None where there is nothing or nobody answers."""
        try:
            try:
                return self._get(path)
            except urllib.error.HTTPError as error:
                if error.code != 401:
                    return None
                self._sign_in()
                return self._get(path)
        except (OSError, ValueError):
            return None

    def get_text(self, path: str) -> str:
        """Return a page, signed in as far as that was asked for before; nothing where nobody answers."""
        try:
            with self._opener.open(self._address + path, timeout=20) as response:
                return str(response.read().decode("utf-8", "replace"))
        except OSError:
            return ""

    def post(self, path: str, **form: str) -> int:
        """Send a form with the token of the list's page; return the status, 0 where nobody answers."""
        found = _CSRF.search(self.get_text("/"))
        form["csrf"] = found.group(1) if found else ""
        try:
            with self._opener.open(self._address + path, urllib.parse.urlencode(form).encode(), timeout=20) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _get(self, path: str) -> Any:
        with self._opener.open(self._address + path, timeout=5) as response:
            return json.load(response)

    def _sign_in(self) -> None:
        with self._opener.open(f"{self._address}/sign-in", timeout=5) as response:
            found = _CSRF.search(response.read().decode())
        form = {"name": self.name, "password": self.password, "csrf": found.group(1) if found else ""}
        self._opener.open(f"{self._address}/sign-in", urllib.parse.urlencode(form).encode(), timeout=10).close()
        self.sign_ins += 1
